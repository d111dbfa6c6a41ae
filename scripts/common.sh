# What the scripts of this folder share. Sourced with the root of the project as current folder.

tt_cache="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tt"
tt_venv="$tt_cache/venv"
tt_build="${TT_BUILD:-build}"

say() { printf '%s: %s\n' "$(basename "$0")" "$1" >&2; }

# fail WHAT HINT
fail() {
  printf '%s: error: %s\n  hint: %s\n' "$(basename "$0")" "$1" "$2" >&2
  exit 1
}

# Configures if needed, then builds; "$@" are the targets, none for all.
build_tt() {
  if [ ! -f "$tt_build/build.ninja" ]; then
    say "build: configuring $tt_build"
    meson setup "$tt_build" >&2
  fi
  say "build: compiling in $tt_build"
  ninja -C "$tt_build" "$@" >&2
}
