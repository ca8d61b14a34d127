#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# Many small files lie in packs on a medium: plain tar archives, from which a pull takes them as it takes any other file.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

# release VERSION FILE...: as product tiles.
release() {
    version=$1
    shift
    files=
    for file; do
        files="$files, {\"file\": \"$file\", \"kind\": \"file\"}"
    done
    cat >catalog.json <<CATALOG
{"format": "1.0", "products": [{"name": "tiles", "releases": [{"version": "$version", "severity": "normal", "notes": "",
 "builds": [{"platform": "any", "files": [${files#, }]}]}]}]}
CATALOG
    { causeway-gen -C repo add catalog.json && causeway-gen -C repo promote tiles "$version" stable && publisher_publish; } >release.out 2>&1 ||
        cat release.out
}

long=a-name-that-no-head-of-a-tar-can-hold-by-itself-because-it-has-more-than-a-hundred-bytes-and-its-hash.bin
publisher_init
publisher_release gateway 1.0.0
mkdir build/tiles
head -c 9000000 /dev/urandom >many
split -a 3 -b 120000 many build/tiles/tile-
: >build/tiles/empty
head -c 700 many >"build/tiles/$long"
head -c 300000 many >build/tiles/map.bin
release 1.0.0 build/tiles/*
site_init connected
causeway-sync -q -C connected pull repo/tree

# --- one medium -------------------------------------------------------------------------------------------
expect_exit 0 causeway-sync -C connected export stick
expect 'only the large file lies by itself' test "$(find stick/targets/tiles -type f ! -name '*.release.json')" = "$(echo stick/targets/tiles/1.0.0/*.map.bin)"
expect 'sha256sum agrees' sh -c 'cd stick && sha256sum --quiet --strict -c SHA256SUMS'
expect_exit 0 causeway-sync -C connected verify stick
expect_out '0 bad, 0 missing'
cp -r stick copy
expect_exit 0 causeway-sync -C connected --json export stick
expect_out '"written": 0'
expect 'exporting again changes nothing' diff -r stick copy

site_init field
expect_exit 0 causeway-sync -C field pull stick
expect_out 'complete and genuine'
expect 'the mirrors are the same' diff -r connected/upstreams/acme/mirror field/upstreams/acme/mirror
site_init part --product gateway
expect_exit 0 causeway-sync -C part pull stick
expect 'only what is wanted was taken' test ! -e part/upstreams/acme/mirror/targets/tiles

# Any tar program makes the tree of it.
(cd copy && for pack in packs/*.tar; do tar -xf "$pack"; done && rm -r packs volume-1.json SHA256SUMS ./*.html)
expect 'unpacked it is the tree' diff -r connected/upstreams/acme/mirror copy
expect_exit 0 causeway-sync -C connected verify copy
checked=$(sed -n 's/^copy: \([0-9]*\) files .*/\1/p' "$out")
expect_exit 0 causeway-sync -C connected verify --report report.json stick
expect_out "^stick: $checked files "
expect 'the report names what lies in packs' grep -q 'tile-aab' report.json

# One bit of a pack, in a head and in a content.
site_init fresh
site_state fresh >before
pack=$(find stick/packs -type f)
for at in 10 700 4000000; do
    rm -rf bad
    cp -r stick bad
    printf '\377' | dd of="bad/${pack#stick/}" bs=1 seek="$at" conv=notrunc 2>/dev/null
    expect_exit 3 causeway-sync -C fresh verify bad
    expect_out "bad: ${pack#stick/}: sha256 differs"
    expect_exit 3 causeway-sync -C fresh pull bad
    expect_err "'${pack#stick/}': sha256 differs .* exporting to it again mends just that file"
    site_state fresh >after
    expect 'the site is unchanged' cmp -s before after
done
expect_exit 0 causeway-sync -C connected --json export bad
expect_out "\"written\": $(stat -c %s "$pack")\$"
expect_exit 0 causeway-sync -C fresh pull bad
rm "bad/${pack#stick/}"
site_init fresh2
expect_exit 7 causeway-sync -C fresh2 pull bad
expect_err "missing.*'packs/"
expect_exit 7 causeway-sync -C fresh2 verify bad
expect_out 'missing: packs/'

# A file that the mirror lost comes back out of a pack.
rm field/upstreams/acme/mirror/targets/tiles/1.0.0/*.tile-aab
flip field/upstreams/acme/mirror/targets/tiles/1.0.0/*.tile-aac
expect_exit 0 causeway-sync -C field verify --repair-from stick
expect_out 'mended: .*tile-aab'
expect 'the mirrors are the same again' diff -r connected/upstreams/acme/mirror field/upstreams/acme/mirror
# What the mirror itself has damaged is not packed.
flip connected/upstreams/acme/mirror/targets/tiles/1.0.0/*.tile-aac
expect_exit 3 causeway-sync -C connected export damaged
expect_err "tile-aac' in the mirror is damaged"
expect 'nothing looks like a bundle' test ! -e damaged/volume-1.json
causeway-sync -q -C connected verify --repair-from repo/tree

# --- several ----------------------------------------------------------------------------------------------
expect_exit 0 causeway-sync -C connected export --volume-size 7M bundle
for k in 1 2; do
    expect "volume $k fits" test "$(du -sb bundle/volume-$k | cut -f1)" -le 7000000
    expect "volume $k has a pack" test "$(find bundle/volume-$k/packs -type f | wc -l)" -eq 1
    expect_exit 0 causeway-sync -C connected verify bundle/volume-$k
done
site_init several
expect_exit 7 causeway-sync -C several pull bundle/volume-2
expect_err 'still to come: volume 1'
expect_exit 0 causeway-sync -C several pull bundle/volume-1
expect 'the mirrors are the same' diff -r connected/upstreams/acme/mirror several/upstreams/acme/mirror

# What a site holds is not packed for it.
for tile in build/tiles/tile-*[a-m]; do echo changed >>"$tile"; done
release 1.1.0 build/tiles/*
causeway-sync -q -C connected pull repo/tree
causeway-sync -q -C several receipt --out several.receipt.json
expect_exit 0 causeway-sync -C connected export --for several.receipt.json again
expect 'unchanged files are in no pack' test "$(cat again/packs/*.tar 2>/dev/null | wc -c)" -lt 5000000
expect_exit 0 causeway-sync -C several pull again
expect_out 'stable serial 2'
expect 'the mirrors are the same' diff -r connected/upstreams/acme/mirror/targets several/upstreams/acme/mirror/targets

done_testing
