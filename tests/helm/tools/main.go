// Manifests for the chart's tests: reads a stream of YAML documents from stdin.
//
//	manifests json         prints them as one JSON list, for scripts without a YAML library
//	manifests restricted   holds every pod in them against the pod security standard `restricted`, with the code that
//	                       the API server's admission runs; exits 1 and names each violation
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fail(64, errors.New("usage: manifests json|restricted <MANIFESTS"))
	}
	documents, err := read(os.Stdin)
	if err != nil {
		fail(65, err)
	}
	switch os.Args[1] {
	case "json":
		err = json.NewEncoder(os.Stdout).Encode(documents)
	case "restricted":
		err = restricted(documents)
	default:
		err = fmt.Errorf("there is no command %q", os.Args[1])
	}
	if err != nil {
		fail(1, err)
	}
}

func fail(status int, err error) {
	fmt.Fprintln(os.Stderr, "manifests:", err)
	os.Exit(status)
}

func read(from io.Reader) ([]json.RawMessage, error) {
	documents := []json.RawMessage{}
	stream := utilyaml.NewYAMLReader(bufio.NewReader(from))
	for {
		text, err := stream.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		// Strict: a key that stands twice is a mistake of the template.
		document, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			return nil, err
		}
		if string(document) != "null" {
			documents = append(documents, document)
		}
	}
}

// The pod that an object makes, or nil.
func podOf(document []byte) (name string, meta *metav1.ObjectMeta, spec *corev1.PodSpec, err error) {
	var head struct {
		metav1.TypeMeta
		metav1.ObjectMeta `json:"metadata"`
	}
	if err = json.Unmarshal(document, &head); err != nil {
		return
	}
	name = head.Kind + "/" + head.Name
	var template *corev1.PodTemplateSpec
	switch head.Kind {
	case "Pod":
		var pod corev1.Pod
		err = json.Unmarshal(document, &pod)
		return name, &pod.ObjectMeta, &pod.Spec, err
	case "StatefulSet":
		var set appsv1.StatefulSet
		err = json.Unmarshal(document, &set)
		template = &set.Spec.Template
	case "Deployment":
		var deployment appsv1.Deployment
		err = json.Unmarshal(document, &deployment)
		template = &deployment.Spec.Template
	case "DaemonSet":
		var set appsv1.DaemonSet
		err = json.Unmarshal(document, &set)
		template = &set.Spec.Template
	case "Job":
		var job batchv1.Job
		err = json.Unmarshal(document, &job)
		template = &job.Spec.Template
	case "CronJob":
		var job batchv1.CronJob
		err = json.Unmarshal(document, &job)
		template = &job.Spec.JobTemplate.Spec.Template
	default:
		return
	}
	return name, &template.ObjectMeta, &template.Spec, err
}

func restricted(documents []json.RawMessage) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		return err
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	pods, bad := 0, 0
	for _, document := range documents {
		name, meta, spec, err := podOf(document)
		if err != nil {
			return err
		}
		if spec == nil {
			continue
		}
		pods++
		for _, result := range evaluator.EvaluatePod(level, meta, spec) {
			if !result.Allowed {
				bad++
				fmt.Printf("%s: %s (%s)\n", name, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d violations in %d pods", bad, pods)
	}
	if pods == 0 {
		return errors.New("no pod to look at")
	}
	fmt.Printf("%d pods are restricted\n", pods)
	return nil
}
