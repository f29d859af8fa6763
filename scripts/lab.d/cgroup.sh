# A control group of its own for each machine, so that systemd and the kubelet inside find hierarchies they may fill.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

box_has_cgroup_v2() { [[ -e /sys/fs/cgroup/cgroup.controllers ]]; }

# group_parents: the directory under which the machine's group goes, one a hierarchy.
group_parents() {
  # With v2, the controllers a child may have are those enabled in its parent; only the root may have processes as well.
  ! box_has_cgroup_v2 || { echo /sys/fs/cgroup && return; }
  local controllers path mount
  while IFS=: read -r _ controllers path; do
    mount=$(group_mount "$controllers")
    [[ -n $mount && -w $mount$path/cgroup.procs ]] && printf '%s\n' "$mount${path%/}"
  done </proc/self/cgroup
  return 0
}

# group_mount CONTROLLERS: where the hierarchy with these controllers ("cpu,cpuacct", "name=systemd", "" for v2) is mounted.
group_mount() {
  awk -v wanted="$1" '
    wanted == "" && $3 == "cgroup2" { print $2; exit }
    wanted != "" && $3 == "cgroup" {
      count = split(wanted, names, ","); found = 0
      for (i = 1; i <= count; i++) if (index("," $4 ",", "," names[i] ",")) found++
      if (found == count) { print $2; exit }
    }' /proc/mounts
}

# enter_groups NAME makes the machine's groups, recording each before it is made, and moves this process into them.
enter_groups() {
  local parent group
  while read -r parent; do
    group=$parent/kbin-lab.$lab.$1
    grep -qxF "$group" "$state/$1/groups" 2>/dev/null || printf '%s\n' "$group" >>"$state/$1/groups"
    mkdir -p "$group"
    # A v1 cpuset without processors and memory nodes takes no process.
    if [[ -e $parent/cpuset.cpus && ! -e $parent/cgroup.controllers ]]; then
      cat "$parent/cpuset.cpus" >"$group/cpuset.cpus"
      cat "$parent/cpuset.mems" >"$group/cpuset.mems"
    fi
    echo "$BASHPID" >"$group/cgroup.procs"
  done < <(group_parents)
}

# groups_of NAME: the machine's recorded groups that exist, one a line.
groups_of() {
  local group
  [[ -e $state/$1/groups ]] || return 0
  while read -r group; do
    [[ ${group##*/} == "kbin-lab.$lab.$1" && -d $group ]] && printf '%s\n' "$group"
  done <"$state/$1/groups"
  return 0
}

# processes_in_groups NAME: what runs in the machine's groups, one id a line.
processes_in_groups() {
  local group
  while read -r group; do
    find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done < <(groups_of "$1") | sort -un
}

# empty_groups NAME removes what a machine's last boot left inside its groups, as a real power cycle does.
empty_groups() {
  local group
  while read -r group; do
    find "$group" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(groups_of "$1")
}

# remove_groups NAME succeeds when nothing is left of them.
remove_groups() {
  local group
  while read -r group; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(groups_of "$1")
  [[ -z $(groups_of "$1") ]]
}
