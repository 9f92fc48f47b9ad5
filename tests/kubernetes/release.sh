# shellcheck shell=bash
# Releases of the chart in the cluster, and what is seen of them; sourced by tests/kubernetes/run.  Each check has a namespace of its own (fresh), in
# which its release is called m.
# shellcheck disable=SC2154 # given by the caller

# A namespace under pod security *restricted*, as helm's and kubectl's own; with the secrets that base.yaml names.
fresh() { # name
    namespace=$1
    export KUBECONFIG=$work/$namespace.kubeconfig
    cp "$work/admin.kubeconfig" "$KUBECONFIG"
    kubectl config set-context --current --namespace "$namespace"
    kubectl create namespace "$namespace"
    kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted
    for shard in s0 s1; do kubectl create secret generic "db-$shard" --from-literal=password=hush; done
    until_true kubectl get serviceaccount default
    kubectl uncordon n0 n1 n2
}

# helm, without a warning of the API server: about pod security, about what is deprecated or unknown.
helm_quiet() { # command, options...
    helm "$@" >"$work/said" 2>&1 || {
        cat "$work/said"
        return 1
    }
    ! grep 'warnings.go' "$work/said"
}

release() { # install or upgrade, options...
    helm_quiet "$1" m "$chart" --values "$here/base.yaml" --values "$own/values.yaml" --wait --timeout 2m "${@:2}"
}

of() { # kind, JSON path: of the release's object
    kubectl get "$1" m-millrace -o jsonpath="$2"
}

workers() { # JSON path: of each worker, by name
    kubectl get pods -l app.kubernetes.io/component=worker -o jsonpath="{range .items[*]}$1{end}"
}

revision() { # of the pod template that workers are to have, when they all have it
    [ "$(workers '{.metadata.labels.controller-revision-hash} ' | tr ' ' '\n' | sort -u | grep .)" = "$(of statefulset '{.status.updateRevision}')" ] ||
        fail "workers differ: $(workers '{.metadata.name} {.metadata.labels.controller-revision-hash} ')"
    of statefulset '{.status.updateRevision}'
}

configuration() { # that the workers are given
    kubectl get configmap "$(of statefulset '{.spec.template.spec.volumes[?(@.name=="config")].configMap.name}')" -o jsonpath='{.data.millrace\.json}'
}

says() { # text, command...: it succeeds, and says that
    local out
    out=$("${@:2}" 2>&1) || {
        printf '%s\n' "$out"
        return 1
    }
    [[ $out == *"$1"* ]] || {
        printf 'not said: %s, but: %s\n' "$1" "$out"
        return 1
    }
}

refuses() { # text, command...: it fails, and says that
    local out
    ! out=$("${@:2}" 2>&1) || {
        printf 'accepted: %s\n' "${*:2}"
        return 1
    }
    [[ $out == *"$1"* ]] || {
        printf 'not said: %s, but: %s\n' "$1" "$out"
        return 1
    }
}

evict() { # worker's number
    kubectl create --raw "/api/v1/namespaces/$namespace/pods/m-millrace-$1/eviction" -f - \
        <<<"{ \"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": { \"name\": \"m-millrace-$1\" } }"
}

# ---- a watch of the pods: what it saw is known for certain, however quick it was ----

watched() { # question of watched.py...
    python3 "$own/watched.py" "$work/watched" "$@"
}

watch_begin() {
    kubectl get pods --watch --output-watch-events -o json >"$work/watched" 2>"$work/watch.log" &
    watcher=$!
    trap 'kill $watcher 2>/dev/null || true' EXIT
    until_true says 0 watched missing 3
}

watch_end() {
    kubectl annotate pods -l app.kubernetes.io/component=worker mark=end
    until_true watched marked end
    kill $watcher
}
