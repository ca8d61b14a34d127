#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# verify --repair-from: each file of a mirror that is changed or lost comes back from another place, and only from a genuine one.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

publisher_init
publisher_release gateway 1.0.0
publisher_release tool 1.0.0
publisher_publish
site_init plant --product gateway
causeway-sync -q -C plant pull "$PWD/repo/tree"
publisher_release gateway 1.1.0
publisher_publish
causeway-sync -q -C plant pull "$PWD/repo/tree"
mirror=plant/upstreams/acme/mirror
cp -a $mirror whole
expect_exit 0 causeway-sync -C plant verify --repair-from repo/tree
expect_out 'acme: .* 0 bad, 0 missing, 0 mended'

# Changed, and lost, file by file: roots, timestamp, snapshots of the past, targets of the past, artifacts, manifests.
(cd whole && find . -type f | sort) >listed
while read -r path; do
    for how in flip rm; do
        $how "$mirror/$path"
        run causeway-sync -C plant verify
        if [ "$code" -eq 0 ]; then
            # Nothing needs it any more, so nobody misses it.
            cp -p "whole/$path" "$mirror/$path"
            continue
        fi
        expect_exit 0 causeway-sync -C plant verify --repair-from repo/tree
        expect "as it was after $how: $path" diff -r whole $mirror
        rm -rf $mirror
        cp -a whole $mirror
    done
done <listed

# Many at once, and what hangs on them: without snapshot and roles nobody knows what else is missing.
rm $mirror/metadata/*.snapshot.json $mirror/metadata/*.gateway.json $mirror/metadata/timestamp.json
rm -r $mirror/targets/gateway/1.1.0 $mirror/targets/channels
expect_exit 0 causeway-sync -C plant --json verify --repair-from repo/tree
expect_out '"mended": true'
expect_exit 0 causeway-sync -C plant verify
expect_exit 0 causeway-sync -C plant export carried

# A source that has other bytes, or nothing: the site stays as bad as it was, and no worse.
rm -rf $mirror
cp -a whole $mirror
flip $mirror/targets/gateway/1.1.0/*.gateway.bin
cp -a repo/tree other
flip other/targets/gateway/1.1.0/*.gateway.bin
cp -a $mirror bad
expect_exit 3 causeway-sync -C plant verify --repair-from other
expect_out 'not mended: .*gateway.bin: other has it, but with other bytes'
expect 'nothing was taken in' diff -r bad $mirror
rm other/targets/gateway/1.1.0/*.gateway.bin
expect_exit 3 causeway-sync -C plant verify --repair-from other
expect_out 'not mended: .*gateway.bin'
expect 'nothing was taken in either' diff -r bad $mirror
expect_exit 1 causeway-sync -C plant verify --repair-from nowhere
expect_err "unable to mend from nowhere"

# Metadata that is no better is put back: here the oldest timestamp's snapshot, which only the source has.
rm -rf $mirror
cp -a whole $mirror
old=$(cd $mirror && find metadata -name "*.snapshot.json" | sort -V | head -n 1)
flip "$mirror/$old"
flip "other/$old"
rm -rf bad
cp -a $mirror bad
run causeway-sync -C plant verify
was=$code
expect_exit "$was" causeway-sync -C plant verify --repair-from other
expect 'what was bad is as it was' diff -r bad $mirror

# From a web server; and a stick from the mirror.
server_start repo/tree
rm -rf $mirror
cp -a whole $mirror
rm $mirror/targets/gateway/1.1.0/*.gateway.txt
flip $mirror/targets/gateway/1.1.0/*.gateway.bin
expect_exit 0 causeway-sync -C plant verify --repair-from "$(server_url /)"
expect 'mended over http' diff -r whole $mirror
causeway-sync -q -C plant export stick
cp -a stick good
flip stick/targets/gateway/1.1.0/*.gateway.bin
expect_exit 3 causeway-sync -C plant verify stick
expect_exit 0 causeway-sync -C plant verify stick --repair-from $mirror
expect 'the stick is mended' diff -r good stick

done_testing
