# The last check: from a pod on each machine, a name resolves, and the next machine's pod, a Service address and a
# Service name answer. Sourced by by-hand.
# shellcheck shell=bash disable=SC2154

# pod NAME NODE ROLE POLICY COMMAND…: past the scheduler, so that it is this machine's own proof.
pod() {
  local name=$1 node=$2 role=$3 policy=$4 words
  shift 4
  printf -v words '"%s",' "$@"
  cat <<YAML
---
apiVersion: v1
kind: Pod
metadata: { name: $name, labels: { role: $role } }
spec:
  nodeName: $node
  tolerations: [{ operator: Exists }]
  serviceAccountName: proof
  automountServiceAccountToken: false
  enableServiceLinks: false
  restartPolicy: $policy
  terminationGracePeriodSeconds: 1
  securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: RuntimeDefault } }
  containers:
    - name: $role
      image: registry.kbin.dev/smoke:$smoke_version
      imagePullPolicy: Never
      command: [${words%,}]
      securityContext:
        { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
YAML
}

servers() {
  local name
  cat <<'YAML'
apiVersion: v1
kind: Namespace
metadata: { name: proof, labels: { pod-security.kubernetes.io/enforce: restricted } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: proof, namespace: proof }
---
apiVersion: v1
kind: Service
metadata: { name: proof, namespace: proof }
spec: { selector: { role: server }, ports: [{ port: 80, targetPort: 8080 }] }
YAML
  for name in "${names[@]}"; do
    pod "server-$name" "$name" server Always smoke serve --port 8080 | sed 's/^metadata: {/metadata: { namespace: proof,/'
  done
}

# checkers SERVICE-ADDRESS POD-ADDRESS…
checkers() {
  local service=$1 index next each
  shift
  local pods=("$@")
  # shellcheck disable=SC2016 # expands in the pod
  each='check() { n=0; until \"$@\"; do n=$((n+1)); [ $n -lt 80 ] || exit 1; sleep 0.25; done; }'
  for index in "${!names[@]}"; do
    next=${pods[(index + 1) % ${#pods[@]}]}
    pod "checker-${names[index]}" "${names[index]}" checker Never /bin/sh -c \
      "$each; check smoke lookup kubernetes.default.svc.cluster.local --timeout 2s; check smoke get http://$next:8080/ --timeout 2s; check smoke get http://$service/ --timeout 2s; check smoke get http://proof.proof.svc.cluster.local/ --timeout 2s"
  done
}

prove() {
  local addresses_of_pods service smoke_version
  set_image_version smoke
  smoke_version=$REPLY
  servers | kubectl create --validate=false -f - >/dev/null
  kubectl -n kube-system wait --for=condition=Available --timeout="${patience_seconds}s" deployment/coredns >/dev/null
  reached 'DNS available'
  kubectl -n proof wait --for=condition=Ready --timeout="${patience_seconds}s" pod -l role=server >/dev/null
  service=$(kubectl -n proof get service proof -o 'jsonpath={.spec.clusterIP}')
  addresses_of_pods=$(kubectl -n proof get pods "${names[@]/#/server-}" -o 'jsonpath={.items[*].status.podIP}')
  # shellcheck disable=SC2086 # a list
  checkers "$service" $addresses_of_pods | kubectl -n proof create --validate=false -f - >/dev/null
  kubectl -n proof wait '--for=jsonpath={.status.phase}=Succeeded' --timeout=60s "${names[@]/#/pod/checker-}" >/dev/null ||
    complain "a check failed: $(kubectl -n proof logs -l role=checker --tail=3)"
  reached 'pods, Service and DNS answer on every machine'
  kubectl delete namespace proof --wait=false >/dev/null
}
