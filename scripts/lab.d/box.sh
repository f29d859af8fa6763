# What the box itself must offer, and the packages of its own that the lab runs on.
# shellcheck shell=bash disable=SC2034,SC2154,SC2174

# refuse MISSING… exits 77 ("cannot run here", as test runners read it) and names all that is missing at once.
refuse() {
  local list
  printf -v list '%s; ' "$@"
  printf 'lab: cannot run here; missing: %s\n' "${list%; }" >&2
  exit 77
}

require_root() { ((EUID == 0)) || refuse "root (this is uid $EUID)"; }

require_box() {
  local missing=()
  unshare --net --mount --pid --uts --fork true 2>/dev/null || missing+=("the right to make namespaces")
  grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || missing+=("overlayfs in the kernel")
  command -v apt-get >/dev/null || missing+=("apt-get, of Debian or Ubuntu")
  ((${#missing[@]} == 0)) || refuse "${missing[@]}"
}

# install_box_packages installs what is missing of the programs the lab runs.
install_box_packages() {
  local program package missing=()
  while read -r program package; do
    command -v "$program" >/dev/null || missing+=("$package")
  done <<'PROGRAMS'
systemd-nspawn systemd-container
mmdebstrap mmdebstrap
ip iproute2
nft nftables
ssh openssh-client
unshare util-linux
find findutils
PROGRAMS
  ((${#missing[@]} == 0)) && return
  say "installing on this box: ${missing[*]}"
  update_package_lists
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >&2
}

# A box may never have fetched its package lists, or long ago; once in a run is enough.
update_package_lists() {
  [[ -z ${package_lists_fresh:-} ]] || return 0
  apt-get update -qq </dev/null >&2
  package_lists_fresh=yes
}
