# apt.sh: packages of any Debian suite, without touching the machine's own apt configuration.
# Sourced. Each suite gets a private set of lists in the cache; the mirror, proxy and keys are the machine's.

# debian_uri LABEL RELEASE : where this machine's own sources find the archive of that label ("Debian", or
# "Debian-Security"). Before the first 'apt-get update' apt does not know labels yet: then go by the release.
debian_uri() {
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" "Origin: Debian" "Label: $1" | head -1)
    [ -n "$uri" ] || uri=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" \
                           "Release: $2" "Component: main" | head -1)
    printf '%s\n' "$uri"
}

# suite SUITE : prepare it; afterwards $APT holds the options that make apt-get and apt-cache work on it
suite() {
    local dir=$CACHE/apt/$1 key=/usr/share/keyrings/debian-archive-keyring.gpg host main security
    host=$(. /etc/os-release; echo "${VERSION_CODENAME:-}")
    mkdir -p "$dir"/{lists,cache/archives}/partial
    : > "$dir/status"
    APT=(-q -oDir::Etc::SourceList="$dir/sources.list" -oDir::Etc::SourceParts=/dev/null
         -oDir::State::Lists="$dir/lists" -oDir::State::status="$dir/status" -oDir::Cache="$dir/cache"
         -oAPT::Architecture=amd64 -oAPT::Architectures=amd64 -oAPT::Sandbox::User=root -oAcquire::Languages=none)

    # lists younger than half a day are good enough
    [ -z "$(find "$dir/fetched" -mmin -720 2>/dev/null)" ] || return 0
    main=$(debian_uri Debian "$host"); security=$(debian_uri Debian-Security "$host-security")
    [ -n "$main" ] || { say "no Debian archive in this machine's apt sources"; return 1; }
    {
        echo "deb [signed-by=$key] $main $1 main"
        case $1 in sid) ;; *) [ -z "$security" ] || echo "deb [signed-by=$key] $security $1-security main" ;; esac
    } > "$dir/sources.list"
    apt-get "${APT[@]}" update > "$dir/update.log" 2>&1 && ! grep -q '^[EW]: ' "$dir/update.log" ||
        { say "cannot read the package lists of $1, see $dir/update.log"; return 1; }
    touch "$dir/fetched"
}

# fetch DIR PACKAGE... : download exactly these packages of the prepared suite into DIR
fetch() {
    local dir=$1; shift
    mkdir -p "$dir"
    (cd "$dir" && apt-get "${APT[@]}" download "$@" > fetch.log 2>&1) ||
        { say "cannot download $*:"; cat "$dir/fetch.log" >&2; return 1; }
}

# fetch_closure DIR PACKAGE... : the same with all that they depend on
fetch_closure() {
    local dir=$1; shift
    mkdir -p "$dir/partial"
    apt-get "${APT[@]}" -oDir::Cache::archives="$dir" install --download-only -y --no-install-recommends "$@" \
        > "$dir/fetch.log" 2>&1 || { say "cannot download $*:"; tail -5 "$dir/fetch.log" >&2; return 1; }
}

# depends PACKAGE REGEX : the first direct dependency of PACKAGE whose name matches
depends() { apt-cache "${APT[@]}" depends "$1" | awk -v re="$2" '$1 == "Depends:" && $2 ~ re { print $2; exit }'; }
