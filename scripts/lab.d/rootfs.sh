# The root filesystem all machines share, built once and kept under the hash of what went into it.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

# set_rootfs_path sets REPLY to where the root filesystem for today's package list, files and script is or will be.
set_rootfs_path() {
  local hash
  hash=$(
    cd "$data_files" || exit
    {
      . /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-}"
      find packages rootfs -type f -print0 | sort -z | xargs -0 sha256sum
      sha256sum <"$lab_parts/rootfs.sh"
    } | sha256sum | cut -c1-12
  )
  REPLY=$cache_base/rootfs-$hash
}

# ensure_rootfs sets REPLY to the finished root filesystem, building it if it is not there.
ensure_rootfs() {
  local path building began=${EPOCHREALTIME/[.,]/}
  [[ $cache_base == /* ]] || usage_error "KBIN_LAB_CACHE must be an absolute path, not \"$cache_base\"."
  set_rootfs_path
  path=$REPLY
  [[ -d $path ]] || {
    mkdir -p -m 0700 "$cache_base"
    exec 8>"$cache_base/.lock"
    flock -n 8 || { say "waiting for another lab's build of the root filesystem" && flock 8; }
    [[ -d $path ]] || {
      rm -rf --one-file-system "$cache_base"/.building-*
      building=$cache_base/.building-$$
      say "building the root filesystem $path"
      build_rootfs "$building" || die "the root filesystem could not be built; the log is $cache_base/build.log"
      mv -T "$building" "$path"
      set_elapsed "$began"
      say "built it in $REPLY, $(du -sm "$path" | cut -f1) MB"
    }
    exec 8>&-
  }
  REPLY=$path
}

# The distribution's own sources of this box, whatever the format of their files; other vendors' are left out.
box_sources() {
  apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' |
    awk '$1 == "Debian" || $1 == "Ubuntu" { print "deb", $2, $3, $4 }' | sort -u
}

build_rootfs() {
  local root=$1 codename packages options=() option
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  packages=$(sed '/^#/d' "$data_files/packages" | paste -sd,)
  # How this box reaches its mirror (a proxy, a pinned date) holds for the machines' packages too.
  while read -r option; do
    options+=(--aptopt="$option")
  done < <(apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-|Retries)' || true)
  # mmdebstrap refuses to overwrite; documentation and translations would only be read by nobody.
  {
    update_package_lists && box_sources | mmdebstrap --mode=root --variant=minbase --include="$packages" \
      "${options[@]}" --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' "$codename" "$root" - && furnish_rootfs "$root"
  } >"$cache_base/build.log" 2>&1
}

furnish_rootfs() {
  local root=$1
  cp -rT --no-preserve=mode,ownership --remove-destination "$data_files/rootfs" "$root" || return
  chmod 0440 "$root/etc/sudoers.d/lab" || return
  rm -rf "$root"/etc/ssh/ssh_host_*_key* "$root"/etc/apt/sources.list* "$root/etc/hostname" "$root/etc/machine-id" \
    "$root/var/lib/dbus/machine-id" || return
  keep_network_sysctls "$root" || return
  chroot "$root" /bin/sh -eu <<'INSIDE'
useradd -m -u 1000 -s /bin/bash ops
useradd -m -u 1001 -s /bin/bash nopass
printf 'ops:kbin-lab-sudo\n' | chpasswd
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/systemd/system/sysinit.target.wants
mkdir -p /var/lib/containerd /var/lib/kubelet /var/lib/etcd /var/log/journal
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
ln -sf /lib/systemd/system/ssh.service /etc/systemd/system/multi-user.target.wants/ssh.service
ln -sf ../cgroups-writable.service /etc/systemd/system/sysinit.target.wants/cgroups-writable.service
# Where ssh is started by a socket (Ubuntu), its service would find the port taken.
rm -f /etc/systemd/system/sockets.target.wants/ssh.socket
# kbin brings its own units for these two; the distribution's must not take their ports first.
rm -f /etc/systemd/system/multi-user.target.wants/haproxy.service
rm -f /etc/systemd/system/multi-user.target.wants/keepalived.service
# Nobody logs in at the console; package management has nothing to do; and what cares for file systems, firmware logs
# and the kernel's debugging mounts would do so to the box's own.
for unit in console-getty.service getty.target apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
  e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-pstore.service sys-kernel-debug.mount \
  sys-kernel-tracing.mount sys-fs-fuse-connections.mount; do
  ln -sf /dev/null "/etc/systemd/system/$unit"
done
printf 'LANG=C.UTF-8\n' >/etc/default/locale
visudo -c -q
mkdir -p /run/sshd
rmdir /run/sshd
INSIDE
}

# The kernel is the box's: of the distribution's own sysctls only those of a network namespace are a machine's. A file
# in /etc takes the place of the one of the same name in /usr/lib (sysctl.d(5)).
keep_network_sysctls() {
  local root=$1 file settings
  for file in "$root"/usr/lib/sysctl.d/*.conf "$root"/etc/sysctl.d/*.conf; do
    [[ -f $file ]] || continue
    settings=$(grep -E '^-?net\.' "$file" || true)
    rm -f "$root/etc/sysctl.d/${file##*/}"
    printf '%s\n' "# Of the distribution's file, what belongs to a network namespace." "$settings" \
      >"$root/etc/sysctl.d/${file##*/}" || return
  done
}
