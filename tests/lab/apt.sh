# apt.sh: packages of any Debian suite, without touching the machine's own apt configuration. Sourced.
# Each suite gets a private set of lists in the cache; mirror, proxy and keys are the machine's.

# debian_uri LABEL RELEASE : where this machine's own sources find the archive of that label ("Debian" or
# "Debian-Security"). Before the first 'apt-get update' apt knows no labels: then go by the release's name.
debian_uri() {
    apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Origin: Debian" "Label: $1" | grep -m1 . ||
        apt-get --print-uris update | sed -n "s|^'\(.*\)/dists/$2/InRelease'.*|\1|p" | grep -m1 . || true
}

# suite SUITE : prepare it; afterwards APT holds the options that make apt-get and apt-cache work on it
suite() {
    local dir=$CACHE/apt/$1 signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" host main security
    mkdir -p "$dir"/{lists,cache/archives}/partial
    : > "$dir/status"
    APT=(-q -oDir::Etc::SourceList="$dir/sources.list" -oDir::Etc::SourceParts=/dev/null
         -oDir::State::Lists="$dir/lists" -oDir::State::status="$dir/status" -oDir::Cache="$dir/cache"
         -oAPT::Architecture=amd64 -oAPT::Architectures=amd64 -oAPT::Sandbox::User=root -oAcquire::Languages=none
         -oAcquire::Check-Valid-Until=false)         # a mirror frozen at some day does as well

    host=$(. /etc/os-release; echo "${VERSION_CODENAME:-}")
    main=$(debian_uri Debian "$host")
    security=$(debian_uri Debian-Security "$host-security")
    [ -n "$main" ] || fail "no Debian archive in this machine's apt sources"
    {
        echo "deb $signed $main $1 main"
        # of the oldest suite, the archive of security updates has lost its debug packages
        case $1 in sid|bullseye) ;; *) [ -z "$security" ] || echo "deb $signed $security $1-security main" ;; esac
    } > "$dir/sources.new"
    # lists of the same sources, younger than half a day, are good enough
    if cmp -s "$dir/sources.new" "$dir/sources.list" && [ -n "$(find "$dir/fetched" -mmin -720 2>/dev/null)" ]; then
        return 0
    fi
    mv "$dir/sources.new" "$dir/sources.list"
    if ! apt-get "${APT[@]}" update > "$dir/update.log" 2>&1 || grep -q '^[EW]: ' "$dir/update.log"; then
        fail "cannot read the package lists of $1, see $dir/update.log"
    fi
    touch "$dir/fetched"
}

# download DIR ARGS... : run apt-get with ARGS in DIR, which keeps what it fetches
download() {
    local dir=$1; shift
    mkdir -p "$dir/partial"
    if ! (cd "$dir" && apt-get "${APT[@]}" -oDir::Cache::archives="$dir" "$@" > log 2>&1); then
        tail -3 "$dir/log" >&2
        fail "cannot get ${*: -1}"
    fi
}
fetch() { local dir=$1; shift; download "$dir" download "$@"; } # just these packages
fetch_closure() { local dir=$1; shift; download "$dir" install --download-only -y --no-install-recommends "$@"; }
