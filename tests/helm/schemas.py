"""JSON schemas for kubeconform, made from what the APIs themselves publish: kubeconform's own ones come from a host that tests cannot rely on.

    schemas.py OUT SWAGGER.json [CRD.json]...

SWAGGER.json is Kubernetes' api/openapi-spec/swagger.json, each CRD.json a list of CustomResourceDefinitions.  OUT gets one file for each kind,
GROUP_VERSION_KIND.json in small letters (the core group goes by its version), closed against unknown names ("strict") and complete in itself.
"""

import json
import os
import sys

# What Kubernetes takes as a number as well as a text, and OpenAPI 2 cannot say.
LOOSE = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
}


def closed(schema):
    """A copy in which an object that lists its properties takes no others."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type", "object") == "object":
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


def references(schema, found):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            found.add(schema["$ref"].rsplit("/", 1)[-1])
        for value in schema.values():
            references(value, found)
    elif isinstance(schema, list):
        for value in schema:
            references(value, found)


def write(out, group, version, kind, schema):
    with open(os.path.join(out, f"{group or version}_{version}_{kind}.json".lower()), "w", encoding="utf-8") as file:
        json.dump({"$schema": "http://json-schema.org/draft-07/schema#", **schema}, file)


def from_swagger(out, name):
    with open(name, encoding="utf-8") as file:
        definitions = {key: closed(value) for key, value in json.load(file)["definitions"].items()}
    for loose in LOOSE:
        definitions[loose] = {"type": ["string", "number"]}
    for key, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            needed, looked = set(), set()
            references(schema, needed)
            while needed - looked:
                one = (needed - looked).pop()
                looked.add(one)
                references(definitions[one], needed)
            parts = {one: definitions[one] for one in sorted(needed)}
            write(out, kind["group"], kind["version"], kind["kind"], {**schema, "definitions": parts})


def from_crds(out, name):
    with open(name, encoding="utf-8") as file:
        crds = json.load(file)
    for crd in crds:
        spec = crd["spec"]
        for version in spec["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            # Every object has them, and the API server completes them.
            schema["properties"]["metadata"] = {"type": "object"}
            write(out, spec["group"], version["name"], spec["names"]["kind"], schema)


def main():
    out, swagger, *crds = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    from_swagger(out, swagger)
    for name in crds:
        from_crds(out, name)


main()
