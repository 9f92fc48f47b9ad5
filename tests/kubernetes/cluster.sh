# shellcheck shell=bash
# A Kubernetes of one's own, sourced by tests/kubernetes/run: the real etcd, kube-apiserver (with RBAC and pod security admission), kube-controller-manager
# and kube-scheduler, and kwok, which plays three nodes and their kubelets: pods come up, and are gone, by stages.yaml; no container runs.
# All on loopback, on free ports, in $work.  Expects $own and $work, and tests/helm/lib.sh.
#
#   tools            the programs on the PATH, the files with custom resources in ${crds[@]}; status 1: the reason is in $work/tools.log
#   cluster_start    $KUBECONFIG is the administrator's
#   cluster_stop     ends what cluster_start has started
# shellcheck disable=SC2154 # given by the caller

kwok_version=v0.7.0
# Programs that are not told their version take themselves for v0.0.0, and the chart wants 1.27.
kubernetes_version=$(sed -n 's,^\tk8s.io/kubernetes \(v[0-9.]*\).*,\1,p' "$own/tools/go.mod")
crds=()
pids=()

tools() {
    local version=k8s.io/component-base/version program programs=() kwok operator keda file
    command -v openssl >/dev/null || {
        echo 'openssl is missing' >"$work/tools.log"
        return 1
    }
    helm_tools && go_begin || return
    go_linker="-X $version.gitVersion=$kubernetes_version -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$kubernetes_version")"
    for program in kube-apiserver kube-controller-manager kube-scheduler kubectl; do programs+=("$program=k8s.io/kubernetes/cmd/$program"); done
    go_programs "$own/tools" "${programs[@]}" etcd=go.etcd.io/etcd/server/v3 || return
    go_program sigs.k8s.io/kwok/cmd/kwok "$kwok_version" || return
    kwok=$(go_module "sigs.k8s.io/kwok@$kwok_version") operator=$(go_module "${modules[1]}") keda=$(go_module "${modules[2]}")
    if [ -z "$kwok" ] || [ -z "$operator" ] || [ -z "$keda" ]; then return 1; fi
    go_end
    crds=("$operator"/example/prometheus-operator-crd/*_{podmonitors,servicemonitors,prometheusrules}.yaml "$keda"/config/crd/bases/keda.sh_scaledobjects.yaml)
    # The nodes' stages are kwok's own, the pods' are ours.
    for file in "$kwok"/kustomize/stage/node/{fast/node-initialize,heartbeat-with-lease/node-heartbeat-with-lease}.yaml "$own/stages.yaml"; do
        echo ---
        cat "$file"
    done >"$work/stages.yaml"
}

server() { # name, options...
    "$@" >"$work/$1.log" 2>&1 &
    pids+=($!)
}

# Waits for a condition; after four minutes it is a failure, with what the command said last.
until_true() { # command...
    local end=$((SECONDS + 240)) pid
    until "$@" >"$work/until" 2>&1; do
        for pid in "${pids[@]}"; do
            kill -0 "$pid" 2>/dev/null || {
                echo 'a server has ended'
                tail -n 5 "$work"/{etcd,kube-*,kwok}.log
                return 1
            }
        done
        [ $SECONDS -lt $end ] || {
            echo "waited in vain for: $*"
            cat "$work/until"
            return 1
        }
        sleep 0.2
    done
}

kubeconfig() { # user: a token each
    cat <<YAML
apiVersion: v1
kind: Config
current-context: test
contexts: [{ name: test, context: { cluster: test, user: $1 } }]
clusters: [{ name: test, cluster: { server: 'https://127.0.0.1:$api_port', certificate-authority: $work/certs/apiserver.crt } }]
users: [{ name: $1, user: { token: token-of-$1 } }]
YAML
}

cluster_start() {
    local etcd_port peer_port user file
    etcd_port=$(free_port) peer_port=$(free_port) api_port=$(free_port)
    mkdir "$work/certs"
    openssl genrsa -out "$work/certs/accounts.key" 2048 2>/dev/null
    cat >"$work/tokens.csv" <<'CSV'
token-of-admin,admin,1,system:masters
token-of-controller,system:kube-controller-manager,2
token-of-scheduler,system:kube-scheduler,3
CSV
    for user in admin controller scheduler; do kubeconfig $user >"$work/$user.kubeconfig"; done
    export KUBECONFIG=$work/admin.kubeconfig
    server etcd --data-dir "$work/etcd" --unsafe-no-fsync --log-level error \
        --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
        --listen-peer-urls "http://127.0.0.1:$peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
        --initial-cluster "default=http://127.0.0.1:$peer_port"
    # Privileged containers are allowed as such: who refuses them is pod security.
    server kube-apiserver --etcd-servers "http://127.0.0.1:$etcd_port" --bind-address 127.0.0.1 --secure-port "$api_port" --advertise-address 127.0.0.1 \
        --cert-dir "$work/certs" --token-auth-file "$work/tokens.csv" --authorization-mode RBAC --allow-privileged=true \
        --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$work/certs/accounts.key" \
        --service-account-signing-key-file "$work/certs/accounts.key" --service-cluster-ip-range 10.0.0.0/24 --endpoint-reconciler-type none
    until_true kubectl get --raw /readyz
    server kube-controller-manager --kubeconfig "$work/controller.kubeconfig" --service-account-private-key-file "$work/certs/accounts.key" \
        --use-service-account-credentials --leader-elect=false --secure-port 0
    server kube-scheduler --kubeconfig "$work/scheduler.kubeconfig" --leader-elect=false --secure-port 0
    server kwok --kubeconfig "$KUBECONFIG" --manage-all-nodes --config "$work/stages.yaml" --node-lease-duration-seconds 40 \
        --cidr 10.1.0.0/16 --server-address ''
    kubectl apply -f "$own/nodes.yaml" >/dev/null
    for file in "${crds[@]}"; do kubectl apply --server-side -f "$file" >/dev/null; done
    until_true kubectl wait --for=condition=Ready node --all --timeout=1s
    until_true kubectl wait --for=condition=Established crd --all --timeout=1s
}

cluster_stop() {
    local pid
    for ((pid = ${#pids[@]} - 1; pid >= 0; pid--)); do
        kill -KILL "${pids[pid]}" 2>/dev/null || true
        wait "${pids[pid]}" 2>/dev/null || true
    done
    pids=()
}
