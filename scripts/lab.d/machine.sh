# The machine kind: systemd in systemd-nspawn, under a supervisor that is the machine's power supply.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

# start_machine NAME sets the supervisor off; it outlives this program and its terminal.
start_machine() {
  rm -f "$state/$1/supervisor" "$state/$1/init" "$state/$1/nspawn"
  setsid "$lab_script" --name "$lab" supervise "$1" </dev/null >>"$state/$1/supervisor.log" 2>&1 9>&- &
}

# supervise NAME boots the machine, and boots it again for as long as it ends by asking for a reboot.
supervise() {
  local name=$1 pid status
  record "$state/$name/supervisor" $$
  # In v2 a group with processes of its own can give its children no controllers, so there it stays outside.
  box_has_cgroup_v2 || enter_groups "$name"
  while :; do
    empty_groups "$name"
    connect_machine "$name"
    # The mounts are the boot's own: they are gone with its last process, whatever happens.
    unshare --mount --propagation slave "$lab_script" --name "$lab" boot "$name" \
      </dev/null >>"$state/$name/console.log" 2>&1 &
    pid=$!
    wait_until 600 find_init "$name" "$pid" || true
    status=0
    wait "$pid" || status=$?
    # systemd-nspawn may have been killed from outside, and then its machine would run on.
    ! set_recorded "$state/$name/init" || kill -KILL "$REPLY" 2>/dev/null || true
    wait_until 10 init_is_gone "$name" || true
    rm -f "$state/$name/init" "$state/$name/nspawn"
    # With --keep-unit, systemd-nspawn leaves a reboot to its caller: EXIT_FORCE_RESTART, 133.
    ((status == 133)) || break
  done
  disconnect_machine "$name"
  rm -f "$state/$name/supervisor"
}

# boot NAME becomes systemd-nspawn, in the mount namespace that the supervisor made for it.
boot() {
  local name=$1 disk=$data/$1 modules=()
  record "$state/$name/nspawn" $$
  ! box_has_cgroup_v2 || enter_groups "$name"
  mount -t overlay -o "$(overlay_options "$name")" "$lab-$name" "$disk/root"
  # Here systemd-nspawn keeps locks and directories of its own, and leaves them when it is killed.
  mkdir -p /run/systemd
  mount -t tmpfs -o mode=0755,size=1m tmpfs /run/systemd
  [[ ! -d /lib/modules ]] || modules=(--bind-ro=/lib/modules)
  export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1
  box_has_cgroup_v2 || export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=0 SYSTEMD_NSPAWN_USE_CGNS=1
  # Entered here already, as systemd-nspawn mounts /sys before it enters the namespace: /sys/class/net would otherwise
  # show the box's interfaces and their hardware addresses, the same in every machine.
  exec nsenter --net="/run/netns/$operator.$name" systemd-nspawn --quiet --register=no --keep-unit --boot --directory="$disk/root" \
    --machine="kbin-$lab-$name" --hostname="$name" --uuid="$(<"$disk/upper/etc/machine-id")" \
    --network-namespace-path="/run/netns/$operator.$name" \
    --capability=all --system-call-filter='@known add_key keyctl bpf' --bind=/dev/kmsg "${modules[@]}" \
    --bind="$disk/containerd:/var/lib/containerd" --bind="$disk/kubelet:/var/lib/kubelet" \
    --bind="$disk/etcd:/var/lib/etcd" \
    --resolv-conf=off --timezone=off --link-journal=no --console=read-only
}

# find_init NAME NSPAWN records the machine's PID 1, systemd-nspawn's child; succeeds as well if there will be none.
find_init() {
  local children=() child ids
  set_start_time "$2" || return 0
  { read -ra children <"/proc/$2/task/$2/children"; } 2>/dev/null || true
  for child in "${children[@]}"; do
    # "NSpid: 4711 1": the number here, then the number in the machine's own namespace.
    read -ra ids < <(grep -s '^NSpid:' "/proc/$child/status") || continue
    ((${#ids[@]} > 2 && ids[-1] == 1)) || continue
    record "$state/$1/init" "$child" && return
  done
  return 1
}

init_is_gone() { ! set_recorded "$state/$1/init"; }

# power_off NAME: every process of the machine is gone at once, its cable and namespace too; its disk stays. Serves
# both kinds, whatever half-started or half-dead state the machine is in.
power_off() {
  end_processes "$1"
  disconnect_machine "$1"
}

# end_processes NAME leaves no process and no control group of the machine.
end_processes() {
  local name=$1
  [[ -d $state/$name ]] || return 0
  wait_until 30 kill_machine "$name" || die "$name: processes $(living_processes "$name" | tr '\n' ' ')do not end."
  rm -f "$state/$name"/{supervisor,nspawn,init}
  wait_until 10 remove_groups "$name" || die "$name: groups do not empty: $(groups_of "$name" | tr '\n' ' ')"
  rm -f "$state/$name/groups"
}

# kill_machine NAME kills what lives of it and succeeds once nothing does.
kill_machine() {
  local pids
  # A supervisor that is stopped cannot start what the list below would miss.
  ! set_recorded "$state/$1/supervisor" || kill -STOP "$REPLY" 2>/dev/null || true
  readarray -t pids < <(living_processes "$1")
  ((${#pids[@]} > 0)) || return 0
  kill -KILL "${pids[@]}" 2>/dev/null || true
  return 1
}

# living_processes NAME: the recorded processes with their descendants, and whatever else is in the machine's groups.
living_processes() {
  local file roots=()
  for file in supervisor nspawn init; do
    ! set_recorded "$state/$1/$file" || roots+=("$REPLY")
  done
  {
    ((${#roots[@]} == 0)) || descendants "${roots[@]}"
    processes_in_groups "$1"
  } | sort -un | while read -r pid; do
    ! set_start_time "$pid" || printf '%s\n' "$pid"
  done
}

machine_is_up() { set_recorded "$state/$1/supervisor" && set_recorded "$state/$1/init"; }
