#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# Crossing the gap on media: a receipt goes out, a bundle of what the site lacks comes back on three volumes, taken in in the
# wrong order and with an interruption, and the next receipt says so. Then all that goes wrong with media.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

# release VERSION: the files of build/, as gateway VERSION.
release() {
    cat >catalog.json <<CATALOG
{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "$1", "severity": "normal", "notes": "$1",
 "builds": [{"platform": "linux-amd64", "files": [{"file": "build/data.bin", "kind": "file"}, {"file": "build/image.bin", "kind": "file"},
   {"file": "build/small.txt", "kind": "file"}]}, {"platform": "linux-arm64", "files": [{"file": "build/arm.bin", "kind": "file"}]}]}]}]}
CATALOG
    { causeway-gen -C repo add catalog.json && causeway-gen -C repo promote gateway "$1" stable; } >release.out 2>&1 || cat release.out
    publisher_publish
}

publisher_init
mkdir build media
head -c 1000000 /dev/urandom >build/data.bin
head -c 300000 /dev/urandom >build/arm.bin
head -c 300000 /dev/urandom >build/image.bin
echo small >build/small.txt
release 1.0.0
site_init connected --source "$PWD/repo/tree"
causeway-sync -q -C connected pull
site_init plant-7 --platform linux-amd64 --install "$PWD/plant" --source "$PWD/media/*"
echo 'function decide(set, site) return accept "all" end' >plant-7/policy.lua
causeway-sync -q -C connected export first
causeway-sync -q -C plant-7 pull first
causeway-sync -q -C plant-7 apply

# --- the story ------------------------------------------------------------------------------------------
expect_exit 0 causeway-sync -C plant-7 receipt media
echo changed | dd of=build/data.bin bs=1 seek=500000 conv=notrunc 2>dd.out
head -c 11000000 /dev/urandom >build/image.bin
release 1.1.0
causeway-sync -q -C connected pull
expect_exit 0 causeway-sync -C connected export --for media/receipts/plant-7.receipt.json --volume-size 6M --dry-run bundle
expect_err "the receipt of 'plant-7' is signed by .* not known here"
expect_out 'volume [13] +delta .* of +976.6 KiB  targets/gateway/1.1.0/.*data.bin'
expect_out 'whole +10.5 MiB of +10.5 MiB .*image.bin, in 3 parts'
refute_out 'arm.bin|small.txt'
expect_out 'volume 3 of 3'
expect 'a dry run writes no bundle' test ! -e bundle
mkdir -p connected/keys/sites
cp plant-7/keys/identity.pub connected/keys/sites/plant-7.pub
expect_exit 0 causeway-sync -C connected export --for media --volume-size 6M bundle
refute_err 'not known here'
expect_out 'bundle [0-9a-f]{12}; 2 files are not needed'
for k in 1 2 3; do
    expect "volume $k verifies alone" sh -c "cd bundle/volume-$k && sha256sum --quiet --strict -c SHA256SUMS"
    expect "volume $k fits" test "$(du -sb bundle/volume-$k | cut -f1)" -le 6000000
    expect_exit 0 causeway-sync -C connected verify bundle/volume-$k
done
cp -r bundle kept
expect_exit 0 causeway-sync -C connected --json export --for media --volume-size 6M bundle
expect_out '"written": 0'
expect 'exporting again changes nothing' diff -r bundle kept

site_state plant-7 | grep -v history.head.json >before
# The copy of volume 3 was pulled out too early: what is whole of it is kept, and nothing else.
cp -r bundle/volume-3 media/stick
truncate -s 1000 media/stick/parts/*/*
expect_exit 3 causeway-sync -C plant-7 pull
expect_err "media/stick: 'parts/.* is 1000 bytes long, not .*the medium was changed or is damaged: exporting to it again mends"
rm media/stick/parts/*/*
expect_exit 7 causeway-sync -C plant-7 pull
expect_err "1 file missing from volume 3 of 3 in .*'parts/"
rm -rf media/stick
cp -r bundle/volume-3 media/stick
chmod -R a-w media/stick
expect_exit 7 causeway-sync -C plant-7 pull
expect_err 'volume 3 of 3 of bundle [0-9a-f]{12} is taken in; still to come: volumes 1 and 2; (1 file|2 files) \(.*\) of the set (is|are) missing'
site_state plant-7 | grep -v -e bundles.json -e /parts/ -e history.head.json >after
expect 'nothing unsigned was taken in, nothing advanced' cmp -s before after
chmod -R u+w media/stick
rm -rf media/stick
cp -r bundle/volume-1 media/stick
expect_exit 7 causeway-sync -C plant-7 pull
expect_err 'still to come: volume 2; 1 file '
expect_exit 0 causeway-sync -C plant-7 status
expect_out "^bundle +$(sed -n 's/^ "bundle": "\(.\{12\}\).*/\1/p' bundle/volume-1/volume-1.json) for stable serial 2: volume 2 still to come"
expect_exit 0 causeway-sync -C plant-7 --json status
expect_out '"volumes": \[$'
expect_exit 7 causeway-sync -C plant-7 pull
expect_err 'still to come: volume 2; 1 file '
expect_exit 0 causeway-sync -C plant-7 pull bundle/volume-2
expect_out 'complete and genuine: stable serial 2'
expect_exit 0 causeway-sync -C plant-7 status
refute_out '^bundle '
expect 'nothing of the parts is left' test ! -e plant-7/upstreams/acme/parts -a ! -e plant-7/upstreams/acme/bundles.json
expect_exit 0 causeway-sync -C plant-7 verify
expect_exit 0 causeway-sync -C plant-7 apply
expect 'what was joined is what was built' cmp -s build/image.bin plant/current/gateway/image.bin
expect 'what a delta made is what was built' cmp -s build/data.bin plant/current/gateway/data.bin
expect_exit 0 causeway-sync -C plant-7 log
expect_out 'volume .*of=3.* volume=3'
expect_exit 0 causeway-sync -C plant-7 receipt media/stick
expect_exit 0 causeway-sync -C connected export --for media/stick --dry-run bundle
expect_out '4 files are not needed'
expect_exit 0 causeway-sync -C plant-7 pull bundle
expect_out 'up to date: stable serial 2'

# --- volumes ---------------------------------------------------------------------------------------------
# All in one folder, as export wrote them, or with their content mixed.
site_init one
expect_exit 7 causeway-sync -C one pull bundle
expect_err "data.bin' comes as a delta from a file that this site does not hold; this bundle was made for 'plant-7', not for this site; write a new receipt"
causeway-sync -q -C connected export --volume-size 7M all
expect_exit 0 causeway-sync -C one pull all
expect_out 'stable serial 2'
mkdir mixed
for k in 1 2 3; do cp -r "all/volume-$k/." mixed; done
site_init two
expect_exit 0 causeway-sync -C two pull mixed
# An old bundle and a new one side by side.
mkdir both
cp -r first both/volume-9
cp -r all/volume-2 both
site_init three
expect_exit 0 causeway-sync -C three pull both
expect_out 'stable serial 1'
expect_err 'volume 2 of 3 of bundle .* is taken in; still to come: volumes 1 and 3'
cp -r all/volume-1 all/volume-3 both
expect_exit 0 causeway-sync -C three pull both
expect_out 'stable serial 2'
# Lost, and the mirror is what it was: that volume is written again, and nothing else has to travel.
cp -r all lost
rm -r lost/volume-2
site_init seven
expect_exit 7 causeway-sync -C seven pull lost/volume-3
expect_exit 7 causeway-sync -C seven pull lost/volume-1
expect_exit 0 causeway-sync -C connected --json export --volume-size 7M lost
written=$(sed -n 's/.*"written": \([0-9]*\).*/\1/p' "$out")
expect 'only what was lost is written' test "$written" -gt 5000000 -a "$written" -le "$(du -sb all/volume-2 | cut -f1)"
expect 'it is the same bundle' diff -r all lost
expect_exit 0 causeway-sync -C seven pull lost/volume-2
expect_out 'stable serial 2'
# Lost for good: the bundle is made again for what is held by now.
site_init four
expect_exit 7 causeway-sync -C four pull all/volume-1
expect_exit 7 causeway-sync -C four pull all/volume-3
causeway-sync -q -C four receipt --out four.receipt.json
expect_exit 0 causeway-sync -C connected --json export --for four.receipt.json again
expect_out '"way": "held"'
expect_out '"way": "whole"'
expect_exit 0 causeway-sync -C four pull again

# --- export ----------------------------------------------------------------------------------------------
expect_exit 2 causeway-sync -C connected export --volume-size 1M none
expect_err 'too small'
expect_exit 2 causeway-sync -C connected export --volume-size 7X none
expect_err "'7X' is no size"
expect_exit 2 causeway-sync -C connected export --volume-size 7M all/volume-1
expect_err 'another bundle'
expect_exit 0 causeway-sync -C connected export --volume-size 9M --replace all
expect 'volumes of the bundle before are gone' test ! -e all/volume-3
site_init five
expect_exit 0 causeway-sync -C five pull all
# Parts of a file that two exports cut in different places: what does not fit is dropped, and nothing is joined wrong.
causeway-sync -q -C connected export --volume-size 6M cut
site_init overlap
for k in 2 3; do
    expect_exit 7 causeway-sync -C overlap pull "cut/volume-$k"
done
expect_exit 7 causeway-sync -C overlap pull all/volume-1
expect_exit 0 causeway-sync -C overlap pull all/volume-2
expect_exit 0 causeway-sync -C overlap verify
expect 'nothing of the parts is left' test ! -e overlap/upstreams/acme/parts
# Where a scanner or a worn stick changed a file, exporting again mends it.
flip all/volume-?/targets/gateway/1.1.0/*.data.bin
expect_exit 0 causeway-sync -C connected --json export --volume-size 9M all
expect_out '"written": 1000000$'
# Not written by that site; not a receipt.
cp one/keys/identity.pub connected/keys/sites/plant-7.pub
expect_exit 3 causeway-sync -C connected export --for media --dry-run x
expect_err "is signed by .*, not by the identity .* 'keys/sites/plant-7.pub'"
flip four.receipt.json
expect_exit 3 causeway-sync -C connected export --for four.receipt.json --dry-run x
expect_err "receipt 'four.receipt.json'"
# Sites that send no receipts.
expect_exit 0 causeway-sync -C connected export --since 1 since
expect_out '2 files are not needed'
expect_exit 2 causeway-sync -C connected export --since 7 x
expect_err 'never took in stable serial 7; it has (1, 2|2, 1)'
site_init six
causeway-sync -q -C six pull first
expect_exit 0 causeway-sync -C six pull since
expect_out 'stable serial 2'
expect_exit 0 causeway-sync -C six pull since
expect_out 'up to date'

# However many files come whole before the one that comes as a delta.
mkdir many
files='{"file": "build/data.bin", "kind": "file"}'
for k in 0 1 2 3 4 5 6 7 8 9 10 11; do
    head -c 270000 /dev/urandom >"many/f$k.bin"
    files="$files, {\"file\": \"many/f$k.bin\", \"kind\": \"file\"}"
done
echo again | dd of=build/data.bin bs=1 seek=700000 conv=notrunc 2>dd.out
cat >catalog.json <<CATALOG
{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "1.2.0", "severity": "normal", "notes": "",
 "builds": [{"platform": "linux-amd64", "files": [$files]}]}]}]}
CATALOG
{ causeway-gen -C repo add catalog.json && causeway-gen -C repo promote gateway 1.2.0 stable && publisher_publish; } >release.out 2>&1 || cat release.out
causeway-sync -q -C connected pull
causeway-sync -q -C six receipt --out six.receipt.json
expect_exit 0 causeway-sync -C connected --json export --for six.receipt.json many-of-them
expect_out '"way": "delta"'
expect_exit 0 causeway-sync -C six pull many-of-them
expect_out 'stable serial 3'

# The receipt says that an older file is here, and so it is, but damaged: that is found out and said, and the next receipt knows it.
expect_exit 0 causeway-sync -C one receipt --out one.receipt.json
flip one/upstreams/acme/mirror/targets/gateway/1.1.0/*.data.bin
expect_exit 0 causeway-sync -C connected --json export --for one.receipt.json of-damaged
expect_out '"way": "delta"'
expect_exit 7 causeway-sync -C one pull of-damaged
expect_err "data.bin' comes as a delta from a file that is damaged in this site's mirror .*write a new receipt"
expect_exit 7 causeway-sync -C one pull of-damaged
expect_exit 0 causeway-sync -C one status
expect_out 'stable serial 2'
expect_exit 0 causeway-sync -C one receipt --out one.receipt.json
expect_err 'warning: 1 file is damaged in the mirror, and not counted'
expect_exit 0 causeway-sync -C connected --json export --for one.receipt.json instead
refute_out '"way": "delta"'
cp -a one mended
expect_exit 0 causeway-sync -C one pull instead
expect_out 'stable serial 3'
# Mended meanwhile, it counts again.
expect_exit 0 causeway-sync -C mended verify --repair-from connected/upstreams/acme/mirror
expect_exit 0 causeway-sync -C mended receipt --out mended.receipt.json
refute_err 'damaged'
expect_exit 0 causeway-sync -C connected --json export --for mended.receipt.json --dry-run none
expect_out '"way": "delta"'
expect_exit 0 causeway-sync -C mended pull of-damaged
expect_out 'stable serial 3'

done_testing
