#!/bin/sh
# SPDX-License-Identifier: ISC
# The same repositories, right and hostile, read by causeway-sync tuf and by tuf-js: the same verdicts where the specification
# decides. Where the two differ the case says so, and why.
# shellcheck disable=SC2317 # functions that "expect" calls
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"
. "$CW_SRCDIR/tests/interop/lib.sh"

need_tufjs

ours() {
    download x >"$tap_dir/ours" 2>&1 && echo takes || echo refuses
}

theirs() {
    tufjs "$repo/metadata/1.root.json" "$(server_url '')" "$client/js" x >"$tap_dir/theirs" 2>&1 && echo takes || echo refuses
}

begin() {
    case_count=$((${case_count:-0} + 1))
    new_repo "case$case_count"
    sim <<'PY'
r.file("targets", "x", "content")
r.publish("targets")
PY
}

# Both have seen the repository as it is now.
seen() {
    [ "$(ours) $(theirs)" = 'takes takes' ] || not_ok 'both take the repository as it begins'
}

verdicts() {
    found="$(ours) $(theirs)"
    if [ "$found" = "$2 $3" ]; then
        ok "$1: ours $2, tuf-js $3"
    else
        not_ok "$1: ours $2, tuf-js $3"
        diag "but: $found"
        diag "ours: $(cat "$tap_dir/ours")"
        diag "theirs: $(cat "$tap_dir/theirs")"
    fi
}

# both VERDICT NAME: a fresh repository, changed by the statements on standard input.
both() {
    begin
    sim
    verdicts "$2" "$1" "$1"
}

# after VERDICT NAME: both have trusted the repository before it is changed.
after() {
    begin
    seen
    sim
    verdicts "$2" "$1" "$1"
}

# differ OURS THEIRS NAME
differ() {
    begin
    sim
    verdicts "$3" "$1" "$2"
}

both takes 'a plain repository' <<'PY'
pass
PY
both takes 'no hashes in snapshot and timestamp' <<'PY'
r.hashes = False
r.publish("targets")
PY
both takes 'unknown fields' <<'PY'
r.targets["x-unknown"] = {"b": [1, {"ü": "\\\""}], "a": None}
r.publish("targets")
PY
both takes 'three roots' <<'PY'
r.new_root()
r.top_keys("root", "root-2", "root-3", threshold=2)
r.new_root()
PY
both takes 'an expired root on the way' <<'PY'
r.root["expires"] = when(-DAY)
r.new_root()
r.root["expires"] = when(DAY)
r.new_root()
PY
both refuses 'the last root expired' <<'PY'
r.root["expires"] = when(-DAY)
r.new_root()
PY
both refuses 'a root skips a version' <<'PY'
r.root["version"] = 3
r.put("root", name="2.root.json")
PY
both refuses 'a root that the one before did not sign' <<'PY'
r.top_keys("root", "root-2")
r.root["version"] = 2
r.put("root", signers=["root-2"])
PY
both refuses 'a root that does not sign itself' <<'PY'
r.top_keys("root", "root-2")
r.root["version"] = 2
r.put("root", signers=["root"])
PY
for role in timestamp snapshot targets; do
    both refuses "$role expired" <<PY
r["$role"]["expires"] = when(-DAY)
r.publish("targets")
PY
    both refuses "$role signed by another key" <<PY
r.signers["$role"] = ["stranger"]
r.publish("targets")
PY
    both refuses "$role changed after it was signed" <<PY
r.hashes = False
r.publish("targets")
r.edit("$role", lambda doc: doc["signed"].update(expires=when(DAY)))
PY
done
after refuses 'the timestamp goes back' <<'PY'
r.timestamp["version"] = 1
r.put("timestamp")
PY
after refuses 'the timestamp takes the snapshot back' <<'PY'
r.timestamp["version"] += 1
r.timestamp["meta"]["snapshot.json"]["version"] = 1
r.put("timestamp")
PY
after takes 'another timestamp of the same version' <<'PY'
r.timestamp["meta"]["snapshot.json"]["version"] = 50
r.put("timestamp")
PY
after refuses 'the snapshot takes targets back' <<'PY'
r.snapshot["meta"]["targets.json"]["version"] = 1
r.publish()
PY
begin
sim <<'PY'
r.delegate("targets", "a", paths=["a/*"])
r.publish("targets", "a")
PY
seen
sim <<'PY'
del r.snapshot["meta"]["a.json"]
r.publish()
PY
verdicts 'a role vanishes from the snapshot' refuses refuses
both refuses 'the snapshot is of another version than named' <<'PY'
r.hashes = False
r.publish()
r.raw("3.snapshot.json", r.read("2.snapshot.json"))
PY
both refuses 'targets are of another version than listed' <<'PY'
r.hashes = False
r.publish("targets")
r.raw("3.targets.json", r.read("2.targets.json"))
PY
after takes 'rotated keys let versions begin anew' <<'PY'
r.top_keys("snapshot", "snapshot-2")
r.top_keys("timestamp", "timestamp-2")
r.new_root()
r.timestamp["version"] = r.snapshot["version"] = 1
r.put("snapshot")
r.stamp()
PY
both refuses 'spec_version 2' <<'PY'
r.timestamp["spec_version"] = "2.0.0"
r.put("timestamp")
PY
both refuses 'a target of other bytes' <<'PY'
r.targets["targets"]["x"]["hashes"]["sha256"] = hashlib.sha256(b"other").hexdigest()
r.publish("targets")
PY

delegated='del r.targets["targets"]["x"]'
both takes 'a delegated target' <<PY
$delegated
r.delegate("targets", "a")
r.delegate("a", "b")
r.file("b", "x")
r.publish("targets", "a", "b")
PY
both takes 'a circle on the way' <<PY
$delegated
r.delegate("targets", "a")
r.delegate("a", "a2")
r.delegate("a2", "a")
r.delegate("targets", "b")
r.file("b", "x")
r.publish("targets", "a", "a2", "b")
PY
both refuses 'a terminating delegation before it' <<PY
$delegated
r.delegate("targets", "a", terminating=True)
r.delegate("targets", "b")
r.file("b", "x")
r.publish("targets", "a", "b")
PY
both refuses 'a delegation of other paths' <<PY
$delegated
r.delegate("targets", "a", paths=["y*"])
r.file("a", "x")
r.publish("targets", "a")
PY
both refuses 'the thirty-third role' <<PY
$delegated
names = [f"r{i:02d}" for i in range(40)]
for name in names:
    r.delegate("targets", name)
r.file("r35", "x")
r.publish("targets", *names)
PY
both takes 'hash bins' <<PY
$delegated
r.bins("targets", 4, "bin")
names = [f"bin-{i:x}" for i in range(16)]
r.file(names[hashlib.sha256(b"x").digest()[0] >> 4], "x")
r.publish("targets", *names)
PY
both refuses 'a delegated role that the snapshot does not list' <<PY
$delegated
r.delegate("targets", "a")
r.file("a", "x")
r.publish("targets", "a")
del r.snapshot["meta"]["a.json"]
r.publish()
PY
both refuses 'a delegated role expired' <<PY
$delegated
r.delegate("targets", "a")
r.file("a", "x")
r["a"]["expires"] = when(-DAY)
r.publish("targets", "a")
PY
both refuses 'a delegated role short of its threshold' <<PY
$delegated
r.delegate("targets", "a", keys=["a", "b"], threshold=2)
r.signers["a"] = ["a"]
r.file("a", "x")
r.publish("targets", "a")
PY

# --- where they differ

# Section 5.3.4 and its like: a threshold counts keys. tuf-js counts keyids, so one key under two of them counts twice for it.
differ refuses takes 'one key under two keyids' <<'PY'
r.hashes = False
keyid, key = r.key("targets")
r.root["keys"]["f" * 64] = key
r.root["roles"]["targets"].update(keyids=[keyid, "f" * 64], threshold=2)
r.new_root()
r.publish("targets")
r.edit("targets", lambda doc: doc["signatures"].append({"keyid": "f" * 64, "sig": doc["signatures"][0]["sig"]}))
PY
# RFC 8259 leaves open what a name means that is there twice. We refuse what two readers may read in two ways.
differ refuses takes 'a name that is there twice' <<'PY'
r.hashes = False
r.publish("targets")
r.raw("3.targets.json", json.dumps(r.sign("targets")).replace('"version": 3', '"version": 7, "version": 3'))
PY
# Section 5.7.2 asks for the hashes that are stated; tuf-js computes whatever node knows, md5 too.
differ refuses takes 'a hash of an algorithm that we do not know' <<'PY'
r.file("targets", "x", "content", algorithms=("sha256", "md5"))
r.publish("targets")
PY

# tuf-js holds signatures of P-384 against SHA-256; securesystemslib, which makes them, signs SHA-384.
repo=$CW_SRCDIR/tests/data/keytypes
client=$TEST_DIR/keytypes.client
server_start "$repo"
server_rules ''
causeway-sync -q tuf --metadata-dir "$client/metadata" init "$repo/metadata/1.root.json"
mkdir -p "$client/targets"
expect "keys of P-256, P-384 and RSA: ours takes" download a/x.txt
expect_exit 1 tufjs "$repo/metadata/1.root.json" "$(server_url '')" "$client/js" a/x.txt
expect_err 'root was signed by 2/3 keys'

server_stop
done_testing
