# What goes to the machines, by tar and ssh. Sourced by by-hand.
# shellcheck shell=bash disable=SC2154

# In the order in which the machine waits for them: GROUP DIRECTORY COMPONENT PROGRAM…; images are archives.
readonly program_table='
  etcd        /usr/local/bin  etcd etcd
  apiserver   /usr/local/bin  kubernetes kube-apiserver
  controllers /usr/local/bin  kubernetes kube-controller-manager kube-scheduler
  runtime     /usr/local/bin  containerd containerd containerd-shim-runc-v2 ctr
  runtime     /usr/local/bin  runc runc
  runtime     /opt/cni/bin    cni-plugins bridge host-local loopback portmap
  runtime     /opt/cni/bin    cni-plugin-flannel flannel
  node        /usr/local/bin  kubernetes kubelet kube-proxy
  node        /usr/local/bin  flannel flanneld
  images      /var/lib/images pause -
  images      /var/lib/images coredns -
  images      /var/lib/images smoke -
  rest        /usr/local/bin  etcd etcdctl etcdutl
  rest        /usr/local/bin  crictl crictl
'

readonly groups='etcd apiserver controllers runtime node images rest'

# The one that kbin deploys in the lab.
kubernetes_version=$(sed -nE 's/^ +kubernetes: (v[0-9.]+)$/\1/p' "$parts/../../../inventory/lab.yaml")
case $(uname -m) in
  aarch64) arch=arm64 ;;
  *) arch=amd64 ;;
esac

# set_artifact COMPONENT PROGRAM sets REPLY to the path of a program below the artifacts.
set_artifact() {
  local version='*' paths
  [[ $1 != kubernetes ]] || version=$kubernetes_version
  # shellcheck disable=SC2206 # a glob
  paths=("$artifacts"/bin/$1/$version/$arch/$2)
  [[ -f ${paths[0]} ]] || complain "there is no $1 $2 in $artifacts. Run scripts/binaries."
  REPLY=${paths[0]#"$artifacts/"}
}

# set_image_version NAME sets REPLY.
set_image_version() {
  local paths=("$artifacts"/images/"$1"/*/"$arch".tar)
  [[ -f ${paths[0]} ]] || complain "there is no image $1 in $artifacts. Run scripts/binaries."
  REPLY=${paths[0]%/*}
  REPLY=${REPLY##*/}
}

# program_list GROUP: paths below the artifacts of what belongs to it, each after its directory.
program_list() {
  local words program
  while read -r -a words; do
    [[ ${words[0]-} == "$1" ]] || continue
    if [[ ${words[3]} == - ]]; then
      set_image_version "${words[2]}"
      printf '%s %s\n' "${words[1]}" "images/${words[2]}/$REPLY/$arch.tar"
      continue
    fi
    for program in "${words[@]:3}"; do
      set_artifact "${words[2]}" "$program"
      printf '%s %s\n' "${words[1]}" "$REPLY"
    done
  done <<<"$program_table"
}

# pack GROUP…: a tar stream of their programs under the names they get on the machine.
pack() {
  local directory path name group arguments=()
  while read -r directory path; do
    name=${path##*/}
    # Of an image, the name is the folder's.
    [[ $path != images/* ]] || name=$(cut -d/ -f2 <<<"$path").tar
    arguments+=("--transform=s,^$path\$,${directory#/}/$name,")
    arguments+=("$path")
  done < <(for group in "$@"; do program_list "$group"; done)
  tar -C "$artifacts" --owner=0 --group=0 --mode=u=rwX,go=rX -cf - "${arguments[@]}"
}

# push_programs NAME: group after group; the file in /run tells the machine that a group is complete.
push_programs() {
  local group
  for group in $groups; do
    pack "$group" | on "$1" "tar -C / -xf - && mkdir -p /run/by-hand && : >/run/by-hand/$group"
    [[ $group != rest ]] || reached "$1 has all programs"
  done
}

# shellcheck disable=SC2086 # a list
pack_all() { pack $groups; }

# bytes_of_all prints the size of all files, without tar's headers.
bytes_of_all() {
  local group path
  for group in $groups; do program_list "$group"; done |
    while read -r _ path; do stat -c %s "$artifacts/$path"; done | awk '{ sum += $1 } END { printf "%d", sum }'
}

# push_files NAME: certificates, configuration and units.
push_files() {
  tar -C "$work/files/$1" --owner=0 --group=0 -cf - . | on "$1" 'tar -C / --no-overwrite-dir -xf -'
}
