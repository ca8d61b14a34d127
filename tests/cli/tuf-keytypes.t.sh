#!/bin/sh
# SPDX-License-Identifier: ISC
# Roles signed by ECDSA and RSA keys, from the first root to a delegated target (tests/data/keytypes): each signature counts, and a wrong
# one does not. What single keys and signatures may look like is in tests/data/keys.json.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"

cp -R "$CW_SRCDIR/tests/data/keytypes" repo
chmod -R u+w repo
repo=$TEST_DIR/repo

begin() {
    rm -rf "$TEST_DIR/client"
    client=$TEST_DIR/client
    causeway-sync -q tuf --metadata-dir "$client/metadata" init "$repo/metadata/1.root.json"
    mkdir -p "$client/targets"
}

# spoil FILE N: the N-th signature becomes another number of the same length.
spoil() {
    cp "$repo/metadata/$1" right.json
    python3 - "$repo/metadata/$1" "$2" <<'PY'
import json, sys
with open(sys.argv[1], encoding="utf-8") as f:
    doc = json.load(f)
one = doc["signatures"][int(sys.argv[2])]
one["sig"] = one["sig"][:-1] + "0123456789abcdef"[int(one["sig"][-1], 16) ^ 1]
with open(sys.argv[1], "w", encoding="utf-8") as f:
    json.dump(doc, f)
PY
}

# needs FILE N TEXT: without that signature the download is refused with this.
needs() {
    spoil "$1" "$2"
    begin
    refuses_target a/x.txt "$3"
    expect "$1: nothing is downloaded" test -z "$(ls "$client/targets")"
    cp right.json "$repo/metadata/$1"
}

server_start "$repo"
server_rules ''
begin
refreshes
holds root 2
gets top.txt a/x.txt
expect "the target is there" test "$(cat "$client/targets/a%2Fx.txt")" = 'content of a/x.txt'

for n in 0 1 2; do
    needs 2.root.json $n "by the keys of version 1: signed by 2 of the 3 keys that role 'root' needs"
done
needs timestamp.json 0 "signed by 0 of the 1 keys that role 'timestamp' needs"
needs 1.snapshot.json 0 "signed by 0 of the 1 keys that role 'snapshot' needs"
needs 1.targets.json 0 "signed by 0 of the 1 keys that role 'targets' needs"
needs 1.a.json 0 "signed by 1 of the 2 keys that role 'a' needs"
needs 1.a.json 1 "signed by 1 of the 2 keys that role 'a' needs"
spoil 1.root.json 1
expect_exit 1 causeway-sync tuf --metadata-dir "$TEST_DIR/other" init "$repo/metadata/1.root.json"
expect_err "signed by 2 of the 3 keys"
cp right.json "$repo/metadata/1.root.json"

expect_exit 0 causeway-sync tuf mirror --root "$repo/metadata/1.root.json" "$(server_url '')" mirror
expect_out '2 roles, 2 targets; 2 fetched'
begin
gets a/x.txt

server_stop
done_testing
