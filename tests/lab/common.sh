# common.sh: what every script of the lab shares: places, messages, and folders that appear whole or not at all.
# Sourced, never run.

set -euo pipefail
export LC_ALL=C

LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${VMBROWSE_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/vmbrowse-lab}

# Messages go to stderr: stdout belongs to what a command was asked for (paths, lists).
say()  { printf 'lab: %s\n' "$*" >&2; }
fail() { printf 'lab: error: %s\n' "$*" >&2; exit 1; }

# hash_of WORD... : one short hash over the words; a word that names a file stands for its content
hash_of() {
    local w
    for w; do if [ -f "$w" ]; then cat "$w"; else printf '%s\n' "$w"; fi; done | sha256sum | cut -c1-16
}

# fresh DIR HASH : true when DIR is complete and was made by the recipe with this hash
fresh() { [ "$(cat "$1/.stamp" 2>/dev/null)" = "$2" ]; }

# A folder of the cache is built aside and moved into place with its stamp inside, so that whoever looks
# sees the old one, or the new one, never half of one.
begin() { # DIR : prints the folder to build in
    mkdir -p "$(dirname "$1")"
    rm -rf "$1.tmp"; mkdir "$1.tmp"
    printf '%s\n' "$1.tmp"
}
commit() { # DIR HASH
    printf '%s\n' "$2" > "$1.tmp/.stamp"
    rm -rf "$1.old"
    if [ -e "$1" ]; then mv "$1" "$1.old"; fi
    mv "$1.tmp" "$1"
    rm -rf "$1.old"
}

# lines FILE : the entries of one of the lab's lists, without its comments
lines() { grep -v '^#' "$LAB/$1"; }
