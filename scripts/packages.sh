# How scripts/setup and scripts/install install Debian packages. Sourced after common.sh; what the tools print goes to $log.

attempts=3
log="$tt_cache/$(basename "$0").log"
mkdir -p "$tt_cache"
: >"$log"

missing_packages() {
  sed 's/#.*//' "$1" | while read -r package; do
    [ -n "$package" ] || continue
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -E "$@"; fi
}

# Runs a command quietly, and again if it fails; shows the end of the log if it keeps failing.
retry() {
  local try
  for try in $(seq "$attempts"); do
    "$@" >>"$log" 2>&1 && return
    [ "$try" -eq "$attempts" ] || say "attempt $try of $attempts failed, trying again"
    sleep "$((try * 2))"
  done
  tail -n 20 "$log" >&2
  return 1
}

# install_packages LIST: what is missing of a file with one package a line.
install_packages() {
  local list="$1" packages
  if ! command -v dpkg-query >/dev/null; then
    say "packages: no dpkg here, so install the equivalents of $list yourself"
    return
  fi
  # Not by process substitution: that needs /proc.
  read -ra packages <<<"$(missing_packages "$list" | tr '\n' ' ')"
  if [ "${#packages[@]}" -eq 0 ]; then
    say "packages: all of $list are installed"
    return
  fi
  say "packages: installing ${packages[*]}"
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    fail "installing packages needs root or sudo" "as root: apt-get install --no-install-recommends ${packages[*]}"
  # A set-up that was cut off may have left packages unpacked.
  retry as_root dpkg --configure -a || fail "dpkg --configure -a failed" "all messages are in $log"
  retry as_root apt-get -q -o DPkg::Lock::Timeout=300 update || say "packages: apt-get update failed, going on with the old lists"
  retry as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 \
    install --no-install-recommends "${packages[@]}" || fail "apt-get install failed" "all messages are in $log; run $(basename "$0") again to go on"
}
