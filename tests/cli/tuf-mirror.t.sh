#!/bin/sh
# SPDX-License-Identifier: ISC
# causeway-sync tuf mirror: a verified copy that serves other TUF clients, offline, and costs two requests when nothing is new.
# shellcheck disable=SC2317 # functions that "expect" calls
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"

mirror() {
    forget_requests
    causeway-sync tuf mirror --root "$repo/metadata/1.root.json" "$@" "$(server_url '')" "$TEST_DIR/mirror"
}

# All but the note that it is complete.
names() {
    (cd "$1" && find . -type f ! -name .causeway-mirror.json -printf '%P\n' | LC_ALL=C sort)
}

# Nothing but what the repository has, byte for byte.
genuine() {
    names mirror | while read -r file; do
        cmp "$repo/$file" "mirror/$file" || echo differs
    done | grep -q . && return 1
    return 0
}

new_repo origin
sim <<'PY'
r.file("targets", "top.txt")
r.file("targets", "two/hashes.txt", algorithms=("sha256", "sha512"))
r.delegate("targets", "a", paths=["a/*"])
r.delegate("targets", "b", paths=["b/*", "b/*/*"])
r.delegate("b", "c", paths=["b/c/*"])
r.delegate("c", "b", paths=["*/*"])
r.file("a", "a/1.txt")
r.file("a", "b/not-its-own.txt")
r.file("c", "b/c/2.txt")
r.file("c", "b/c/empty", "")
r.publish("targets", "a", "b", "c")
r.new_root()
r.new_root()
PY

# --- the whole repository

expect_exit 0 mirror
expect_out 'root version 3, timestamp version 2, 4 roles, 5 targets; 5 fetched'
expect "all that is there is the repository's own" genuine
expect "every root is there" test -f mirror/metadata/1.root.json -a -f mirror/metadata/2.root.json -a -f mirror/metadata/3.root.json
expect "every role is there" test "$(names mirror/metadata | grep -v root | tr '\n' ' ')" = \
    '1.a.json 1.b.json 1.c.json 2.snapshot.json 2.targets.json timestamp.json '
expect "a target is there under each of its hashes" test "$(names mirror/targets | grep -c hashes.txt)" -eq 2
expect "and was fetched once" test "$(server_requests 'hashes.txt')" -eq 1
expect "what no client would find is not" test -z "$(names mirror/targets | grep not-its-own)"
expect_exit 0 mirror
expect_asked metadata/4.root.json metadata/timestamp.json
expect_out '0 fetched'

# --- nothing new: the note that it is complete is believed, and --verify looks at everything

victim=$(find mirror/targets/a -name '*1.txt')
printf 'CONTENT of a/1.txt' >"$victim"
rm mirror/metadata/1.c.json
expect_exit 0 mirror
expect_asked metadata/4.root.json metadata/timestamp.json
expect_out '4 roles, 5 targets; 0 fetched.*unchanged.*--verify'
expect_exit 0 mirror --json
expect_out '"checked": false'
expect_exit 0 mirror --verify
expect_asked_all metadata/4.root.json metadata/timestamp.json "targets/a/${victim##*/}" metadata/1.c.json
expect_out '4 roles, 5 targets; 1 fetched'
expect_err "warning: '${victim#mirror/}' was damaged"
expect "all that is there is the repository's own" genuine
expect_exit 0 mirror --verify
expect_asked metadata/4.root.json metadata/timestamp.json
printf 'CONTENT of a/1.txt' >"$victim"
server_rules '{"path": "/targets/a/*1.txt", "status": 404}'
expect_exit 1 mirror --verify
server_rules ''
expect "what is damaged is not served on" test ! -e "$victim"
expect_exit 0 mirror
expect_out '; 1 fetched'
expect "all that is there is the repository's own" genuine
for victim in mirror/targets/two/*; do
    rm "$victim"
    expect_exit 0 mirror --verify
    expect "all that is there is the repository's own" genuine
    expect "each of its names is there" test "$(names mirror/targets | grep -c hashes.txt)" -eq 2
done
expect "one name is made from the other" test "$(server_requests 'hashes.txt')" -eq 0
printf '{"format": 2}' >mirror/.causeway-mirror.json
expect_exit 0 mirror --json
expect_out '"checked": true'
expect_out '"changed": false'

# --- a client of the mirror alone

server_stop
server_start mirror
gets top.txt a/1.txt b/c/2.txt b/c/empty two/hashes.txt
expect "the target is the repository's" test "$(cat "$client/targets/a%2F1.txt")" = 'content of a/1.txt'
refuses_target b/not-its-own.txt 'no role signs'
server_stop
server_start "$repo"

# --- only what changed

sim <<'PY'
r.file("a", "a/3.txt")
r.publish("a")
PY
expect_exit 0 mirror
expect_asked metadata/4.root.json metadata/timestamp.json metadata/3.snapshot.json metadata/2.a.json \
    "targets/a/$(sha256sum <"$(find "$repo/targets/a" -name '*3.txt')" | cut -d ' ' -f 1).3.txt"
expect "what was served before still is" test -f mirror/metadata/2.snapshot.json -a -f mirror/metadata/1.a.json

# --- globs

rm -rf mirror
expect_exit 0 mirror --targets 'a/*' --targets 'top.*'
expect "only these targets" test "$(names mirror/targets | sed 's,[0-9a-f]*\.,,' | tr '\n' ' ')" = 'a/1.txt a/3.txt top.txt '
expect_exit 0 mirror
expect "the others come when they are wanted" test "$(names mirror/targets | wc -l)" -eq 7
expect_exit 0 mirror --json
expect_out '"changed": false'

# --- the mirror stays what it was until all of the new one is there

sim <<'PY'
r.file("targets", "late.txt")
r.file("a", "a/late.txt")
r.publish("targets", "a")
PY
cp mirror/metadata/timestamp.json before.json
names mirror/metadata >before.names
server_rules '{"path": "/targets/a/*late.txt", "flip": [0], "delay": 0.5}'
expect_exit 1 mirror
expect_err 'sha256 differs'
expect "its timestamp is the old one" cmp before.json mirror/metadata/timestamp.json
names mirror/metadata >after.names
expect "no new metadata is in it" cmp before.names after.names
server_rules '{"path": "/metadata/3.a.json", "status": 404}'
expect_exit 1 mirror
server_rules '{"path": "/metadata/3.a.json", "flip": [50]}'
expect_exit 1 mirror
expect "its timestamp is still the old one" cmp before.json mirror/metadata/timestamp.json
server_rules ''
expect_exit 0 mirror
expect "what was fetched before is not fetched again" test "$(server_requests 'GET.*targets/[0-9a-f]*.late.txt')" -eq 0
expect "all that is there is the repository's own" genuine

# --- killed anywhere, the next run completes it

sim <<'PY'
for i in range(20):
    r.file("a", f"a/many-{i}.txt", str(i) * 1000)
r.publish("a")
PY
# Longer than this test takes: the request of the killed run is logged when it is answered.
server_rules '{"path": "/targets/a/*many-1?.txt", "delay": 60}'
background causeway-sync tuf mirror --root "$repo/metadata/1.root.json" "$(server_url '')" "$TEST_DIR/mirror"
child=$!
tries=0
while [ "$(server_requests 'many')" -lt 5 ] && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
sleep 0.2
expect_exit 1 mirror
expect_err 'locked'
expect_exit 1 mirror --mirror http://127.0.0.1:9/
expect_err 'locked'
refute_err 'next mirror'
kill -KILL "$child"
wait "$child" 2>/dev/null
server_rules ''
expect_exit 0 mirror
expect "all that is there is the repository's own" genuine
expect "no leftovers" test -z "$(find mirror -name '.tmp-*')"

# --- damaged copies are taken anew, a rollback is not

printf x >mirror/metadata/2.root.json
printf x >mirror/metadata/3.targets.json
printf x >mirror/metadata/5.snapshot.json
expect_exit 0 mirror
expect "the damaged ones were replaced" genuine
cp "$repo/metadata/timestamp.json" newest.json
sim <<'PY'
r.timestamp["version"] = 1
r.put("timestamp")
PY
expect_exit 1 mirror
expect_err 'older than the trusted version'
cp newest.json "$repo/metadata/timestamp.json"
expect "the mirror is as it was" cmp newest.json mirror/metadata/timestamp.json

# --- it begins at a later root: those before it come, too, as far as there are any

rm -rf mirror
expect_exit 0 causeway-sync tuf mirror --root "$repo/metadata/3.root.json" "$(server_url '')" mirror
expect "the roots before are there" test -f mirror/metadata/1.root.json -a -f mirror/metadata/2.root.json
forget_requests
expect_exit 0 causeway-sync tuf mirror --root "$repo/metadata/3.root.json" "$(server_url '')" mirror
expect_asked metadata/4.root.json metadata/timestamp.json
rm -rf mirror
server_rules '{"path": "/metadata/2.root.json", "status": 404}'
expect_exit 0 causeway-sync tuf mirror --root "$repo/metadata/3.root.json" "$(server_url '')" mirror
forget_requests
expect_exit 0 causeway-sync tuf mirror --root "$repo/metadata/3.root.json" "$(server_url '')" mirror
expect_asked metadata/4.root.json metadata/timestamp.json
expect_exit 1 causeway-sync tuf mirror "$(server_url '')" mirror
expect_err '--root'

# --- what a mirror warns of

rm -rf mirror
new_repo odd
sim <<'PY'
r.delegate("targets", "sp ace")
r.delegate("targets", "a/b")
r.delegate("targets", "unlisted")
r.file("targets", "../../evil")
r.file("targets", "/abs")
r.file("targets", "md5", algorithms=("md5",))
r.file("sp ace", "good.txt")
r.publish("targets", "sp ace", "a/b")
PY
expect_exit 0 mirror
expect_err "warning: role 'sp ace' is kept as 'sp%20ace.json'"
expect_err "warning: role 'a/b' is kept as 'a%2Fb.json'"
expect_err "warning: role 'unlisted'"
expect_err "warning: target '../../evil'.*left out"
expect_err "warning: target '/abs'.*left out"
expect_err "warning: target 'md5'.*left out"
expect "the others are there" test "$(names mirror/targets | grep -c good.txt)" -eq 1
expect "each role is one file" test -f mirror/metadata/1.a%2Fb.json -a -f 'mirror/metadata/1.sp%20ace.json'
expect "nothing lies outside" test ! -e evil -a ! -e "$TEST_DIR/evil"

# --- metadata and targets in other places; no consistent snapshots

rm -rf mirror
repo=$TEST_DIR/flat
sim <<'PY'
r.root["consistent_snapshot"] = False
r.put("root")
r.delegate("targets", "a", paths=["*/*"])
r.file("a", "x/y.txt")
r.publish("targets", "a")
PY
new_repo flat
expect_exit 0 causeway-sync tuf mirror --root "$repo/metadata/1.root.json" --metadata-url "$(server_url metadata)" \
    --target-base-url "$(server_url targets/)" http://127.0.0.1:1/nowhere mirror
expect "names bear nothing" test "$(names mirror | tr '\n' ' ')" = \
    'metadata/1.root.json metadata/a.json metadata/snapshot.json metadata/targets.json metadata/timestamp.json targets/x/y.txt '
expect_exit 0 mirror
expect_asked metadata/2.root.json metadata/timestamp.json
sim <<'PY'
r.file("a", "x/y.txt", "changed of a/y.txt")
r.publish("a")
PY
expect_exit 0 mirror
expect "a changed target takes the old one's place" genuine

# --- more roles than are held at once: what was forgotten is read again, not fetched again

for consistent in True False; do
    rm -rf mirror
    repo=$TEST_DIR/large-$consistent
    sim <<PY
r.root["consistent_snapshot"] = $consistent
r.put("root")
names = [f"large-{i}" for i in range(4)]
for name in names:
    r.delegate("targets", name, paths=["*"])
    r[name]["x-padding"] = "." * 2200000
    r.file(name, name + "-1")
    r.file(name, name + "-2")
r.publish("targets", *names)
PY
    new_repo "large-$consistent"
    expect_exit 0 mirror
    expect_out '5 roles, 8 targets; 8 fetched'
    expect "each role is asked for once" test "$(server_requests 'metadata/.*large-')" -eq 4
    expect "all that is there is the repository's own" genuine
    expect "nothing waits any more" test "$(find mirror -name '.*' | tr '\n' ' ')" = 'mirror/.causeway-mirror.json '
done

# --- names that would collide where names bear no version

for role in 9.root 1.snapshot .tmp-x; do
    rm -rf mirror
    repo=$TEST_DIR/collide-$role
    sim <<PY
r.root["consistent_snapshot"] = False
r.put("root")
r.delegate("targets", "$role")
r.publish("targets", "$role")
PY
    new_repo "collide-$role"
    expect_exit 1 mirror
    expect_err "role '$role' cannot be mirrored"
    expect "nothing is there" test ! -e mirror/metadata/timestamp.json
done
rm -rf mirror
new_repo versioned
sim <<'PY'
for role in ("2.root", "1.snapshot", ".tmp-x"):
    r.delegate("targets", role, paths=[role + "/*"])
    r.file(role, role + "/x")
r.publish("targets", "2.root", "1.snapshot", ".tmp-x")
r.new_root()
PY
expect_exit 0 mirror
expect_out '4 roles, 3 targets'
expect "with versions they are names like others" genuine
rm -rf mirror
repo=$TEST_DIR/harmless
sim <<'PY'
r.root["consistent_snapshot"] = False
r.put("root")
r.delegate("targets", "2.5", paths=["x/*"])
r.delegate("targets", "roots.root")
r.file("2.5", "x/y")
r.file("targets", "x/.tmp-y")
r.publish("targets", "2.5", "roots.root")
PY
new_repo harmless
expect_exit 0 mirror
expect "others are harmless" genuine
expect_err "warning: target 'x/.tmp-y'.*left out"

# --- hash bins

rm -rf mirror
new_repo bins
sim <<'PY'
r.bins("targets", 2, "bin")
names = [f"bin-{i:x}" for i in range(4)]
for i in range(12):
    path = f"files/{i}"
    r.file(names[hashlib.sha256(path.encode()).digest()[0] >> 6], path)
r.publish("targets", *names)
PY
expect_exit 0 mirror
expect_out '5 roles, 12 targets'
expect "all of it is the repository's own" genuine

# --- behind a long line: roles and targets come side by side

rm -rf mirror
new_repo far
sim <<'PY'
r.bins("targets", 5, "bin")
names = [f"bin-{i:02x}" for i in range(32)]
for i in range(64):
    path = f"files/{i}"
    r.file(names[hashlib.sha256(path.encode()).digest()[0] >> 3], path, str(i) * 1000)
r.publish("targets", *names)
PY
connections() { # PATTERN
    server_log | grep "$1" | grep -o '"connection": [0-9]*' | sort -u | wc -l
}
server_rules '{"path": "/metadata/*bin-*.json", "delay": 0.2}' '{"path": "/targets/*", "delay": 0.2}'
expect_exit 0 mirror
expect_out '33 roles, 64 targets; 64 fetched'
expect "roles come side by side" test "$(connections 'bin-')" -ge 8
expect "so do targets" test "$(connections '/targets/')" -ge 8
expect "each role is asked for once" test "$(server_requests 'bin-')" -eq 32
expect "each target, too" test "$(server_requests '/targets/')" -eq 64
expect "all of it is the repository's own" genuine
mv mirror complete

# --- what breaks off, and what is turned away for a while

again() { # [OPTION...]
    rm -rf mirror
    mirror --retry-wait 10ms "$@"
}
server_rules '{"path": "/metadata/*bin-1?.json", "first": 3, "status": 503}' '{"path": "/metadata/timestamp.json", "first": 1, "drop": true}' \
    '{"path": "/targets/*.17", "first": 2, "cut_after": 300}' '{"path": "/targets/*.18", "first": 1, "drop": true}'
expect_exit 0 again
expect "all of it came" diff -r mirror complete
expect "it was gone on with" test "$(server_requests '\.17".*"bytes=600-"')" -eq 1
server_rules '{"path": "/targets/*.17", "status": 503}'
expect_exit 1 again
expect_err '503'
expect "it was asked five times" test "$(server_requests '\.17"')" -eq 5
server_rules '{"path": "/metadata/*bin-03.json", "status": 503}'
expect_exit 1 again
expect_err '503'
for wrong in '"status": 404' '"flip": [3]' '"length": 3' '"status": 200, "body": "<html>log in</html>"'; do
    server_rules "{\"path\": \"/targets/*.17\", $wrong}"
    expect_exit 1 again
    expect_err '\.17'
    expect "the mirror is none yet: $wrong" test ! -e mirror/metadata/timestamp.json
done

# --- a run that was interrupted, and another one's choice

server_rules '{"path": "/targets/*.17", "nth": 1, "cut_after": 300}' '{"path": "/targets/*.17", "status": 503}'
expect_exit 1 again
server_rules ''
expect_exit 0 mirror
expect "the rest of it came" test "$(server_requests '\.17".*"bytes=300-"')" -eq 1
expect "all of it is there" diff -r mirror complete
server_rules '{"path": "/targets/*.17", "nth": 1, "cut_after": 300}' '{"path": "/targets/*.17", "status": 503}'
expect_exit 1 again
server_rules ''
expect_exit 0 mirror --targets 'files/1'
expect "nothing is left of the other" test ! -e mirror/.inbox

# --- several mirrors

cp -r "$repo" other
python3 "$CW_SRCDIR/tests/server/server.py" other --port-file other.port --log other.log 2>/dev/null &
other_pid=$!
tap_children="${tap_children:-} $other_pid"
while [ ! -s other.port ]; do sleep 0.05; done
other=http://127.0.0.1:$(cat other.port)/
server_rules '{"path": "/targets/*.17", "flip": [3]}' '{"path": "/targets/*.18", "status": 404}'
expect_exit 0 again --mirror "$other"
expect_err "warning: .*sha256 differs.*taken elsewhere"
expect "all of it came" diff -r mirror complete
expect "metadata came from the first" test "$(grep -c metadata other.log)" -eq 0
server_rules '{"path": "/targets/*", "status": 503}'
expect_exit 0 again --mirror "$other"
expect_err "warning: .*503.*taken elsewhere"
expect "all of it came" diff -r mirror complete
server_rules '{"path": "/metadata/timestamp.json", "status": 503}'
expect_exit 0 again --mirror "$other"
expect_err 'warning: .*timestamp.json.*503; trying the next mirror'
expect "all of it came" diff -r mirror complete
server_rules '{"path": "/metadata/*.bin-1f.json", "cut_after": 50}'
expect_exit 0 again --mirror "$other"
expect_err 'warning: .*bin-1f.json.*; trying the next mirror'
expect "all of it came" diff -r mirror complete
server_rules '{"path": "/metadata/*.bin-1f.json", "flip": [60]}'
expect_exit 1 again --mirror "$other"
expect_err 'bin-1f'
refute_err 'next mirror'
expect_exit 0 causeway-sync tuf mirror --retry-wait 10ms --root "$repo/metadata/1.root.json" --mirror "$other" http://127.0.0.1:9/ mirror
expect_err 'warning: .*trying the next mirror'
expect "all of it came" diff -r mirror complete
kill "$other_pid"
wait "$other_pid" 2>/dev/null
server_rules ''
expect_exit 0 again --mirror "$other"
server_rules '{"path": "/targets/*.17", "flip": [3]}'
expect_exit 1 again --mirror "$other"
expect_err 'sha256 differs'
expect_err 'connect'
expect_exit 1 again --mirror ftp://nowhere
expect_err 'no http or https URL'

# --- the rate

server_rules ''
began=$(date +%s%N)
expect_exit 0 again --limit-rate 100K
expect 'it took its time' test $((($(date +%s%N) - began) / 1000000)) -ge 500
expect "all of it came" diff -r mirror complete
expect_exit 1 again --limit-rate fast
expect_err '500K or 2M'
expect_exit 1 again --retry-wait soon
expect_err '--retry-wait'

server_stop
done_testing
