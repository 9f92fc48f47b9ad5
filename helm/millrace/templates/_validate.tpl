{{/*
What a schema cannot say: relations between values.  Each check is a list of problems as text, "what is wrong: what to do"; all of them are
reported at once.
*/}}

{{- define "millrace.problems" -}}
{{- range list "configuration" "secrets" "memory" "stopping" "addresses" "membership" "scaling" "policies" "alerts" }}
{{- include (printf "millrace.problems.%s" .) $ }}
{{- end }}
{{- end }}

{{- define "millrace.problems.configuration" -}}
{{- if and .Values.config .Values.existingConfigMap }}
- config and existingConfigMap are both given: keep one
{{- else if not (or .Values.config .Values.existingConfigMap) }}
- there is no configuration: set config (values.yaml has a first one), or existingConfigMap
{{- end }}
{{- /* Helm reads every number as a double. */}}
{{- range regexFindAll `"(value|default)":-?[0-9]{16,}[,}]` (toRawJson .Values.config) -1 }}
{{- $number := regexFind "[0-9]{16,}" . }}
{{- if or (gt (len $number) 16) (gt (int64 $number) 9007199254740991) }}
- config has the number {{ $number }}, and Helm does not keep numbers above 9007199254740991 exactly: write it as a text, with accept: [number, string]
{{- end }}
{{- end }}
{{- $ours := list "MILLRACE_KAFKA_GROUP_INSTANCE_ID" "MILLRACE_HTTP_LISTEN" "MILLRACE_HTTP_PROBE_LISTEN" "MILLRACE_SHUTDOWN_GRACE_S" "MILLRACE_CONFIG" }}
{{- range .Values.extraEnv }}
{{- if has .name $ours }}
- extraEnv sets {{ .name }}, which the chart has to know: say it in config, staticMembership or terminationGracePeriodSeconds
{{- end }}
{{- end }}
{{- if and .Values.upgradeCheck.enabled .Values.existingConfigMap }}
- upgradeCheck needs the configuration, and existingConfigMap is the cluster's: set upgradeCheck.enabled to false, or use config
{{- end }}
{{- end }}

{{/* A file below our folder has to be mounted, and no secret stands in the values. */}}
{{- define "millrace.problems.secrets" -}}
{{- $folder := "/run/secrets/millrace/" }}
{{- range regexFindAll (printf `"%s[^"]*"` $folder) (toRawJson .Values.config) -1 | uniq }}
{{- $path := trimAll "\"" . }}
{{- $parts := trimPrefix $folder $path | splitList "/" }}
{{- $secret := get $.Values.secrets (first $parts) }}
{{- if not $secret }}
- config names {{ $path }}, and secrets has no {{ first $parts | quote }}: add secrets.{{ first $parts }}.existingSecret
{{- else if and $secret.keys (not (has (rest $parts | join "/") $secret.keys)) }}
- config names {{ $path }}, and secrets.{{ first $parts }}.keys lacks {{ rest $parts | join "/" | quote }}: add it, or leave keys out
{{- end }}
{{- end }}
{{- $shards := default list .Values.config.shards }}
{{- range $i, $shard := append $shards (default dict .Values.config.shard_defaults) }}
{{- $where := ternary "config.shard_defaults" (printf "config.shards[%d]" $i) (eq $i (len $shards)) }}
{{- if and $shard.password (not (contains "${" $shard.password)) }}
- {{ $where }}.password is a secret in the values: use password_file with secrets, or ${NAME} with extraEnv from a Secret
{{- end }}
{{- end }}
{{- $secret := list "sasl.password" "ssl.key.password" "ssl.key.pem" "ssl.keystore.password" "sasl.oauthbearer.client.secret" "sasl.jaas.config" }}
{{- range $set := list "properties" "consumer_properties" "producer_properties" }}
{{- range $name, $value := dig "kafka" $set dict $.Values.config }}
{{- if and (has $name $secret) (not (contains "${" (toString $value))) }}
- config.kafka.{{ $set }}.{{ $name | quote }} is a secret in the values: use config.kafka.properties_file with secrets, or ${NAME} with extraEnv from a Secret
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The least that `millrace explain` ever says is the pool, four times what is fetched, and 64 MiB. */}}
{{- define "millrace.problems.memory" -}}
{{- $limit := .Values.resources.limits.memory }}
{{- with .Values.resources.requests.memory }}
{{- if ne (toString .) (toString $limit) }}
- resources.requests.memory is {{ . }} and the limit {{ $limit }}: leave the request out, it is the limit (memory is taken at start and does not grow)
{{- end }}
{{- end }}
{{- /* 0: by the library, and that of the image is 2.2 or later. */}}
{{- $fetch := dig "memory" "fetch_mib" 0 .Values.config | int64 | default 16 }}
{{- $least := add (dig "memory" "pool_mib" 64 .Values.config) (mul 4 $fetch) 64 }}
{{- if lt (include "millrace.bytes" $limit | int64) (mul $least 1048576) }}
- resources.limits.memory is {{ $limit }}, and config.memory needs more than {{ $least }}Mi: ask `millrace explain --json`, memory.limit_bytes
{{- end }}
{{- end }}

{{- define "millrace.problems.stopping" -}}
{{- $grace := include "millrace.graceSeconds" . | int64 }}
{{- $period := include "millrace.terminationGracePeriodSeconds" . | int64 }}
{{- if lt $period (add $grace 10) }}
- terminationGracePeriodSeconds is {{ $period }}, less than shutdown.grace_s ({{ $grace }}) + 10: leave it at 0, or raise it
{{- end }}
{{- $longest := include "millrace.longestTimeoutSeconds" . | int64 }}
{{- $window := mul .Values.probes.liveness.periodSeconds (include "millrace.livenessFailures" . | int64) }}
{{- if le $window $longest }}
- probes.liveness gives up after {{ $window }} s, and a database may take {{ $longest }} s: leave failureThreshold at 0, or raise it
{{- end }}
{{- end }}

{{- define "millrace.problems.addresses" -}}
{{- range $key, $use := dict "listen" "Prometheus" "probe_listen" "the kubelet" }}
{{- $address := dig "http" $key "[::]:0" $.Values.config }}
{{- if not (regexMatch ":[0-9]+$" $address) }}
- config.http.{{ $key }} is {{ $address | quote }}, without a port: {{ $use }} needs one, such as [::]:{{ ternary 7780 7781 (eq $key "listen") }}
{{- else if regexMatch `^(127\.|\[::1\]|localhost)` $address }}
- config.http.{{ $key }} is {{ $address | quote }}, and {{ $use }} comes from outside of the pod: use [::]
{{- end }}
{{- end }}
{{- if eq (include "millrace.metricsPort" .) (include "millrace.probePort" .) }}
- config.http.listen and probe_listen have the same port: probes need their own, so that no scraper can starve them
{{- end }}
{{- end }}

{{- define "millrace.problems.membership" -}}
{{- if dig "kafka" "group_instance_id" "" .Values.config }}
- config.kafka.group_instance_id would be the same for all pods, which fence each other: use staticMembership.enabled
{{- end }}
{{- if .Values.staticMembership.enabled }}
{{- if .Values.autoscaling.keda.enabled }}
- staticMembership and autoscaling.keda are both enabled: a static member that is scaled away keeps its partitions until the session times out; disable one
{{- end }}
{{- $properties := list (dig "kafka" "consumer_properties" dict .Values.config) (dig "kafka" "properties" dict .Values.config) (dict "session.timeout.ms" .Values.staticMembership.sessionTimeoutMs) }}
{{- $session := 0 }}
{{- range reverse $properties }}{{ $session = default $session (get . "session.timeout.ms") | int64 }}{{ end }}
{{- $least := mul 1000 (add 30 (include "millrace.graceSeconds" .)) }}
{{- if lt $session $least }}
- the session timeout of static members is {{ $session }} ms, shorter than a restart: set staticMembership.sessionTimeoutMs to at least {{ $least }} (shutdown.grace_s + 30 s)
{{- end }}
{{- end }}
{{- end }}

{{- define "millrace.problems.scaling" -}}
{{- with .Values.autoscaling.keda }}
{{- if .enabled }}
{{- $most := default $.Values.partitions .maxReplicaCount }}
{{- if not $most }}
- autoscaling.keda has no upper end: set partitions, or autoscaling.keda.maxReplicaCount
{{- else if lt (int64 $most) (int64 .minReplicaCount) }}
- autoscaling.keda.minReplicaCount ({{ .minReplicaCount }}) is above the most pods ({{ $most }}): lower it
{{- else if and $.Values.partitions (gt (int64 $most) (int64 $.Values.partitions)) }}
- autoscaling.keda.maxReplicaCount ({{ .maxReplicaCount }}) is above partitions ({{ $.Values.partitions }}): the pods beyond have nothing to do; lower it
{{- end }}
{{- if not (or .triggers .prometheus.serverAddress) }}
- autoscaling.keda has nothing to ask: set autoscaling.keda.prometheus.serverAddress, or triggers
{{- end }}
{{- range $name := list "serverAddress" "threshold" "ignoreNullValues" "query" }}
{{- if hasKey $.Values.autoscaling.keda.prometheus.metadata $name }}
- autoscaling.keda.prometheus.metadata has {{ $name }}, which the chart sets: use autoscaling.keda.prometheus, or triggers
{{- end }}
{{- end }}
{{- range .triggers }}
{{- if eq .type "memory" }}
- autoscaling.keda.triggers has one on memory, which is taken at start and says nothing: use another
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "millrace.problems.policies" -}}
{{- if and .Values.networkPolicy.enabled .Values.existingConfigMap }}
{{- range $key := list "kafka" "databases" }}
{{- if not (index $.Values.networkPolicy $key).ports }}
- networkPolicy.{{ $key }}.ports is empty, and the chart cannot read existingConfigMap: name the ports
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "millrace.problems.alerts" -}}
{{- if and .Values.metrics.podMonitor.enabled .Values.metrics.serviceMonitor.enabled }}
- metrics.podMonitor and metrics.serviceMonitor are both enabled, so everything would be scraped twice: keep one (podMonitor)
{{- end }}
{{- $known := list }}
{{- range ($.Files.Get "files/alerts.yaml" | fromYaml).groups }}
{{- range .rules }}{{ with .alert }}{{ $known = append $known . }}{{ end }}{{ end }}
{{- end }}
{{- range .Values.metrics.prometheusRule.disabled }}
{{- if not (has . $known) }}
- metrics.prometheusRule.disabled names {{ . | quote }}, and there is no such alert: it is one of {{ join ", " $known }}
{{- end }}
{{- end }}
{{- if and .Values.metrics.dashboard.enabled (not (.Files.Get "files/dashboard.json")) }}
- metrics.dashboard is enabled, and this package of the chart has no files/dashboard.json: disable it
{{- end }}
{{- end }}
