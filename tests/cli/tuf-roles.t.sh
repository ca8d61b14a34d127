#!/bin/sh
# SPDX-License-Identifier: ISC
# A TUF client against hostile repositories: roots, timestamp, snapshot and targets. What was trusted stays trusted.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"

# --- roots

new_repo root
refreshes
sim <<'PY'
r.root["version"] = 3
r.put("root", name="2.root.json")
r.root["version"] = 1
PY
refuses 'root after version 1: has version 3, not 2'
holds root 1
sim <<'PY'
r.root["version"] = 2
r.put("root", signers=["stranger"])
PY
refuses 'root after version 1: by the keys of version 1'
sim <<'PY'
r.top_keys("root", "root-2")
r.put("root", signers=["root-2"])
PY
refuses 'by the keys of version 1'
sim <<'PY'
r.put("root", signers=["root"])
PY
refuses 'by its own keys'
expect_asked metadata/2.root.json
sim <<'PY'
r.put("root", signers=["root", "root-2"])
PY
refreshes
holds root 2

new_repo root-threshold
sim <<'PY'
r.top_keys("root", "root", "root-2", "root-3", threshold=2)
r.new_root("root")
PY
refuses 'by its own keys'
sim <<'PY'
r.put("root", signers=["root", "root-2"])
r.new_root("root-3", "root-2")
PY
refreshes
holds root 3
sim <<'PY'
r.new_root("root-3")
PY
refuses 'by the keys of version 3'
holds root 3

# Each root is kept as soon as it holds, the expiry judged on the last alone.
new_repo root-steps
sim <<'PY'
r.root["expires"] = when(-DAY)
r.new_root()
r.root["expires"] = when(DAY)
r.new_root()
PY
refreshes
holds root 3
sim <<'PY'
r.new_root()
r.root["expires"] = when(-DAY)
r.new_root()
PY
refuses 'root version 5 expired'
holds root 5
expect_asked metadata/4.root.json metadata/5.root.json metadata/6.root.json
holds timestamp 1

# One key under two ids counts once; a repeated id in signatures is refused.
new_repo root-twice
sim <<'PY'
keyid, key = r.key("root")
r.root["keys"]["f" * 64] = key
r.root["roles"]["root"].update(keyids=[keyid, "f" * 64], threshold=2)
r.new_root("root")
def twice(doc):
    doc["signatures"].append({"keyid": "f" * 64, "sig": doc["signatures"][0]["sig"]})
r.edit("root", twice)
PY
refuses 'by its own keys'
holds root 1
new_repo signature-twice
sim <<'PY'
r.edit("timestamp", lambda doc: doc["signatures"].append(dict(doc["signatures"][0])))
PY
refuses 'twice|repeated|more than once'
holds timestamp none

# --- timestamp

new_repo timestamp
sim <<'PY'
r.publish()
r.publish()
PY
refreshes
holds timestamp 3
sim <<'PY'
r.timestamp["version"] = 2
r.put("timestamp")
PY
refuses 'timestamp: version 2 is older than the trusted version 3'
expect_asked metadata/2.root.json metadata/timestamp.json
holds timestamp 3
sim <<'PY'
r.timestamp["version"] = 3
r.timestamp["meta"]["snapshot.json"]["version"] = 100
r.put("timestamp")
PY
cp "$client/metadata/timestamp.json" before.json
refreshes
expect_asked metadata/2.root.json metadata/timestamp.json
expect "an equal version with other content is passed over" cmp before.json "$client/metadata/timestamp.json"
sim <<'PY'
r.timestamp["version"] = 4
r.timestamp["meta"]["snapshot.json"]["version"] = 2
r.put("timestamp")
PY
refuses 'snapshot version 2, older than the trusted version 3'
holds timestamp 3
sim <<'PY'
r.stamp()
r.put("timestamp", signers=["snapshot"])
PY
refuses 'timestamp'
sim <<'PY'
r.stamp()
r.edit("timestamp", lambda doc: doc["signed"].update(version=9))
PY
refuses 'timestamp'
sim <<'PY'
r.timestamp["version"] = 5
r.timestamp["expires"] = when(-1)
r.put("timestamp")
PY
refuses 'timestamp version 5 expired'
holds timestamp 3
sim <<'PY'
r.timestamp["expires"] = when(DAY)
r.timestamp["spec_version"] = "2.0.0"
r.put("timestamp")
PY
refuses "spec_version '2.0.0'"
sim <<'PY'
r.timestamp["spec_version"] = "1.0.34"
r.timestamp["unknown"] = {"ünïcode": [1, "\\\"\n", None, True]}
r.put("timestamp")
PY
refreshes
holds timestamp 5

# A timestamp that was good when it came and is served for ever.
new_repo freeze
sim <<'PY'
r.timestamp["expires"] = when(3)
r.put("timestamp")
PY
refreshes
sleep 3
refuses 'timestamp version 1 expired'
holds timestamp 1

# --- snapshot

new_repo snapshot
sim <<'PY'
r.delegate("targets", "a")
r.publish("targets", "a")
PY
refreshes
sim <<'PY'
del r.snapshot["meta"]["a.json"]
r.publish()
PY
refuses "does not list 'a.json' any more"
holds snapshot 2
sim <<'PY'
r.snapshot["meta"]["a.json"] = r.entry("a")
r.snapshot["meta"]["targets.json"]["version"] = 1
r.publish()
PY
refuses "'targets.json' in version 1, older"
holds snapshot 2
holds timestamp 4
sim <<'PY'
r.snapshot["meta"]["targets.json"] = r.entry("targets")
r.publish()
r.snapshot["expires"] = when(-DAY)
r.publish()
PY
refuses 'snapshot version 6 expired'
holds snapshot 2
sim <<'PY'
r.snapshot["expires"] = when(DAY)
r.publish()
r.snapshot["version"] = 99
r.put("snapshot", name="7.snapshot.json")
r.snapshot["version"] = 7
PY
refuses 'larger than the [0-9]+ bytes'
sim <<'PY'
r.snapshot["expires"] = when(DAY + 1)
r.put("snapshot")
PY
refuses 'snapshot: sha256 differs'
holds snapshot 2
sim <<'PY'
r.publish()
PY
refreshes
holds snapshot 8

new_repo snapshot-version
sim <<'PY'
r.hashes = False
r.publish()
r.snapshot["version"] = 3
r.put("snapshot", name="2.snapshot.json")
PY
refuses 'snapshot: has version 3, but timestamp names version 2'

# Mix and match: each file is genuine, together they never were.
new_repo mix
sim <<'PY'
r.hashes = False
r.file("targets", "x", "old")
r.publish("targets")
r.file("targets", "x", "new")
r.publish("targets")
r.raw("3.targets.json", r.read("2.targets.json"))
PY
refuses 'targets: has version 2, but snapshot lists version 3'
holds targets none
sim <<'PY'
r.put("targets")
r.raw("3.snapshot.json", r.read("2.snapshot.json"))
PY
refreshes # the snapshot was verified before
holds snapshot 3
new_repo mix-snapshot
sim <<'PY'
r.hashes = False
r.publish()
r.publish()
r.raw("3.snapshot.json", r.read("2.snapshot.json"))
PY
refuses 'snapshot: has version 2, but timestamp names version 3'
holds snapshot none

# --- targets

new_repo targets
refreshes
sim <<'PY'
r.file("targets", "x")
r.publish("targets")
r.edit("targets", lambda doc: doc["signed"].update(expires=when(DAY)))
PY
refuses 'targets: sha256 differs'
holds targets 1
holds snapshot 2
sim <<'PY'
r.hashes = False
r.publish("targets")
r.put("targets", signers=["a"])
PY
refuses "targets"
holds targets 1
sim <<'PY'
r.targets["expires"] = when(-DAY)
r.publish("targets")
PY
refuses 'targets version 4 expired'
holds targets 1
sim <<'PY'
r.targets["expires"] = when(DAY)
r.publish("targets")
r.raw("5.targets.json", '{"signed": {"_type": "targets"}, "signatures": []}')
PY
refuses 'targets: '
sim <<'PY'
r.raw("5.targets.json", json.dumps(r.sign("targets")).replace('"version": 5', '"version": 5, "version": 5'))
PY
refuses 'targets: '
sim <<'PY'
r.raw("5.targets.json", b"\xef\xbb\xbf" + json.dumps(r.sign("targets")).encode())
PY
refuses 'targets: '
sim <<'PY'
r.put("targets")
PY
refreshes
holds targets 5

# --- keys that were rotated let versions begin anew (fast-forward recovery)

for role in timestamp snapshot; do
    new_repo "recovery-$role"
    sim <<PY
r["$role"]["version"] = 99999
r.put("snapshot")
r.stamp()
PY
    refreshes
    holds "$role" 99999
    sim <<PY
r["$role"]["version"] = 1
r.put("snapshot")
r.timestamp["version"] = max(r.timestamp["version"], 2)
r.stamp()
PY
    [ "$role" = snapshot ] && refuses 'older'
    sim <<PY
r.top_keys("snapshot", "snapshot-2")
r.top_keys("timestamp", "timestamp-2")
r.new_root()
r["$role"]["version"] = 1
r.put("snapshot")
r.stamp()
PY
    refreshes
    holds "$role" 1
done

# The trusted copies are verified again in each run: one that was changed counts for nothing.
new_repo copies
refreshes
for role in timestamp snapshot targets; do
    sed 's/"version": 1/"version": 77/' "$client/metadata/$role.json" >changed && cp changed "$client/metadata/$role.json"
done
refreshes
expect_asked metadata/2.root.json metadata/timestamp.json metadata/1.snapshot.json metadata/1.targets.json
holds targets 1
sed 's/"version": 1/"version": 77/' "$client/metadata/root.json" >changed && cp changed "$client/metadata/root.json"
refuses 'trusted root'
expect_asked ''

server_stop
done_testing
