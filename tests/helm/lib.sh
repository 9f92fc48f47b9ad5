# shellcheck shell=bash
# Tools and renderings for tests/helm/run, and for whatever installs the chart into an API server.  Expects $here, $root, $chart and $work.
#
#   helm_tools     helm, kubeconform and manifests on the PATH; status 1 and the reason at the end of $work/tools.log when they cannot be had
#   schemas        sets $schemas, the folder for kubeconform
#   render         one rendering
#   render_all     $work/NAME and $work/NAME.json for each of values/NAME.yaml; sets ${names[@]}, and of these ${configured[@]}, which have a
#                  configuration of the chart's: $work/NAME.config (rules.py extract)
# shellcheck disable=SC2154 # given by the caller

helm_version=v3.22.0
kubeconform_version=v0.8.0
kubernetes=1.34.0
modules=(
    k8s.io/kubernetes@v1.34.4
    github.com/prometheus-operator/prometheus-operator@v0.85.0
    github.com/kedacore/keda/v2@v2.21.0
)
cache=${MILLRACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace}/helm
# helm reads no configuration of the user's.
export HELM_CONFIG_HOME=$work/helm HELM_CACHE_HOME=$work/helm HELM_DATA_HOME=$work/helm

# shellcheck source-path=SCRIPTDIR source=../tools/go.sh
. "$root/tests/tools/go.sh"

helm_tools() {
    go_begin || return
    go_program helm.sh/helm/v3/cmd/helm "$helm_version" || return
    go_program github.com/yannh/kubeconform/cmd/kubeconform "$kubeconform_version" || return
    (cd "$here/tools" && GOFLAGS=-buildvcs=false nice -n 5 go build -o "$work/bin/manifests" .) >>"$work/tools.log" 2>&1 || {
        echo "tests/helm/tools does not build: $(tail -1 "$work/tools.log")" >>"$work/tools.log"
        return 1
    }
    PATH=$work/bin:$PATH
    go_end
}

schemas() {
    local sum swagger operator keda
    sum=$(printf '%s\n' "${modules[@]}" | cat - "$here/schemas.py" | sha256sum)
    schemas=$cache/schemas-${sum:0:12}
    [ ! -e "$schemas/.complete" ] || return 0
    swagger=$(go_module "${modules[0]}") operator=$(go_module "${modules[1]}") keda=$(go_module "${modules[2]}")
    if [ -z "$swagger" ] || [ -z "$operator" ] || [ -z "$keda" ]; then return 1; fi
    rm -rf "$schemas"
    for crd in "$operator"/example/prometheus-operator-crd/*_{podmonitors,servicemonitors,prometheusrules}.yaml "$keda"/config/crd/bases/keda.sh_scaledobjects.yaml; do
        echo ---
        cat "$crd"
    done | manifests json >"$work/crds.json"
    python3 "$here/schemas.py" "$schemas" "$swagger/api/openapi-spec/swagger.json" "$work/crds.json" &&
        touch "$schemas/.complete"
}

values_files() { # name: the options that give a rendering its values
    grep -qx '# alone' "$here/values/$1.yaml" || echo "--values=$here/base.yaml"
    echo "--values=$here/values/$1.yaml"
}

render() { # file, options...
    local to=$1
    shift
    helm template m "$chart" --namespace data --kube-version "$kubernetes" "$@" >"$to"
}

render_all() {
    local file name options option i
    names=()
    for file in "$here"/values/*.yaml; do
        name=$(basename "$file" .yaml)
        names+=("$name")
        mapfile -t options < <(values_files "$name")
        render "$work/$name" "${options[@]}" || {
            echo "helm template fails with $name" >&2
            return 1
        }
        manifests json <"$work/$name" >"$work/$name.json"
        mkdir -p "$work/asked/$name"
        i=0
        for option in "${options[@]}"; do
            manifests json <"${option#--values=}" >"$work/asked/$name/$i.json"
            i=$((i + 1))
        done
    done
    python3 "$here/rules.py" extract "$work" "${names[@]}"
    configured=()
    for name in "${names[@]}"; do [ ! -e "$work/$name.config" ] || configured+=("$name"); done
}

# A part of the first object of a kind, as JSON.
rendered() { # name, kind, step of the path...
    python3 - "$work/$1.json" "${@:2}" <<'EOF'
import json, sys
name, kind, *path = sys.argv[1:]
part = next(m for m in json.load(open(name)) if m["kind"] == kind)
for step in path:
    part = part[int(step) if isinstance(part, list) else step]
json.dump(part, sys.stdout, indent=1)
EOF
}
