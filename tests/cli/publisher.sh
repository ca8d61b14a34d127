# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2119,SC2120
# A publisher and sites for shell tests of causeway-sync; source it after tests/cli/lib.sh.
#
#   publisher_init [OPTION...]              makes ./repo, its tree in ./repo/tree; sets $fingerprint and $root
#   publisher_release PRODUCT VERSION [N]   adds a release of one text file and one of N (100000) bytes, and promotes it to stable
#   publisher_publish [OPTION...]           publishes what is staged
#   flip FILE                               changes one byte in its middle
#   site_init NAME [OPTION...]              makes the site ./NAME that follows upstream acme
#   site_state NAME                         prints hashes of all that a failed pull must not change: everything of the site but
#                                           history, lock, roots and what lies in the mirror's targets

publisher_init() {
    causeway-gen init repo --insecure-plain-keys "$@" >init.out 2>&1 || {
        cat init.out
        echo 'Bail out! causeway-gen init failed'
        exit 1
    }
    root=repo/tree/metadata/1.root.json
    fingerprint=$(sha256sum "$root" | cut -d' ' -f1)
}

publisher_release() {
    mkdir -p "build/$1-$2"
    echo "$1 $2" >"build/$1-$2/$1.txt"
    # Bytes that differ from release to release, the same in every run.
    yes "$1 $2" | head -c "${3:-100000}" >"build/$1-$2/$1.bin"
    cat >catalog.json <<CATALOG
{"format": "1.0", "products": [{"name": "$1", "releases": [{"version": "$2", "severity": "normal", "notes": "$1 $2",
 "builds": [{"platform": "linux-amd64", "files": [{"file": "build/$1-$2/$1.txt", "kind": "file"},
                                                  {"file": "build/$1-$2/$1.bin", "kind": "file"}]}]}]}]}
CATALOG
    { causeway-gen -C repo add catalog.json && causeway-gen -C repo promote "$1" "$2" stable; } >release.out 2>&1 || {
        cat release.out
        echo 'Bail out! causeway-gen add or promote failed'
        exit 1
    }
}

publisher_publish() {
    causeway-gen -C repo publish "$@" >publish.out 2>&1 || {
        cat publish.out
        echo 'Bail out! causeway-gen publish failed'
        exit 1
    }
}

site_init() {
    site_name=$1
    shift
    causeway-sync init "$site_name" --root "$root" --fingerprint "$fingerprint" --upstream acme "$@" >site.out 2>&1 || {
        cat site.out
        echo 'Bail out! causeway-sync init failed'
        exit 1
    }
}

site_state() {
    (cd "$1" && find . -type f ! -name history.jsonl ! -name lock ! -name sources.json ! -path '*/trust/roots/*' ! -path '*/trust/root.json' \
        ! -path '*/mirror/targets/*' ! -path '*/mirror/.inbox/*' ! -name '.tmp-*' -exec sha256sum {} + | sort -k2)
}

# The name under which lib/intake keeps what it has of a file of a tree: in .inbox/<k>/
inbox_name() {
    printf '%s.%.32s.part\n' "$(basename "$1" | cut -c1-64)" "$(printf %s "$1" | sha256sum)"
}

flip() {
    flip_at=$(($(stat -c %s "$1") / 2))
    flip_byte=$(od -An -tu1 -j "$flip_at" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %03o $(((flip_byte + 1) % 256)))" | dd of="$1" bs=1 seek="$flip_at" conv=notrunc 2>/dev/null
}
