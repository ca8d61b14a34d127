#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2119,SC2317 # functions and commands that fault_rows calls
# Pull and export under every fault: the site holds the old set or the new one, its mirror is a whole tree that is never
# newer, and the next pull completes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"
. "$CW_SRCDIR/tests/fault/lib.sh"

publisher_init
publisher_release gateway 1.0.0
publisher_publish
site_init site
site_init probe
causeway-sync -C site pull repo/tree >pull.out 2>&1
publisher_release gateway 1.1.0 600000
publisher_publish
# shellcheck disable=SC2034 # used in commands
tree=$PWD/repo/tree
here=$PWD

setup() {
    cp -a site "$1/site"
}

# The serial that a site says it holds.
serial() {
    causeway-sync -C "$1" --json status 2>/dev/null | sed -n 's/.*"serial": \([0-9]*\).*/\1/p' | head -n 1
}

check() {
    check_serial=$(serial "$1/site")
    rm -rf "$here/reader"
    cp -a "$here/probe" "$here/reader"
    causeway-sync -C "$here/reader" pull "$1/site/upstreams/acme/mirror" >"$here/reader.out" 2>&1 || {
        echo "mirror: $(cat "$here/reader.out")"
        return
    }
    check_mirror=$(serial "$here/reader")
    causeway-sync -C "$1/site" log >"$here/log.out" 2>&1 || {
        echo "log: $(cat "$here/log.out")"
        return
    }
    case $check_serial$check_mirror in
    11) echo old ;;
    21 | 22) echo new ;;
    31 | 33) echo new ;;
    *) echo "site has serial '$check_serial', its mirror '$check_mirror'" ;;
    esac
}

# shellcheck disable=SC2016 # the harness expands it
fault_rows pull setup 'causeway-sync -C "$ROOT/site" pull "$tree"' check

# The same from a web server: other threads, parts that are gone on with. The file comes as it is, and is large enough for its server's
# validator to be kept.
cp -r repo/tree plain
rm -r plain/deltas
server_start plain
# shellcheck disable=SC2034 # used in commands
url=$(server_url /)
# shellcheck disable=SC2016 # the harness expands it
fault_rows http setup 'causeway-sync -C "$ROOT/site" pull "$url"' check
server_stop

setup_export() {
    cp -a site "$1/site"
}

# A folder with a list is a bundle, and whole.
check_export() {
    if [ ! -e "$1/stick/volume-1.json" ]; then
        echo old
    elif (cd "$1/stick" && sha256sum --quiet --strict -c SHA256SUMS) >"$here/sums.out" 2>&1; then
        echo new
    else
        cat "$here/sums.out"
    fi
}

# shellcheck disable=SC2016 # the harness expands it
fault_rows export setup_export 'causeway-sync -C "$ROOT/site" export "$ROOT/stick"' check_export

# The last of three volumes, with the last part of a file: the site stays what it was, or has all.
head -c 8000000 /dev/urandom >build/image.bin
cat >catalog.json <<'CATALOG'
{"format": "1.0", "products": [{"name": "image", "releases": [{"version": "1.0.0", "severity": "normal", "notes": "",
 "builds": [{"platform": "any", "files": [{"file": "build/image.bin", "kind": "file"}]}]}]}]}
CATALOG
{
    causeway-gen -C repo add catalog.json
    causeway-gen -C repo promote image 1.0.0 stable
    publisher_publish
    site_init connected
    causeway-sync -C connected pull repo/tree
    causeway-sync -C connected export --volume-size 6M bundle
    cp -a site volumes
    causeway-sync -C volumes pull bundle/volume-3
    causeway-sync -C volumes pull bundle/volume-1
} >volumes.out 2>&1
expect 'two of three volumes were taken in' grep -q 'still to come: volume 2' volumes.out

setup_volumes() {
    cp -a volumes "$1/site"
}

# shellcheck disable=SC2016 # the harness expands it
fault_rows volume setup_volumes 'causeway-sync -C "$ROOT/site" pull "$here/bundle/volume-2"' check

# Whatever goes wrong, a receipt that is there is whole, and its counter was not used before.
setup_receipt() {
    cp -a site "$1/site"
    mkdir "$1/stick"
    causeway-sync -q -C "$1/site" receipt --out "$1/first.json"
}

check_receipt() {
    if [ ! -e "$1/stick/receipts/site.receipt.json" ]; then
        echo old
    elif causeway-sync -q -C connected export --dry-run --for "$1/stick/receipts/site.receipt.json" --for "$1/first.json" x \
        >receipt.out 2>&1 && ! cmp -s "$1/first.json" "$1/stick/receipts/site.receipt.json"; then
        echo new
    else
        cat receipt.out
    fi
}

# shellcheck disable=SC2016 # the harness expands it
fault_rows receipt setup_receipt 'causeway-sync -C "$ROOT/site" receipt "$ROOT/stick"' check_receipt

done_testing
