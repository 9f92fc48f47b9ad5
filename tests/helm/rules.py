"""What must be true of every rendering of the chart, whatever its values.

    rules.py check   WORK VALUES NAME...   each rule of this file, for each rendering
    rules.py extract WORK NAME...          writes WORK/NAME.config, the worker's configuration file (none, where the chart does not make it),
                                           NAME.env, its environment as the first pod would see it, and NAME.limit, its memory limit in bytes

WORK/NAME.json is the rendering, a list of manifests (`manifests json`); WORK/asked/NAME/*.json are the values that were asked for, the later
ones on top; VALUES/NAME.yaml is their file with its header.
"""

import glob
import json
import re
import sys

FOLDER = "/run/secrets/millrace/"
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class Release:
    """The manifests of one rendering, with shortcuts to what the rules look at."""

    def __init__(self, manifests):
        self.all = manifests
        self.set = self.one("StatefulSet")
        self.template = self.set["spec"]["template"]
        self.spec = self.template["spec"]
        self.worker = next(c for c in self.spec["containers"] if c["name"] == "millrace")

    def kind(self, kind):
        return [m for m in self.all if m["kind"] == kind]

    def one(self, kind):
        return (self.kind(kind) or [None])[0]

    def pods(self):
        """(name, labels, spec) of everything that makes a pod."""
        for m in self.all:
            if m["kind"] == "Pod":
                yield m["metadata"]["name"], m["metadata"]["labels"], m["spec"]
            elif m["kind"] in ("StatefulSet", "Job"):
                template = m["spec"]["template"]
                yield m["metadata"]["name"], template["metadata"]["labels"], template["spec"]

    def config_text(self):
        name = next(v for v in self.spec["volumes"] if v["name"] == "config")["configMap"]["name"]
        found = [m for m in self.kind("ConfigMap") if m["metadata"]["name"] == name]
        return found[0]["data"]["millrace.json"] if found else None

    def config(self):
        text = self.config_text()
        return None if text is None else json.loads(text)

    def env(self, pod="m-millrace-0"):
        made = {}
        for one in self.worker.get("env", []):
            source = one.get("valueFrom", {})
            if "fieldRef" in source:
                made[one["name"]] = pod if source["fieldRef"]["fieldPath"] == "metadata.name" else "field"
            else:
                made[one["name"]] = one.get("value", "from-a-secret")
        return made

    def setting(self, *path, default):
        """A value of the configuration; the environment's word counts more."""
        name = "MILLRACE_" + "_".join(path).upper()
        if name in self.env():
            return type(default)(self.env()[name])
        value = self.config() or {}
        for step in path:
            value = value.get(step, {})
        return default if value == {} else value


def quantity(text):
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    return int(float(number) * UNITS[unit])


def merged(below, above):
    """Values as Helm puts them on top of each other: maps are joined, null takes away, everything else replaces."""
    made = dict(below)
    for name, value in above.items():
        if isinstance(value, dict) and isinstance(made.get(name), dict):
            value = merged(made[name], value)
        made[name] = value
    return {name: value for name, value in made.items() if value is not None}


def selects(labels, selector):
    return selector.items() <= labels.items()


# ---- the rules: each yields what is wrong; `asked` are the values ----


def rule_one_revision_after_the_other(r, asked):
    if r.set["spec"].get("podManagementPolicy") != "Parallel":
        yield "podManagementPolicy is not Parallel"
    if len(r.set["metadata"]["name"]) > 52:
        yield "the StatefulSet's name leaves no room for controller-revision-hash"
    if r.set["spec"]["serviceName"] not in [s["metadata"]["name"] for s in r.kind("Service")]:
        yield "serviceName names no Service of the release"


def rule_no_foreign_environment(r, asked):
    for name, _, spec in r.pods():
        if spec.get("enableServiceLinks") is not False:
            yield f"{name}: enableServiceLinks is not false"


def rule_mounts_follow_changes(r, asked):
    for name, _, spec in r.pods():
        volumes = {v["name"]: v for v in spec.get("volumes", [])}
        for container in spec["containers"] + spec.get("initContainers", []):
            for mount in container.get("volumeMounts", []):
                if "subPath" in mount or "subPathExpr" in mount:
                    yield f"{name}: {mount['mountPath']} is a subPath, which is never updated"
                if mount["name"] not in volumes:
                    yield f"{name}: {mount['mountPath']} mounts {mount['name']}, which is no volume"
                elif not mount.get("readOnly"):
                    yield f"{name}: {mount['mountPath']} is writable"


def rule_resources(r, asked):
    for name, _, spec in r.pods():
        for container in (c for c in spec["containers"] if c["name"] in ("millrace", "check")):
            requests, limits = (container["resources"].get(k, {}) for k in ("requests", "limits"))
            if "cpu" in limits:
                yield f"{name}: a CPU limit"
            if "cpu" not in requests:
                yield f"{name}: no CPU request"
            if not limits.get("memory") or requests.get("memory") != limits["memory"]:
                yield f"{name}: memory is requested with {requests.get('memory')} and limited to {limits.get('memory')}"


def rule_graceful_end(r, asked):
    grace = r.setting("shutdown", "grace_s", default=25)
    period = r.spec["terminationGracePeriodSeconds"]
    wanted = asked.get("terminationGracePeriodSeconds") or grace + 10
    if period != wanted or period < grace + 10:
        yield f"terminationGracePeriodSeconds is {period}, and shutdown.grace_s {grace}"
    if "lifecycle" in r.worker:
        yield "a lifecycle hook delays the end"


def rule_probes(r, asked):
    ports = {p["name"]: p["containerPort"] for p in r.worker["ports"]}
    for name, key, default in (("metrics", "listen", "[::]:7780"), ("probes", "probe_listen", "[::]:7781")):
        address = r.setting("http", key, default=default)
        if ports[name] != int(address.rsplit(":", 1)[1]):
            yield f"port {name} is {ports[name]}, and the worker listens on {address}"
    if ports["metrics"] == ports["probes"]:
        yield "probes share their port with metrics"
    for probe, path in (("startupProbe", "/startupz"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        if r.worker[probe]["httpGet"] != {"path": path, "port": "probes"}:
            yield f"{probe} asks {r.worker[probe]['httpGet']}"
    config = r.config() or {}
    servers = config.get("shards", []) + [config.get("shard_defaults", {})]
    longest = max([30] + [s.get(k, 0) for s in servers for k in ("connect_timeout_s", "read_timeout_s", "write_timeout_s")])
    live = r.worker["livenessProbe"]
    if live["periodSeconds"] * live["failureThreshold"] <= longest:
        yield f"the liveness window is not longer than the longest database timeout, {longest} s"


def rule_selectors(r, asked):
    worker = r.template["metadata"]["labels"]
    others = [labels for name, labels, _ in r.pods() if labels is not worker]
    for kind in ("StatefulSet", "Service", "PodDisruptionBudget", "PodMonitor"):
        for m in r.kind(kind):
            selector = m["spec"]["selector"]
            selector = selector.get("matchLabels", selector)
            if not selects(worker, selector):
                yield f"{kind} does not select the workers"
            if any(selects(labels, selector) for labels in others):
                yield f"{kind} selects more than the workers"
    for m in r.kind("ServiceMonitor"):
        if not selects(r.one("Service")["metadata"]["labels"], m["spec"]["selector"]["matchLabels"]):
            yield "the ServiceMonitor does not select the Service"
    for m in r.kind("NetworkPolicy"):
        for name, labels, _ in r.pods():
            if not selects(labels, m["spec"]["podSelector"]["matchLabels"]):
                yield f"the NetworkPolicy does not select {name}"
    for constraint in r.spec.get("topologySpreadConstraints", []):
        if not selects(worker, constraint["labelSelector"]["matchLabels"]):
            yield "a spread constraint does not select the workers"


def rule_disruptions(r, asked):
    for m in r.kind("PodDisruptionBudget"):
        if "minAvailable" in m["spec"] or "maxUnavailable" not in m["spec"]:
            yield "the PodDisruptionBudget is not by maxUnavailable"
        if m["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield "unhealthy pods block a drain"


def rule_secrets(r, asked):
    if r.kind("Secret"):
        yield "a Secret is rendered"
    mounts = {m["mountPath"]: m["name"] for m in r.worker["volumeMounts"]}
    volumes = {v["name"]: v for v in r.spec["volumes"]}
    for path in set(re.findall(re.escape(FOLDER) + r'[^"]*', r.config_text() or "")):
        folder, _, file = path.rpartition("/")
        if folder not in mounts:
            yield f"{path} is not mounted"
            continue
        secret = volumes[mounts[folder]]["secret"]
        if "items" in secret and file not in [i["path"] for i in secret["items"]]:
            yield f"{path} is not among the mounted keys"
    for name, wanted in asked.get("secrets", {}).items():
        secret = volumes.get("secret-" + name, {}).get("secret", {})
        if secret.get("secretName") != wanted["existingSecret"] or mounts.get(FOLDER + name) != "secret-" + name:
            yield f"secrets.{name} is not mounted at {FOLDER}{name}"
        if secret.get("defaultMode", 0o777) & 0o007:
            yield f"secrets.{name} is readable for everybody"


def rule_no_rights(r, asked):
    accounts = [m["metadata"]["name"] for m in r.kind("ServiceAccount")] + ["default"]
    for name, _, spec in r.pods():
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: a token is mounted"
        if spec.get("serviceAccountName", "default") not in accounts:
            yield f"{name}: ServiceAccount {spec['serviceAccountName']} is not of the release"


def rule_configuration_word_for_word(r, asked):
    config = r.config()
    if config is None:
        return
    wanted = json.loads(json.dumps(asked["config"]))
    if asked.get("staticMembership", {}).get("enabled"):
        timeout = asked["staticMembership"].get("sessionTimeoutMs", 90000)
        wanted["kafka"].setdefault("consumer_properties", {}).setdefault("session.timeout.ms", timeout)
    if config != wanted:
        yield "the configuration is not what was asked for"


def rule_static_membership(r, asked):
    made = [e for e in r.worker.get("env", []) if e["name"] == "MILLRACE_KAFKA_GROUP_INSTANCE_ID"]
    wanted = asked.get("staticMembership", {}).get("enabled", False)
    if bool(made) != wanted:
        yield f"a static member's name is {'not ' if wanted else ''}given"
    if made and made[0].get("valueFrom") != {"fieldRef": {"fieldPath": "metadata.name"}}:
        yield "the static member's name is not the pod's by the downward API"


def rule_scaling(r, asked):
    if r.kind("HorizontalPodAutoscaler"):
        yield "a second autoscaler"
    if bool(r.kind("ScaledObject")) == ("replicas" in r.set["spec"]):
        yield "either KEDA or the chart says how many replicas"
    for m in r.kind("ScaledObject"):
        spec = m["spec"]
        if spec["minReplicaCount"] < 1 or "idleReplicaCount" in spec:
            yield "KEDA may scale to zero"
        if spec["maxReplicaCount"] < spec["minReplicaCount"]:
            yield "KEDA's most is below its least"
        if spec["scaleTargetRef"] != {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": r.set["metadata"]["name"]}:
            yield "KEDA scales something else"
        down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        if down["stabilizationWindowSeconds"] < 600 or down["policies"] != [{"type": "Pods", "value": 1, "periodSeconds": 300}]:
            yield "KEDA scales down fast"
        if not spec["fallback"]["replicas"]:
            yield "KEDA has no fallback"
        for trigger in spec["triggers"]:
            if trigger["type"] == "prometheus" and trigger["metadata"].get("ignoreNullValues") != "false":
                yield "KEDA takes a Prometheus without workers for 0"


def rule_hooks(r, asked):
    for job in r.kind("Job"):
        hook = job["metadata"]["annotations"]["helm.sh/hook"]
        spec = job["spec"]["template"]["spec"]
        if hook != "pre-upgrade" or spec["containers"][0]["args"] != ["check", "--offline"]:
            yield "the Job does more than look at the file before an upgrade"
        if "serviceAccountName" in spec:
            yield "the Job needs the release's ServiceAccount"
        own = [m for m in r.kind("ConfigMap") if m["metadata"].get("annotations", {}).get("helm.sh/hook") == "pre-upgrade"]
        if [v["configMap"]["name"] for v in spec["volumes"]] != [m["metadata"]["name"] for m in own]:
            yield "the Job's ConfigMap is not its own"
        elif json.loads(own[0]["data"]["millrace.json"]) != r.config():
            yield "the Job looks at another configuration"
    for pod in r.kind("Pod"):
        if pod["metadata"]["annotations"]["helm.sh/hook"] != "test" or pod["spec"]["containers"][0]["args"] != ["check"]:
            yield "helm test does not run millrace check"
        for part in ("volumes", "securityContext"):
            if pod["spec"][part] != r.spec[part]:
                yield f"helm test sees other {part} than the workers"


def rule_labels(r, asked):
    for m in r.all:
        labels = m["metadata"].get("labels", {})
        for value in labels.values():
            if not re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", value):
                yield f"{m['kind']}: label value {value}"
        if "helm.sh/chart" in labels and m["metadata"].get("namespace") != "data":
            yield f"{m['kind']} is not in the release's namespace"
        for name, value in asked.get("commonLabels", {}).items():
            if "helm.sh/chart" in labels and labels.get(name) != value:
                yield f"{m['kind']} lacks the label {name}"
    if "helm.sh/chart" in r.template["metadata"]["labels"]:
        yield "the chart's version alone rolls the pods"


def rule_as_the_header_says(r, asked):
    made = {m["kind"] for m in r.all}
    for word in asked["# makes"]:
        if word not in made:
            yield f"makes no {word}"
    for word in asked["# lacks"]:
        if word in made:
            yield f"makes a {word}"


def header(name, word):
    with open(name, encoding="utf-8") as file:
        return [one for line in file if line.startswith(f"# {word}: ") for one in line.split()[2:]]


RULES = [rule for name, rule in list(globals().items()) if name.startswith("rule_")]


def load(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def check(work, values, names):
    problems = 0
    for name in names:
        asked = {}
        for part in sorted(glob.glob(f"{work}/asked/{name}/*.json")):
            for document in load(part):
                asked = merged(asked, document)
        asked.update({f"# {word}": header(f"{values}/{name}.yaml", word) for word in ("makes", "lacks")})
        release = Release(load(f"{work}/{name}.json"))
        for rule in RULES:
            for problem in rule(release, asked):
                print(f"{name}: {rule.__name__}: {problem}")
                problems += 1
    return 1 if problems else 0


def extract(work, names):
    for name in names:
        release = Release(load(f"{work}/{name}.json"))
        parts = {
            "config": release.config_text(),
            "env": "".join(f"{key}={value}\n" for key, value in release.env().items()),
            "limit": str(quantity(release.worker["resources"]["limits"]["memory"])),
        }
        for part, text in parts.items():
            if text is not None:
                with open(f"{work}/{name}.{part}", "w", encoding="utf-8") as file:
                    file.write(text)
    return 0


def main():
    command, work, *rest = sys.argv[1:]
    return check(work, rest[0], rest[1:]) if command == "check" else extract(work, rest)


sys.exit(main())
