"""What must be true of deploy/compose/compose.yaml.

    compose.py RESULT ROOT     RESULT: what `docker compose config --format json` made of it; ROOT: the tree
"""

import json
import os
import re
import sys

result, root = sys.argv[1:]
services = json.load(open(result))["services"]
problems = []


def must(true, what):
    if not true:
        problems.append(what)


def text(path):
    return open(os.path.join(root, "deploy/compose", path)).read()


config = json.loads("\n".join(line for line in text("millrace.json").splitlines() if not line.startswith("//")))
worker = services["millrace"]

for name, service in services.items():
    for volume in service.get("volumes", []):
        if volume["type"] == "bind":
            must(os.path.isfile(volume["source"]), f"{name}: {volume['source']} is not there")
            must(volume.get("read_only"), f"{name}: {volume['source']} can be written to")
    for port in service.get("ports", []):
        must(port.get("host_ip") == "127.0.0.1", f"{name}: port {port['target']} is open to others")
    for needed, how in service.get("depends_on", {}).items():
        healthy = how["condition"] != "service_healthy" or "healthcheck" in services[needed]
        must(healthy, f"{name} waits for {needed} to be healthy, and nothing says when it is")

must(os.path.isfile(os.path.join(worker["build"]["context"], worker["build"]["dockerfile"])), "there is no Dockerfile")
must(worker.get("read_only") and worker.get("cap_drop") == ["ALL"], "the worker's file system or capabilities are open")
must(worker["stop_grace_period"] == "35s", "the worker is not given shutdown.grace_s (25) and ten seconds")

# What the parts call each other.
broker, port = config["kafka"]["bootstrap_servers"].split(":")
must(f"PLAINTEXT://{broker}:{port}" in services[broker]["environment"]["KAFKA_ADVERTISED_LISTENERS"], "Kafka is not called what the worker calls it")
topics = set(re.findall(r"--topic (\S+)", services["topics"]["command"][0]))
must(topics == {config["streams"][0]["topic"], config["dlq"]["topic"]}, f"the topics are {topics}")
for shard in config["shards"]:
    has = services[shard["host"]]["environment"]
    login = (has["MARIADB_USER"], has["MARIADB_DATABASE"], has["MARIADB_PASSWORD"])
    wanted = (config["shard_defaults"]["user"], config["shard_defaults"]["database"], worker["environment"]["DB_PASSWORD"])
    must(login == wanted, f"{shard['name']}: the worker's login is {wanted}, the database's {login}")
    must(shard["host"] in worker["depends_on"], f"the worker does not wait for {shard['host']}")
target = re.search(r'targets: \["(\w+):(\d+)"\]', text("prometheus.yml"))
must(target and target[1] in services and int(target[2]) in {p["target"] for p in worker["ports"]}, "Prometheus does not scrape the worker")
rules = re.search(r"rule_files: \[(\S+)\]", text("prometheus.yml"))[1]
must(rules in {v["target"] for v in services["prometheus"]["volumes"]}, f"Prometheus has no {rules}")
must(re.search(r"http://(\w+):9090", text("grafana/datasource.yaml"))[1] in services, "Grafana's data source is not there")
home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
must(home in {v["target"] for v in services["grafana"]["volumes"]}, f"Grafana has no {home}")
must(os.path.dirname(home) in text("grafana/dashboards.yaml"), "Grafana looks for dashboards elsewhere")
for name, service in services.items():
    image = service.get("image", "")
    must(re.search(r":[^/]+$", image) and not image.endswith(":latest"), f"{name}: the image {image} has no version")

for problem in problems:
    print(problem)
print(f"{len(services)} services")
sys.exit(bool(problems))
