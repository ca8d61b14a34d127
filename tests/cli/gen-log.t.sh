#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that expect_exit calls
# causeway-gen log: each channel's history from the tree alone, every link of it checked, and its end said.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

gen() {
    causeway-gen -C repo "$@"
}

SOURCE_DATE_EPOCH=$(($(date +%s) - 3600))
export SOURCE_DATE_EPOCH
first=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
publisher_init
expect_exit 0 gen log
expect_out '^channel stable: nothing was published yet$'
publisher_release gateway 1.0.0 100
publisher_publish
SOURCE_DATE_EPOCH=$((SOURCE_DATE_EPOCH + 60))
publisher_release gateway 2.0.0 100
publisher_release plc 1.0.0 100
publisher_publish
# A renewal is a new version of the role that names the same manifest: it changes nothing here.
publisher_publish --renew-within 9y

expect_exit 0 gen log stable
expect_out "^  serial 1, $first, signed by channel-stable$"
expect_out '^    gateway 1.0.0$'
expect_out '^    gateway 1.0.0 -> 2.0.0$'
refute_out 'candidate'
refute_out 'the record ends'
expect 'the newest comes first' test "$(sed -n 's/^  serial \([0-9]*\).*/\1/p' "$out" | tr '\n' ' ')" = '2 1 '
expect_exit 0 gen log --json
expect_out '"from": "1.0.0"'
expect_out '"channel-stable"'
expect_out '"cut": false'
expect_exit 1 gen log nightly
expect_err "there is no channel 'nightly'"

# Without the public keys' names it still says which key it was; without the role's old files, that it does not know.
cp -r repo copy
rm copy/keys/channel-stable.pub copy/keys/channel-stable.key
expect_exit 0 causeway-gen -C copy log stable
expect_out '^  serial 1, .*, signed by [0-9a-f]{64}$'
rm copy/tree/metadata/2.stable.json
expect_exit 0 causeway-gen -C copy log stable
expect_out '^  serial 1, .*, by whom is no longer known$'

# A signature that does not hold names nobody, and an altered manifest is refused.
sed -i 's/"sig": "..../"sig": "0000/' repo/tree/metadata/2.stable.json
expect_exit 0 gen log stable
expect_out '^  serial 1, .*, by whom is no longer known$'
old=$(grep -l '"serial": 1' repo/tree/targets/channels/stable/*)
cp "$old" old.json
sed -i 's/"1.0.0"/"9.9.9"/' "$old"
expect_exit 3 gen log stable
expect_err "channel 'stable': 'tree/targets/channels/stable/.*': sha256 differs"
rm "$old"
expect_exit 0 gen log stable
expect_out '^  the record ends here: gc removed what was before$'
refute_out 'serial 1,'
cp old.json "$old"
expect_exit 0 gen log stable

done_testing
