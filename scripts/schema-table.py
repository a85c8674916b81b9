#!/usr/bin/env python3
"""Writes crates/plimsoll-checks/src/manifest/schema/table.txt: the fields of every built-in Kubernetes kind.

    scripts/schema-table.py                     takes the Go modules k8s.io/kubernetes and k8s.io/api (`go mod download`)
    scripts/schema-table.py KUBERNETES API      takes these modules from two folders; of a checkout of kubernetes they are
                                                `.` and `staging/src/k8s.io/api`

Three documents of these modules (Apache-2.0) are read: api/openapi-spec/swagger.json for types, fields and what is required,
pkg/generated/openapi/zz_generated.openapi.go for the values of enumerations, which the first leaves out, and the
zz_generated.prerelease-lifecycle.go of each API version for when it came, was deprecated and went. GONE adds what went so
long ago that the modules forgot it.

The table has five parts, each a run of lines that an empty line ends: comments; kinds (`apiVersion kind type`, sorted);
enumerations (values with commas between); types (`name|field=shape|…`, fields sorted); lifecycles (`apiVersion kind
introduced deprecated removed replacement`, minor versions of Kubernetes 1, `-` for none, sorted). Types and enumerations
are named by their line within their part, from 0. A shape is one letter, with flags before it:

    s string   i integer   n number   b boolean   q quantity   x integer or string   y base64   t time   a anything
    #N the type N   eN the enumeration N   [SHAPE list of it   {SHAPE mapping of strings to it
    ! required   ~ deprecated
"""

import json
import pathlib
import re
import subprocess
import sys

VERSION = "v1.36.3"
API_VERSION = VERSION.replace("v1.", "v0.", 1)
OUT = pathlib.Path(__file__).parent.parent / "crates/plimsoll-checks/src/manifest/schema/table.txt"
SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "x",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "t",
    # Free of shape: trees of somebody else's making.
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "a",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "a",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "a",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "a",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "a",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "a",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "a",
}
SCALARS = {"string": "s", "integer": "i", "number": "n", "boolean": "b", "object": "a"}
# apiVersion: (kinds, introduced, deprecated, removed, replacement), from the deprecation guide of Kubernetes.
GONE = {
    "apiextensions.k8s.io/v1beta1": ("CustomResourceDefinition", 7, 16, 22, "apiextensions.k8s.io/v1"),
    "apiregistration.k8s.io/v1beta1": ("APIService", 7, 19, 22, "apiregistration.k8s.io/v1"),
    "admissionregistration.k8s.io/v1alpha1": ("InitializerConfiguration", 7, 13, 14, "-"),
    "auditregistration.k8s.io/v1alpha1": ("AuditSink", 13, 18, 19, "-"),
    "autoscaling/v2alpha1": ("HorizontalPodAutoscaler", 5, 8, 9, "autoscaling/v2"),
    "autoscaling/v2beta1": ("HorizontalPodAutoscaler", 8, 22, 25, "autoscaling/v2"),
    "autoscaling/v2beta2": ("HorizontalPodAutoscaler", 12, 23, 26, "autoscaling/v2"),
    "batch/v2alpha1": ("CronJob ScheduledJob", 4, 8, 21, "batch/v1"),
    "discovery.k8s.io/v1alpha1": ("EndpointSlice", 16, 17, 19, "discovery.k8s.io/v1"),
    "extensions/v1beta1": ("PodSecurityPolicy", 2, 10, 16, "-"),
    "flowcontrol.apiserver.k8s.io/v1alpha1": (
        "FlowSchema PriorityLevelConfiguration", 18, 20, 21, "flowcontrol.apiserver.k8s.io/v1"),
    "networking.k8s.io/v1alpha1": ("ClusterCIDR IPAddress ServiceCIDR", 25, 31, 34, "networking.k8s.io/v1"),
    "node.k8s.io/v1alpha1": ("RuntimeClass", 12, 20, 24, "node.k8s.io/v1"),
    "policy/v1beta1": ("PodSecurityPolicy", 10, 21, 25, "-"),
    "rbac.authorization.k8s.io/v1alpha1": (
        "ClusterRole ClusterRoleBinding Role RoleBinding", 5, 17, 22, "rbac.authorization.k8s.io/v1"),
    "resource.k8s.io/v1alpha1": ("PodScheduling ResourceClaim ResourceClaimTemplate ResourceClass", 26, 27, 27, "resource.k8s.io/v1"),
    "resource.k8s.io/v1alpha2": (
        "PodSchedulingContext ResourceClaim ResourceClaimParameters ResourceClaimTemplate ResourceClass "
        "ResourceClassParameters ResourceSlice", 27, 31, 31, "resource.k8s.io/v1"),
    "scheduling.k8s.io/v1alpha1": ("PriorityClass", 8, 14, 22, "scheduling.k8s.io/v1"),
    "settings.k8s.io/v1alpha1": ("PodPreset", 6, 19, 20, "-"),
    "storagemigration.k8s.io/v1alpha1": ("StorageVersionMigration", 30, 34, 35, "storagemigration.k8s.io/v1beta1"),
}


def module(place, name, version):
    if len(sys.argv) > place:
        return pathlib.Path(sys.argv[place])
    asked = ["go", "mod", "download", "-json", f"{name}@{version}"]
    answer = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return pathlib.Path(json.loads(answer)["Dir"])


def enumerations(text):
    """(type as the generated functions name it, field) -> values."""
    found, name, field = {}, None, None
    for line in text.splitlines():
        if match := re.match(r"func schema_(\w+)\(", line):
            name, field = match[1], None
        elif match := re.match(r'\t{5}"([^"]+)": \{', line):
            field = match[1]
        elif (match := re.match(r"\t+Enum: +\[\]interface\{\}\{(.*)\}", line)) and name and field:
            found[name, field] = tuple(json.loads(f"[{match[1]}]"))
    return found


def lifecycles(root, kinds):
    """(apiVersion, kind) -> introduced, deprecated, removed, replacement."""
    found = {}
    for file in root.glob("*/*/zz_generated.prerelease-lifecycle.go"):
        group = re.search(r'GroupName = "([^"]*)"', (file.parent / "register.go").read_text())[1]
        # Reviews of admission go from the API server to webhooks; nobody applies one.
        if group == "admission.k8s.io":
            continue
        api = f"{group}/{file.parent.name}" if group else file.parent.name
        life = {}
        for match in re.finditer(r"func \(in \*(\w+)\) APILifecycle(\w+)\(\).*\n\treturn (.*)\n", file.read_text()):
            life.setdefault(match[1], {})[match[2]] = match[3]
        for kind, said in life.items():
            if "Deprecated" not in said:
                continue
            introduced, deprecated, removed = (
                said[word].split(", ")[1] if word in said else "-" for word in ("Introduced", "Deprecated", "Removed"))
            match = re.search(r'Group: "([^"]*)", Version: "([^"]*)"', said.get("Replacement", ""))
            found[api, kind] = [introduced, deprecated, removed, f"{match[1]}/{match[2]}" if match else f"{group}/v1"]
    for api, (names, *life) in GONE.items():
        for kind in names.split():
            for kind in (kind, kind + "List"):
                assert (api, kind) not in found, (api, kind)
                found[api, kind] = [str(part) for part in life]
    # A replacement that went in its turn is followed, and one that has no such kind is none.
    for (_, kind), life in found.items():
        while (life[3], kind) not in kinds and (life[3], kind) in found:
            life[3] = found[life[3], kind][3]
        if (life[3], kind) not in kinds:
            life[3] = "-"
    return found


def main():
    root = module(1, "k8s.io/kubernetes", VERSION)
    api_root = module(2, "k8s.io/api", API_VERSION)
    definitions = json.loads((root / "api/openapi-spec/swagger.json").read_text())["definitions"]
    enums = enumerations((root / "pkg/generated/openapi/zz_generated.openapi.go").read_text())
    kinds = {}
    for name, schema in definitions.items():
        named = schema.get("x-kubernetes-group-version-kind", [])
        if len(named) == 1:
            group, version, kind = named[0]["group"], named[0]["version"], named[0]["kind"]
            kinds[f"{group}/{version}" if group else version, kind] = name
    # What kinds reach, in the order of their names.
    reached, waiting = set(), sorted(kinds.values())
    while waiting:
        name = waiting.pop()
        if name in reached or name in SPECIAL:
            continue
        reached.add(name)
        waiting += re.findall(r'"\$ref": "#/definitions/([^"]+)"', json.dumps(definitions[name]))
    types = sorted(reached, key=lambda name: (name.rsplit(".", 1)[1], name))
    number = {name: at for at, name in enumerate(types)}
    values = sorted(set(enums.values()))

    def shape(schema, enum):
        if ref := schema.get("$ref"):
            name = ref.removeprefix("#/definitions/")
            return SPECIAL.get(name) or f"#{number[name]}"
        kind, form = schema.get("type"), schema.get("format")
        if kind == "array":
            return "[" + shape(schema["items"], enum)
        if kind == "object" and "additionalProperties" in schema:
            return "{" + shape(schema["additionalProperties"], enum)
        if kind == "string" and enum:
            return f"e{values.index(enum)}"
        if form == "byte":
            return "y"
        return SCALARS[kind] if kind else "a"

    used = set()
    lines = []
    for name in types:
        schema = definitions[name]
        generated = re.sub(r"[.\-]", "_", name.removeprefix("io.k8s."))
        generated = "k8sio_" + generated if generated.startswith("api_") else re.sub(r"^\w+?_pkg_", "pkg_", generated)
        required = set(schema.get("required", []))
        fields = [name.rsplit(".", 1)[1]]
        for field, inner in sorted(schema.get("properties", {}).items()):
            enum = enums.get((generated, field))
            if enum:
                used.add((generated, field))
            flags = "!" if field in required else ""
            # `selfLink` comes with whatever is copied from a cluster; nobody writes it.
            words = r"(^|\W)(Deprecated[:.]|deprecated\w+ is the deprecated field)"
            if field != "selfLink" and re.search(words, inner.get("description", "")):
                flags += "~"
            fields.append(f"{field}={flags}{shape(inner, enum)}")
        lines.append("|".join(fields))
    head = [
        f"# Fields of the built-in kinds of Kubernetes {VERSION.removeprefix('v')}, from its OpenAPI documents (Apache-2.0,",
        "# The Kubernetes Authors). Written by scripts/schema-table.py, which says how to read it and how to write it anew.",
    ]
    kind_lines = [f"{api} {kind} {number[name]}" for (api, kind), name in sorted(kinds.items())]
    life = [f"{api} {kind} {' '.join(said)}" for (api, kind), said in sorted(lifecycles(api_root, kinds).items())]
    parts = [head, kind_lines, [",".join(value) for value in values], lines, life]
    OUT.write_text("\n\n".join("\n".join(part) for part in parts) + "\n")
    unused = sorted(set(enums) - used)
    print(f"{len(kinds)} kinds, {len(values)} enumerations, {len(types)} types, {OUT.stat().st_size} bytes")
    print("enumerations of no field here:", unused, file=sys.stderr)


main()
