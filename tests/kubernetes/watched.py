"""What a watch of pods saw: one line a question, from the events that `kubectl get pods --watch --output-watch-events -o json` wrote.

    watched.py FILE missing N     the most of N workers that were missing at once (not ready, or ending), from the first moment with all N there
    watched.py FILE ended         names of the workers that were deleted, in that order; one that went twice in a row is named once: the controller, its
                                  own status not yet seen, sometimes starts a worker of the old revision again, and replaces that
    watched.py FILE marked TEXT   status 0 when a pod with the annotation `mark: TEXT` was seen
"""

import itertools
import json
import sys


def events(path):
    text, decoder, at = open(path).read(), json.JSONDecoder(), 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return
        try:
            event, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:  # the last one is still being written
            return
        if event["object"]["metadata"]["labels"].get("app.kubernetes.io/component") == "worker":
            yield event["type"], event["object"]


def there(pod):
    conditions = pod["status"].get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def missing(path, wanted):
    pods, most = {}, None
    for kind, pod in events(path):
        name = pod["metadata"]["name"]
        pods[name] = kind != "DELETED" and there(pod)
        count = sum(pods.values())
        if most is not None or count == wanted:
            most = max(most or 0, wanted - count)
    return most


def main():
    path, question, *rest = sys.argv[1:]
    if question == "missing":
        print(missing(path, int(rest[0])))
    elif question == "ended":
        print(*[name for name, _ in itertools.groupby(pod["metadata"]["name"] for kind, pod in events(path) if kind == "DELETED")])
    elif question == "marked":
        sys.exit(not any(pod["metadata"].get("annotations", {}).get("mark") == rest[0] for _, pod in events(path)))
    else:
        sys.exit(f"watched.py: there is no question {question}")


main()
