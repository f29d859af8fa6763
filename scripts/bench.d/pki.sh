# The measure pki: all certificates of a large cluster, one beside cfssl's, and what `kbin certs list` takes.
# shellcheck shell=bash disable=SC2154

readonly pki_seconds=600 large_nodes=1000 compared_nodes=100 cfssl_certificates=50 addresses_a_row=250
# The whole measure but `certs list` runs on this processor alone.
readonly one_core=(taskset -c 0)
stores='' filesystem='' mounted=''

measure_pki() {
  local algorithm
  make_stores
  measure_large_cluster
  for algorithm in ECDSA-P256 RSA-2048; do measure_one_certificate "$algorithm"; done
  measure_certs_list
}

# make_stores: sets stores to a directory on the disk, and filesystem to what it is.
make_stores() {
  local device
  [[ -z $stores ]] || return 0
  stores=$work/pki
  mkdir -p "$stores"
  read -r device filesystem < <(df --output=source,fstype "$stores" | tail -n 1)
  case $filesystem in
    tmpfs | ramfs | devtmpfs) complain "$stores is in memory ($filesystem). Set TMPDIR to a directory on a disk." ;;
    ext4) compgen -G "/proc/fs/jbd2/${device##*/}-*" >/dev/null || mount_journaled ;;
  esac
}

# mount_journaled: an ext4 with a journal, as disks have it, in a file on the disk. Without one the kernel passes over every
# inode that was freed within the last six minutes, one by one, for each new file (recently_deleted in fs/ext4/ialloc.c), so
# that what anybody on this box deleted would be measured.
mount_journaled() {
  truncate -s "$((runs * 60 + 200))M" "$work/disk"
  mkfs.ext4 -q -F -i 4096 -E lazy_itable_init=0,lazy_journal_init=0 "$work/disk"
  if mount -o loop "$work/disk" "$stores"; then
    mounted=$stores filesystem='ext4 in a file'
  else
    filesystem='ext4 without journal'
    echo 'This disk has no journal, and no other filesystem can be mounted: files deleted minutes ago slow down new ones.'
  fi
}

unmount_stores() {
  [[ -z $mounted ]] || umount "$mounted" || umount --lazy "$mounted" || true
}

# nodes_inventory FILE NODES ALGORITHM: three control planes with etcd, the others workers. Nobody ever connects to them.
nodes_inventory() {
  local file=$1 nodes=$2 first=4 last network
  cat >"$file" <<YAML
apiVersion: kbin.dev/v1
kind: Cluster
name: nodes-$nodes
versions:
$(grep -E '^ +kubernetes: v' "$repository/inventory/lab.yaml")
ssh: { user: root }
network: { podCidr: 10.240.0.0/12 }
certificates: { algorithm: $3 }
hosts:
  - { name: 'node-[1:3]', address: '10.77.0.[1:3]', roles: [etcd, control-plane] }
YAML
  for (( ; first <= nodes; first = last + 1)); do
    network=$(((first - 1) / addresses_a_row))
    last=$(((network + 1) * addresses_a_row))
    ((last <= nodes)) || last=$nodes
    printf "  - { name: 'node-[%s:%s]', address: '10.77.%s.[%s:%s]', roles: [worker] }\n" \
      "$first" "$last" "$network" $((first - network * addresses_a_row)) $((last - network * addresses_a_row))
  done >>"$file"
}

# issue_all LOG INVENTORY: sets wall to the seconds of the whole process, issued to the number of certificates, and inside to
# the seconds without the start of Node.js and the reading of the inventory. Every certificate is read back afterwards.
issue_all() {
  local log=$1 inventory=$2 store
  store=$(mktemp -d "$stores/XXXXXX")/pki
  timed "$log" "$pki_seconds" - "${one_core[@]}" node "$parts/pki-kbin.mjs" issue "$inventory" "$store" || return
  read -r issued inside < <(tail -n 1 "$logs/$log")
  node "$parts/pki-kbin.mjs" check "$inventory" "$store" >"$logs/$log.check" 2>&1 || {
    printf 'bench: the certificates do not read back: %s\n' "$(grep -m 1 Error "$logs/$log.check")" >&2
    return 1
  }
}

measure_large_cluster() {
  local run wall cpu issued=no inside kbin=()
  nodes_inventory "$work/large.yaml" "$large_nodes" ECDSA-P256
  for ((run = 1; run <= runs; run++)); do
    issue_all "pki-large-$run.log" "$work/large.yaml" || wall=failed inside=failed
    kbin+=("$wall")
    told kbin "$run" "$wall" "s, $issued certificates, cpu time $cpu s, without start $inside s"
  done
  row "$issued P-256 certificates of $large_nodes nodes, one core, $filesystem" s 'kbin <= 2' "${kbin[@]}" --
}

# measure_one_certificate ALGORITHM: milliseconds for each of many. cfssl starts a process for every one, as it is used.
measure_one_certificate() {
  local algorithm=$1 run wall cpu issued inside each kbin=() by_hand=()
  nodes_inventory "$work/compared-$algorithm.yaml" "$compared_nodes" "$algorithm"
  command -v cfssl >/dev/null || echo 'cfssl is not installed (package golang-cfssl), so nothing stands beside kbin.'
  for ((run = 1; run <= runs; run++)); do
    if command -v cfssl >/dev/null; then
      each=failed
      timed "pki-cfssl-$algorithm-$run.log" "$pki_seconds" - "${one_core[@]}" \
        "$parts/pki-cfssl" "$algorithm" "$cfssl_certificates" "$(mktemp -d "$stores/XXXXXX")" &&
        each=$(milliseconds_each "$logs/pki-cfssl-$algorithm-$run.log")
      by_hand+=("$each") && told cfssl "$run" "$each" "ms for each of $cfssl_certificates"
    fi
    each=failed
    issue_all "pki-kbin-$algorithm-$run.log" "$work/compared-$algorithm.yaml" &&
      each=$(milliseconds_each "$logs/pki-kbin-$algorithm-$run.log")
    kbin+=("$each") && told kbin "$run" "$each" "ms for each of ${issued-no}, without start"
  done
  row "one $algorithm certificate (by hand: cfssl)" ms - "${kbin[@]}" -- "${by_hand[@]}"
}

# milliseconds_each LOG prints the quotient of its last line: COUNT SECONDS.
milliseconds_each() { tail -n 1 "$1" | awk '{ printf "%.3f", $2 / $1 * 1000 }'; }

measure_certs_list() {
  local run wall cpu kbin=() listed
  require_cluster
  for ((run = 1; run <= runs; run++)); do
    timed "certs-list-$run.log" "$short_seconds" bench node "$cli" certs list -i "$work/machines.yaml" --json || wall=failed
    listed=$(listed_hosts "$logs/certs-list-$run.log") || listed=no
    [[ $listed == 3 ]] || { printf 'bench: certs list told of %s hosts, not of 3.\n' "$listed" >&2 && wall=failed; }
    kbin+=("$wall") && told kbin "$run" "$wall" s
  done
  row 'certs list of three machines' s 'kbin <= 2' "${kbin[@]}" --
}

# listed_hosts FILE prints on how many hosts `certs list --json` read certificates from the disk.
listed_hosts() {
  node -e '
    const { certificates } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    const found = certificates.filter(({ place, subject }) => place === "disk" && subject !== null);
    console.log(new Set(found.map(({ host }) => host)).size);
  ' "$1"
}
