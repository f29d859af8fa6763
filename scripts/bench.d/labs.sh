# Labs that the bench makes, and inventories for them.
# shellcheck shell=bash disable=SC2154

readonly lab_seconds=180
made_labs=() current_lab=''

lab() { timeout --foreground "$lab_seconds" "$repository/scripts/lab" "$@"; }

# fresh_lab NAME OPTION…: new machines under that name; those of another measure would only take processor time.
fresh_lab() {
  local name=$1
  shift
  [[ -z $current_lab || $current_lab == "$name" ]] || lab down --name "$current_lab" >/dev/null
  lab down --name "$name" >/dev/null
  made_labs+=("$name") current_lab=$name
  lab up --name "$name" "$@" >"$logs/lab-$name.log" 2>&1 || complain "lab $name did not come up: $(tail -n 3 "$logs/lab-$name.log")"
}

take_labs_down() {
  local name
  ((${#made_labs[@]} > 0)) || return 0
  for name in $(printf '%s\n' "${made_labs[@]}" | sort -u); do
    lab down --name "$name" >/dev/null || printf 'bench: lab %s is still there; run: scripts/lab down --name %s\n' "$name" "$name" >&2
  done
}

ssh_config() { printf '/run/kbin-lab/%s/ssh_config' "$1"; }

# machine_pid LAB MACHINE prints the id of its PID 1.
machine_pid() {
  lab status --name "$1" --json |
    node -e 'const {machines} = JSON.parse(require("fs").readFileSync(0)); console.log(machines.find((m) => m.name === process.argv[1]).pid)' "$2"
}

# machines_inventory FILE: that of the lab in the repository, for the lab of the bench.
machines_inventory() {
  sed 's,/run/kbin-lab/lab/,/run/kbin-lab/bench/,' "$repository/inventory/lab.yaml" >"$1"
}

# hosts_inventory FILE: three control planes and 97 workers, on none of which systemd runs.
hosts_inventory() {
  cat >"$1" <<YAML
apiVersion: kbin.dev/v1
kind: Cluster
name: hosts
versions:
$(grep -E '^ +kubernetes: v' "$repository/inventory/lab.yaml")
ssh:
  user: root
  keys: [/run/kbin-lab/bench-ssh/id_ed25519]
  knownHosts: [/run/kbin-lab/bench-ssh/known_hosts]
  agent: false
preflight: { ignore: [systemd, duplicate-product-uuid], minimumCpus: 1, minimumMemoryMiB: 500 }
components:
  kubelet: { config: { failSwapOn: false } }
hosts:
  - { name: 'node-[1:3]', address: '10.77.0.[11:13]', roles: [etcd, control-plane, worker] }
  - { name: 'node-[4:100]', address: '10.77.0.[14:110]', roles: [worker] }
YAML
}
