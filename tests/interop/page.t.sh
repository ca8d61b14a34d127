#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# The page of a medium checks it as a browser would run it, with WebCrypto and without; the sheet has the code that it shows.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

command -v node >/dev/null || skip_all 'node is not installed'
publisher_init
publisher_release gateway 1.0.0
publisher_publish
site_init office
causeway-sync -q -C office pull "$PWD/repo/tree"
causeway-sync -q -C office export stick

page() {
    run node "$CW_SRCDIR/tests/interop/page.js" "$@"
}

page stick
expect_out '^good: volume 1 of 1: .* complete and undamaged.*: ([0-9A-F]{4}-[0-9A-F]{4})$'
code_shown=$(grep -o '[0-9A-F]\{4\}-[0-9A-F]\{4\}$' "$out")
expect 'the sheet has that code' grep -q ">$code_shown<" stick/carry.html
page stick without-webcrypto
expect_out "^good: .*$code_shown\$"

cp -r stick bad
flip bad/targets/gateway/1.0.0/*.gateway.bin
rm bad/metadata/timestamp.json
page bad
expect_out '^bad: volume 1: targets/.*gateway.bin is changed'
expect_out '^bad: volume 1: metadata/timestamp.json is missing'
expect_out '^bad: volume 1 of 1: 2 files are damaged'
refute_out "$code_shown"

# A list that was changed to fit, and the volume of another bundle.
rm -rf bad
cp -r stick bad
sed 's/"length": 1/"length": 2/' stick/volume-1.json >bad/volume-1.json
page bad
expect_out '^bad: .*the list of files is itself changed'
publisher_release gateway 1.1.0
publisher_publish
causeway-sync -q -C office pull "$PWD/repo/tree"
causeway-sync -q -C office export other
cp other/index.html bad/index.html
cp stick/volume-1.json bad/volume-1.json
page bad
expect_out '^bad: .*this is a volume of another bundle'
rm bad/volume-1.json
page bad
expect_out '^bad: there is no volume-1.json'

# What the sheet says to type begins a site.
grep -o 'causeway-sync init --root [^<]*' stick/carry.html | sed 's,FOLDER,stick,' >typed
expect 'the sheet says how to begin' sh -c "\$(cat typed) && test -e site.lua"

done_testing
