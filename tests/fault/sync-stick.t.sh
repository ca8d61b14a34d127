#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2119,SC2317,SC2034 # functions and commands that fault_rows calls
# Media under faults: volumes are written whole or do not look like a bundle, and a medium that returns other bytes at one of its reads,
# the first or a later one, makes no site take in anything wrong.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/fault/lib.sh"
here=$PWD

# release PRODUCT FILE...: version 1.0.0 of it.
release() {
    product=$1
    shift
    files=
    for file; do files="$files, {\"file\": \"$file\", \"kind\": \"file\"}"; done
    cat >catalog.json <<CATALOG
{"format": "1.0", "products": [{"name": "$product", "releases": [{"version": "1.0.0", "severity": "normal", "notes": "",
 "builds": [{"platform": "any", "files": [${files#, }]}]}]}]}
CATALOG
    { causeway-gen -C repo add catalog.json && causeway-gen -C repo promote "$product" 1.0.0 stable; } >release.out 2>&1 || cat release.out
}

# A file in parts, some in a pack, one as a delta.
publisher_init
publisher_release gateway 1.0.0 600000
publisher_publish
site_init site
site_init some --product gateway --product image
causeway-sync -q -C site pull repo/tree
causeway-sync -q -C some pull repo/tree
publisher_release gateway 1.1.0 600000
mkdir build/tiles
head -c 70000 /dev/urandom | split -a 2 -b 1000 - build/tiles/tile-
head -c 6000000 /dev/urandom >build/image.bin
release tiles build/tiles/*
release image build/image.bin
publisher_publish
site_init connected
causeway-sync -q -C connected pull repo/tree
mkdir connected/keys/sites
for name in site some; do
    causeway-sync -q -C $name receipt --out $name.receipt.json
    cp $name/keys/identity.pub connected/keys/sites/$name.pub
done

# --- writing ----------------------------------------------------------------------------------------------

setup_export() {
    cp -a connected "$1/site"
}

# A folder with a list is a volume, and whole; all that have one are of one bundle.
check_export() {
    for check_k in 1 2; do
        [ -e "$1/bundle/volume-$check_k/volume-$check_k.json" ] || continue
        (cd "$1/bundle/volume-$check_k" && sha256sum --quiet --strict -c SHA256SUMS) >"$here/sums.out" 2>&1 || cat "$here/sums.out"
    done
    if [ -e "$1/bundle/volume-1/volume-1.json" ] && [ -e "$1/bundle/volume-2/volume-2.json" ]; then
        grep -h '^ "bundle"' "$1"/bundle/volume-?/volume-?.json | sort -u | wc -l | sed 's/^1$/new/'
    else
        echo old
    fi
}

FAULT_KILLS='keep lost torn'
FAULT_FAILS='create:ENOSPC write:EIO read:EIO rename:EIO mkdir:ENOSPC sync:EIO change:ENOSPC+'
export='causeway-sync -C "$ROOT/site" export --for site.receipt.json --volume-size 6M "$ROOT/bundle"'
# Where only a delta failed, its file is carried whole, with a word: the retry, which has the delta, makes another bundle.
fault_rows 'export of volumes' setup_export "$export" check_export "$export --replace"

# --- reading ----------------------------------------------------------------------------------------------

causeway-sync -q -C connected export --for site.receipt.json --volume-size 6M bundle 2>export.out
expect 'the first volume has a part, and a pack with a delta' sh -c 'ls bundle/volume-1/parts/*/* >parts && tar -tf bundle/volume-1/packs/*.tar | grep -q "^deltas/.*\.delta"'
cp -a site half
causeway-sync -q -C half pull bundle/volume-2 2>half.out
expect 'one of two volumes was taken in' grep -q 'still to come: volume 1' half.out

setup_medium() {
    cp -a bundle/volume-1 "$1/stick"
}

# The site is no part of what is broken; each run has a new one.
fault_plain_tool=$fault_tool
on_new_site() {
    rm -rf "$here/live"
    cp -a "$here/half" "$here/live"
    "$fault_plain_tool" "$@"
}

check_site() {
    causeway-sync -C "$here/live" verify >"$here/check.out" 2>&1 || cat "$here/check.out"
    case $(causeway-sync -C "$here/live" --json status 2>/dev/null | sed -n 's/.*"serial": \([0-9]*\).*/\1/p' | head -n 1) in
    1) echo old ;;
    2) echo new ;;
    *) causeway-sync -C "$here/live" status 2>&1 ;;
    esac
}

fault_tool=on_new_site
FAULT_FAILS='read:FLIP read:EIO read:SHORT'
FAULT_KILLS=
CW_FAULT_MAX=2
CW_FAULT_EVERY=1
fault_rows 'pull from a medium' setup_medium 'causeway-sync -C "$here/live" pull "$ROOT/stick"' check_site
fault_tool=$fault_plain_tool

# --- one flipped bit in each file -------------------------------------------------------------------------

# Plain files, of which one is a part and two are a delta and what lists it.
causeway-sync -q -C connected export --for some.receipt.json --volume-size 6M plain
run ls plain/volume-1/parts/*/* plain/volume-2/parts/*/* plain/volume-1/deltas/*/*.delta
expect 'parts and a delta lie by themselves' test "$code" -eq 0
site_state some | grep -v -e bundles.json -e /parts/ -e history.head.json >before
cp -r plain kept
cp -a some other
find plain -type f ! -name '*.html' | sort >listed
while read -r path; do
    flip "$path"
    expect_exit 3 causeway-sync -C some pull "${path%/volume-[12]/*}/$(expr "$path" : 'plain/\(volume-[12]\)')"
    expect_err "$(basename "$path" | cut -c1-40)"
    site_state some | grep -v -e bundles.json -e /parts/ -e history.head.json >after
    expect "the site is unchanged: $path" cmp -s before after
    cp "kept${path#plain}" "$path"
done <listed
expect 'the list is long enough to mean something' test "$(wc -l <listed)" -gt 25

# Exporting again mends all that can be: what it cannot do without, the list, must be there.
grep -v 'volume-[12].json$' listed | while read -r path; do flip "$path"; done
expect_exit 0 causeway-sync -C connected export --for some.receipt.json --volume-size 6M plain
expect 'each file is mended' diff -r plain kept
expect_exit 7 causeway-sync -C other pull plain/volume-1
expect_exit 0 causeway-sync -C other pull plain/volume-2
expect_out 'stable serial 2'

done_testing
