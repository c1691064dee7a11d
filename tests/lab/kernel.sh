# kernel.sh: one kernel of the lab, out of Debian packages. Sourced.
#
#   kernels/<K>/release  vmlinux             uname -r, and the kernel with its debug information
#   kernels/<K>/vmlinuz  root/lib/modules/   what boots: the image and the modules of the list 'modules'
#   kernels/<K>/debug/   src/                those modules' debug files; source files of the list 'sources'
. "$LAB/apt.sh"

# The name of a kernel is its version's first two numbers. The suites that carry the stable ones are known;
# any other name means the newest of the development suite, whatever its number is by then.
suite_of() { case $1 in 6.1) echo bookworm ;; 6.12) echo trixie ;; *) echo sid ;; esac; }

# kernel NAME : make sure it is in the cache; prints the name it really has ("newest" becomes "7.2")
kernel() {
    local name=$1 suite stamp tmp image release label
    stamp=$(hash_of "$LAB/kernel.sh" "$LAB/modules" "$LAB/sources")
    [ "$name" != newest ] || name=$(cat "$CACHE/kernels/newest" 2>/dev/null || echo newest)
    if fresh "$CACHE/kernels/$name" "$stamp"; then echo "$name"; return 0; fi

    suite=$(suite_of "$name")
    suite "$suite" || return 1
    image=$(depends linux-image-cloud-amd64 '^linux-image-[0-9]')
    [ -n "$image" ] || { say "$suite has no cloud kernel"; return 1; }
    release=${image#linux-image-}
    label=$(echo "$release" | grep -oE '^[0-9]+\.[0-9]+')
    if [ "$name" != newest ] && [ "$name" != "$label" ]; then
        say "kernel $name: $suite has $label now"; return 1
    fi
    [ "$suite" != sid ] || { mkdir -p "$CACHE/kernels"; echo "$label" > "$CACHE/kernels/newest"; }
    if fresh "$CACHE/kernels/$label" "$stamp"; then echo "$label"; return 0; fi

    say "kernel $label: $release from $suite"
    tmp=$(begin "$CACHE/kernels/$label")
    echo "$release" > "$tmp/release"
    kernel_image "$tmp" "$image" "$release" || return 1
    # the two big packages each keep a core busy with decompression
    kernel_sources "$tmp" "linux-source-$label" & 
    kernel_debug "$tmp" "$image-dbg" "$release" || { wait; return 1; }
    wait $! || say "kernel $label: no sources, going on without"
    commit "$CACHE/kernels/$label" "$stamp"
    echo "$label"
}

wanted_modules() { grep -v '^#' "$LAB/modules"; }

# What boots. Newer suites split the image package and compress modules: root/ holds plain .ko files,
# only those wanted and what they depend on.
kernel_image() { # DIR PACKAGE RELEASE
    local tmp=$1 image=$2 release=$3 parts p m f
    parts=$(apt-cache "${APT[@]}" depends "$image" | grep -oE 'linux-(binary|modules|base)-[0-9][^ >]*' | sort -u)
    fetch "$tmp/deb" "$image" $parts || return 1
    for p in "$tmp"/deb/*.deb; do dpkg-deb -x "$p" "$tmp/img"; done
    [ -d "$tmp/img/lib/modules" ] || { mkdir -p "$tmp/img/lib"; ln -s ../usr/lib/modules "$tmp/img/lib/modules"; }
    p=$(find "$tmp/img" -type f -name 'vmlinuz*' -size +1M | head -1)
    [ -n "$p" ] || { say "no vmlinuz in $image"; return 1; }
    cp "$p" "$tmp/vmlinuz"
    depmod -b "$tmp/img" "$release"
    for m in $(wanted_modules); do
        modprobe -d "$tmp/img" -S "$release" --show-depends "$m" 2>/dev/null | awk '$1 == "insmod" { print $2 }' || true
    done | sort -u | while read -r f; do
        m=$tmp/root/lib/modules/${f#*/lib/modules/}
        mkdir -p "$(dirname "$m")"
        case $f in
            *.xz)  xz -dc "$f" > "${m%.xz}" ;;
            *.zst) zstd -qdc "$f" > "${m%.zst}" ;;
            *)     cp "$f" "$m" ;;
        esac
    done
    cp "$tmp/img/lib/modules/$release"/modules.builtin* "$tmp/img/lib/modules/$release/modules.order" \
        "$tmp/root/lib/modules/$release/"
    depmod -b "$tmp/root" "$release"
    rm -rf "$tmp/img" "$tmp/deb"
}

# vmlinux and the modules' debug files, streamed out of the -dbg package (a fifth of a gigabyte and more;
# unpacked whole it would be ten times that)
kernel_debug() { # DIR PACKAGE RELEASE
    local tmp=$1 dbg=$2 release=$3 patterns=() m
    fetch "$tmp/dbg" "$dbg" || return 1
    for m in $(cd "$tmp/root/lib/modules" && find . -name '*.ko'); do
        patterns+=("*/${m#./}" "*/${m#./}.debug")
    done
    mkdir "$tmp/dbg/out"
    dpkg-deb --fsys-tarfile "$tmp"/dbg/*.deb |
        tar -x -C "$tmp/dbg/out" --wildcards "*/vmlinux*" "${patterns[@]}" 2>/dev/null || true
    mv "$tmp/dbg/out/usr/lib/debug" "$tmp/debug"
    m=$(find "$tmp/debug" -type f -name 'vmlinux*')          # its other names are links to it
    [ -f "$m" ] || { say "no vmlinux in $dbg"; return 1; }
    mv "$m" "$tmp/vmlinux"
    find "$tmp/debug" -name 'vmlinux*' -delete
    rm -rf "$tmp/debug/boot" "$tmp/dbg"
}

kernel_sources() { # DIR PACKAGE
    local tmp=$1 files
    fetch "$tmp/srcdeb" "$2" || return 1
    mapfile -t files < <(grep -v '^#' "$LAB/sources" | sed 's|^|*/|')
    mkdir "$tmp/src"
    dpkg-deb --fsys-tarfile "$tmp"/srcdeb/*.deb | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | xz -dc |
        tar -x -C "$tmp/src" --strip-components=1 --wildcards --no-anchored "${files[@]}" 2>/dev/null || true
    rm -rf "$tmp/srcdeb"
    [ -d "$tmp/src/kernel" ]
}
