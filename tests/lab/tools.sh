# tools.sh: programs out of Debian packages, unpacked into the cache with their own libraries and loader, so
# that they run the same inside a guest, on this host, and beside a libc of another age. Sourced.
#
#   tools/stable   busybox, kexec, and the makedumpfile of Debian 12, which is too old for today's kernels
#   tools/newest   makedumpfile of the development suite
. "$LAB/apt.sh"

# unpack_tools NAME SUITE PROGRAM=PACKAGE...
unpack_tools() {
    local name=$1 suite=$2 dir=$CACHE/tools/$1 stamp tmp p program libs
    shift 2
    stamp=$(hash_of "$LAB/tools.sh" "$suite" "$@")
    ! fresh "$dir" "$stamp" || return 0
    say "unpacking ${*%%=*} from $suite"
    suite "$suite" || return 1
    tmp=$(begin "$dir")
    fetch_closure "$tmp/deb" "${@#*=}" || return 1
    for p in "$tmp"/deb/*.deb; do
        # keep what programs need; perl and its like come along as dependencies only
        dpkg-deb --fsys-tarfile "$p" | tar -x -C "$tmp" --wildcards --no-wildcards-match-slash \
            './bin/*' './sbin/*' './usr/bin/*' './usr/sbin/*' './lib64/*' './usr/lib64/*' \
            './lib/x86_64-linux-gnu/*' './usr/lib/x86_64-linux-gnu/*' 2>/dev/null || true
    done
    mkdir "$tmp/lib"  2>/dev/null || true
    mkdir "$tmp/run"
    find "$tmp" -path "$tmp/run" -prune -o \( -name '*.so' -o -name '*.so.*' \) -print0 |
        xargs -0 -I{} cp -n {} "$tmp/run/"
    for program in "${@%%=*}"; do
        p=$(find "$tmp" -path "$tmp/run" -prune -o -type f -path "*bin/$program" -print | head -1)
        [ -n "$p" ] || { say "$program is not in its package"; return 1; }
        cp "$p" "$tmp/run/$program"
    done
    # of the libraries, keep those that the programs ask for
    libs=$(for program in "${@%%=*}"; do
               "$tmp/run/ld-linux-x86-64.so.2" --library-path "$tmp/run" --list "$tmp/run/$program" 2>/dev/null || true
           done | sed -n 's|.*run/\([^ /]*\) (0x.*|\1|p' | sort -u)
    mkdir "$tmp/keep"
    for p in $libs ld-linux-x86-64.so.2 "${@%%=*}"; do [ -e "$tmp/keep/$p" ] || cp "$tmp/run/$p" "$tmp/keep/"; done
    find "$tmp" -mindepth 1 -maxdepth 1 ! -name keep -exec rm -rf {} +
    mv "$tmp"/keep/* "$tmp/"; rmdir "$tmp/keep"
    commit "$dir" "$stamp"
}

tools() {
    unpack_tools stable bookworm busybox=busybox-static kexec=kexec-tools makedumpfile=makedumpfile &&
    unpack_tools newest sid makedumpfile=makedumpfile
}

# run_tool NAME/PROGRAM ARGS... : run one on the host
run_tool() {
    local dir=$CACHE/tools/${1%/*} program=${1#*/}
    shift
    "$dir/ld-linux-x86-64.so.2" --library-path "$dir" "$dir/$program" "$@"
}
