#!/bin/sh
# SPDX-License-Identifier: ISC
# causeway-sync tuf init, refresh and download, to the letter: requests, exit codes, what lies in both folders.
# shellcheck disable=SC2317 # functions that "expect" calls
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"

same_metadata() {
    cmp "$client/metadata/root.json" "$repo/metadata/$(trusts root).root.json" &&
        cmp "$client/metadata/timestamp.json" "$repo/metadata/timestamp.json" &&
        cmp "$client/metadata/snapshot.json" "$repo/metadata/$(trusts snapshot).snapshot.json" &&
        cmp "$client/metadata/targets.json" "$repo/metadata/$(trusts targets).targets.json"
}

names_in() {
    find "$1" -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//'
}

# --- init

new_repo plain
expect "init makes no request" test "$(server_requests)" -eq 0
expect "init keeps the root byte for byte" cmp "$repo/metadata/1.root.json" "$client/metadata/root.json"
expect "init keeps nothing else" test "$(names_in "$client/metadata")" = root.json
expect_exit 1 causeway-sync tuf --metadata-dir other init "$TEST_DIR/no-such-file"
expect_err 'no-such-file'
expect_exit 1 causeway-sync tuf --metadata-dir other init "$repo/metadata/timestamp.json"
sed 's/"version": 1/"version": 2/' "$repo/metadata/1.root.json" >unsigned.json
expect_exit 1 causeway-sync tuf --metadata-dir other init unsigned.json
expect "a root that is refused leaves nothing" test ! -e other/root.json
expect_exit 1 tuf --metadata-dir other refresh
expect "without a trusted root nothing is asked for" test "$(server_requests)" -eq 0

# --- refresh

refreshes
expect_asked metadata/2.root.json metadata/timestamp.json metadata/1.snapshot.json metadata/1.targets.json
expect "the folder holds the four roles" \
    test "$(names_in "$client/metadata")" = 'root.json snapshot.json targets.json timestamp.json'
expect "byte for byte as they were served" same_metadata
refreshes
expect_asked metadata/2.root.json metadata/timestamp.json
sim <<'PY'
r.file("targets", "hello.txt", "hello")
r.publish("targets")
r.new_root()
r.new_root()
PY
refreshes
expect_asked metadata/2.root.json metadata/3.root.json metadata/4.root.json metadata/timestamp.json \
    metadata/2.snapshot.json metadata/2.targets.json
holds root 3
expect "every role is what was served" same_metadata
expect_exit 0 causeway-sync tuf --metadata-dir "$client/metadata" init "$repo/metadata/1.root.json"
holds targets 2
refreshes
holds root 3

# --- the command line

forget_requests
expect_exit 1 causeway-sync tuf refresh
expect_err '--metadata-dir'
expect_exit 1 causeway-sync tuf --metadata-dir "$client/metadata" refresh
expect_err '--metadata-url'
expect_exit 1 causeway-sync tuf --metadata-dir "$client/metadata" --no-such-option refresh
expect_err '--no-such-option'
expect_exit 1 causeway-sync tuf
expect_exit 1 causeway-sync tuf no-such-verb
expect_exit 1 causeway-sync tuf --metadata-dir "$client/metadata" init
expect_exit 1 tuf --metadata-url ftp://127.0.0.1/metadata refresh
expect_exit 1 tuf --target-dir "$client/targets" --target-base-url "$(server_url targets)" download
expect_err '--target-name'
expect "none of these made a request" test "$(server_requests)" -eq 0
expect_exit 0 causeway-sync tuf refresh --metadata-dir "$client/metadata" --metadata-url "$(server_url metadata/)"
(cd / && causeway-sync -q tuf refresh --metadata-dir "$client/metadata" --metadata-url "$(server_url metadata)") ||
    not_ok "works outside of any site"
expect_exit 0 tuf --json refresh
expect_out '"timestamp": 2'

# --- download

gets hello.txt
hello=targets/$(sha256sum <"$client/targets/hello.txt" | cut -d ' ' -f 1).hello.txt
expect_asked metadata/4.root.json metadata/timestamp.json "$hello"
expect "the target is there" test "$(cat "$client/targets/hello.txt")" = hello
gets hello.txt
expect_asked metadata/4.root.json metadata/timestamp.json
printf changed >"$client/targets/hello.txt"
gets hello.txt
expect "a file that was changed is fetched again" test "$(cat "$client/targets/hello.txt")" = hello

sim <<'PY'
r.file("targets", "deep/er/file.txt")
r.file("targets", "odd/näme #1 100%?.txt")
r.file("targets", "both.txt", "two hashes", algorithms=("sha256", "sha512"))
r.file("targets", "empty", "")
r.publish("targets")
PY
gets deep/er/file.txt empty both.txt
expect "names are percent-encoded into one" \
    test "$(names_in "$client/targets")" = 'both.txt deep%2Fer%2Ffile.txt empty hello.txt'
forget_requests
expect_exit 0 tuf --target-name 'odd/näme #1 100%?.txt' --target-dir "$client/targets" \
    --target-base-url "$(server_url targets)" download
expect "an odd name is one name" test -f "$client/targets/odd%2Fn%C3%A4me%20%231%20100%25%3F.txt"
expect "the metadata folder holds no other file" \
    test "$(names_in "$client/metadata")" = 'root.json snapshot.json targets.json timestamp.json'

# --- in order, stopping at the first failure

rm "$client"/targets/*
expect_exit 1 download hello.txt no-such-target empty
expect_err 'no-such-target'
expect "what came before the failure is there, what came after is not" test "$(names_in "$client/targets")" = hello.txt

# --- a failure leaves an earlier file alone, and nothing partial

sim <<'PY'
r.file("targets", "hello.txt", "hello, second")
r.publish("targets")
PY
server_rules '{"path": "/targets/*hello.txt", "flip": [0]}'
refuses_target hello.txt 'sha256 differs'
expect "the earlier file is untouched" test "$(cat "$client/targets/hello.txt")" = hello
server_rules '{"path": "/targets/*hello.txt", "cut_after": 5, "length": 13}'
refuses_target hello.txt
server_rules '{"path": "/targets/*hello.txt", "endless": true}'
refuses_target hello.txt 'larger'
server_rules '{"path": "/targets/*hello.txt", "status": 404}'
refuses_target hello.txt
server_rules '{"path": "/targets/*hello.txt", "stall_after": 5}'
background causeway-sync tuf --metadata-url "$(server_url metadata)" --metadata-dir "$client/metadata" --target-name hello.txt \
    --target-dir "$client/targets" --target-base-url "$(server_url targets)" download
child=$!
tries=0
while [ "$(server_requests hello.txt)" -eq 0 ] && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
sleep 0.3
expect "while it is received, nothing of it is in the folder" test "$(names_in "$client/targets")" = hello.txt
expect_exit 1 tuf refresh
expect_err 'locked'
kill -KILL "$child" 2>/dev/null
wait "$child" 2>/dev/null
expect "nor after a kill" test "$(names_in "$client/targets")" = hello.txt
expect "and the earlier file is untouched" test "$(cat "$client/targets/hello.txt")" = hello
server_rules ''
gets hello.txt
expect "the new one takes its place" test "$(cat "$client/targets/hello.txt")" = 'hello, second'
expect "under the same name, alone" test "$(names_in "$client/targets")" = hello.txt

# --- without consistent snapshots names bear nothing

repo=$TEST_DIR/inconsistent
sim <<'PY'
r.root["consistent_snapshot"] = False
r.put("root")
r.file("targets", "a/b.txt")
r.publish("targets")
PY
new_repo inconsistent
gets a/b.txt
expect_asked metadata/2.root.json metadata/timestamp.json metadata/snapshot.json metadata/targets.json targets/a/b.txt

# --- odd role names are one percent-encoded name on the wire and on disk

new_repo names
sim <<'PY'
for name in ("?", "#", "/abs", "../up", "a b"):
    r.delegate("targets", name)
r.publish("targets", *("?", "#", "/abs", "../up", "a b"))
PY
refuses_target nothing 'nothing'
expect_asked metadata/2.root.json metadata/timestamp.json metadata/2.snapshot.json metadata/2.targets.json \
    metadata/1.%3F.json metadata/1.%23.json metadata/1.%2Fabs.json metadata/1...%2Fup.json metadata/1.a%20b.json
expect "each is one file in the folder" test "$(names_in "$client/metadata")" = \
    '%23.json %2Fabs.json %3F.json ..%2Fup.json a%20b.json root.json snapshot.json targets.json timestamp.json'
refuses_target nothing
expect_asked metadata/2.root.json metadata/timestamp.json

# --- target names cannot leave their folder

sim <<'PY'
r.file("targets", "../../evil")
r.file("targets", "..")
r.file("targets", "/abs")
r.publish("targets")
PY
refuses_target ../../evil 'leads out of its folder'
refuses_target .. 'leads out of its folder'
gets /abs
expect "all lies within the folder" test "$(names_in "$client/targets")" = %2Fabs
expect "nothing lies outside" test ! -e "$TEST_DIR/evil" -a ! -e "$client/evil"

server_stop
done_testing
