"""values.yaml and values.schema.json say the same, and every value has its comment.

    comments.py VALUES.yaml VALUES.json SCHEMA.json      VALUES.json is the same file as JSON (`manifests json`)
"""

import json
import re
import sys

# Below these the words are Kubernetes' or KEDA's own: the comment of the whole says what matters.  So they are where the default is empty.
THEIR_OWN = {"podSecurityContext", "securityContext", "resources.requests", "resources.limits", "autoscaling.keda.behavior", "autoscaling.keda.fallback"}
# No default: a parent chart's, and what is null.
WITHOUT_DEFAULT = {"global"}


def commented(name):
    """The dotted names of all keys in the file, with whether a comment that opens with `# --` stands above."""
    path, above = [], False
    with open(name, encoding="utf-8") as file:
        for line in file:
            text = line.strip()
            key = re.match(r"( *)([A-Za-z]\w*):", line)
            if text.startswith("# --") and not text.startswith("# ---"):
                above = True
            elif key:
                depth = len(key.group(1)) // 2
                path[depth:] = [key.group(2)]
                yield ".".join(path), above
                above = False
            elif not text.startswith("#"):
                above = False


def known_names(schema, definitions, values, path=""):
    """The dotted names that the schema knows, as far down as the chart's own words go."""
    schema = definitions.get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)
    for key, below in schema.get("properties", {}).items():
        name = f"{path}.{key}".lstrip(".")
        yield name
        if isinstance(values.get(key), dict) and values[key] and name not in THEIR_OWN:
            yield from known_names(below, definitions, values[key], name)


def present(values, path=""):
    for key, value in values.items():
        name = f"{path}.{key}".lstrip(".")
        yield name
        if isinstance(value, dict) and name not in THEIR_OWN:
            yield from present(value, name)


def open_places(schema, path=""):
    """Where a schema lists names and takes others as well."""
    if not isinstance(schema, dict):
        return
    if "properties" in schema and schema.get("additionalProperties") is not False:
        yield path or "the top"
    for word in ("properties", "definitions"):
        for key, below in schema.get(word, {}).items():
            yield from open_places(below, f"{path}/{word}/{key}")
    for word in ("items", "additionalProperties", "then"):
        yield from open_places(schema.get(word), f"{path}/{word}")


def main():
    text, values, schema = sys.argv[1:]
    with open(values, encoding="utf-8") as file:
        (values,) = json.load(file)
    with open(schema, encoding="utf-8") as file:
        schema = json.load(file)
    names = set(present(values))
    known = set(known_names(schema, schema["definitions"], values))
    # Any label may be the dashboard's.
    names.discard("metrics.dashboard.labels.grafana_dashboard")
    problems = [f"{name} has no comment" for name, above in commented(text) if name in names and not above]
    problems += [f"{name} is not in the schema" for name in sorted(names - known)]
    problems += [f"{name} is in the schema and not in values.yaml" for name in sorted(known - names - WITHOUT_DEFAULT)]
    problems += [f"the schema takes unknown names at {place}" for place in open_places(schema)]
    print("\n".join(problems) or f"{len(names)} values")
    return 1 if problems else 0


sys.exit(main())
