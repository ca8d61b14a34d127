#!/bin/sh
# SPDX-License-Identifier: ISC
# A TUF client finding targets through delegations, in the order in which they are asked for: graphs, patterns, bins, hostile ones.
# shellcheck disable=SC2317 # functions that "expect" calls
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"

# The delegated roles that were asked for.
walked() {
    got=$(asked | tr ' ' '\n' | sed -n 's,^metadata/[0-9]*\.\(.*\)\.json$,\1,p' | grep -v -x -e root -e snapshot -e targets | tr '\n' ' ')
    if [ "${got% }" = "$*" ]; then
        ok "walked: $*"
    else
        not_ok "walked: $*"
        diag "but it was: $got"
    fi
}

# graph NAME WALK DELEGATIONS: a fresh repository with "delegator>role[!][:pattern]" each ('!': terminating), searched for a target
# that is not there.
graph() {
    new_repo "graph"
    sim <<PY
roles = []
for edge in "$3".split():
    edge, _, pattern = edge.partition(":")
    delegator, _, role = edge.partition(">")
    name = role.rstrip("!")
    r.delegate(delegator, name, paths=[pattern or "*"], terminating=role.endswith("!"))
    roles += [delegator, name]
r.publish(*dict.fromkeys(roles))
PY
    diag "$1"
    refuses_target missing 'missing'
    # shellcheck disable=SC2086 # a list of words
    walked $2
    rm -rf "$repo" "$repo.sim" "$client"
}

graph 'one' 'A' 'targets>A'
graph 'in order' 'A B' 'targets>A targets>B'
graph 'depth first' 'A C D B' 'targets>A targets>B A>C A>D'
graph 'three levels' 'A C D B' 'targets>A targets>B A>C C>D'
graph 'terminating ends the search' 'A C' 'targets>A targets>B A>C! A>D'
graph 'but for its descendants' 'A C D' 'targets>A targets>B A>C! C>D'
graph 'a pattern that does not match' 'B' 'targets>A:*.py targets>B A>C'
graph 'below, too' 'A B' 'targets>A targets>B A>C:*.py C>D'
graph 'a circle' 'A B C D' 'targets>A targets>B B>C C>D D>B'
graph 'itself' 'A' 'targets>A A>A'
graph 'a shared delegate' 'A C B' 'targets>A targets>B B>C A>C'
graph 'a shared delegate by one of two ways' 'A B C' 'targets>A targets>B B>C A>C:*.py'
graph 'terminating, but its pattern does not match' 'B' 'targets>A!:*.py targets>B'

# --- patterns never cross '/'

new_repo patterns
sim <<'PY'
r.delegate("targets", "docs", paths=["*.doc", "*.md"])
r.delegate("targets", "releases", paths=["releases/*/*"])
r.delegate("releases", "x", paths=["releases/x/*"])
r.delegate("releases", "y", paths=["releases/y/*.z?p"])
r.file("docs", "README.md")
r.file("docs", "deep/README.md")
r.file("x", "releases/x/x_v1")
r.file("y", "releases/y/y_v1.zip")
r.file("y", "releases/z/z_v1.zip")
r.publish("targets", "docs", "releases", "x", "y")
PY
gets README.md
walked docs
gets releases/x/x_v1
walked releases x
gets releases/y/y_v1.zip
walked y
refuses_target releases/z/z_v1.zip 'no role signs'
refuses_target deep/README.md 'no role signs'

# --- hash prefixes and hash bins

new_repo bins
sim <<'PY'
r.bins("targets", 3, "bin")
names = [f"bin-{i:x}" for i in range(8)]
for i in range(20):
    path = f"files/{i}"
    digest = hashlib.sha256(path.encode()).digest()
    r.file(names[digest[0] >> 5], path)
wrong = names[(hashlib.sha256(b"files/wrong").digest()[0] >> 5) ^ 1]
r.file(wrong, "files/wrong")
r.publish("targets", *names)
PY
gets files/7
expect "one bin of eight was asked for" test "$(server_requests 'bin-')" -eq 1
# shellcheck disable=SC2046 # a list of words
gets $(seq -f files/%g 0 19)
refuses_target files/wrong 'no role signs'

new_repo prefixes
sim <<'PY'
path = "by/hash"
digest = hashlib.sha256(path.encode()).hexdigest()
r.delegate("targets", "other", path_hash_prefixes=["0" if digest[0] != "0" else "1"])
r.delegate("targets", "mine", path_hash_prefixes=[digest[:5]])
r.file("mine", path)
r.publish("targets", "other", "mine")
PY
gets by/hash
walked mine

# --- hostile ones

new_repo many
sim <<'PY'
names = [f"r{i:02d}" for i in range(40)]
for name in names:
    r.delegate("targets", name)
r.file("r31", "within")
r.file("r32", "beyond")
r.publish("targets", *names)
PY
gets within
refuses_target beyond 'no role signs'
expect "the thirty-third role is never asked for" test "$(server_requests 'r32')" -eq 0

new_repo unlisted
sim <<'PY'
r.delegate("targets", "a")
r.file("a", "x")
r.publish("targets", "a")
del r.snapshot["meta"]["a.json"]
r.publish()
PY
refuses_target x 'snapshot does not list'
expect "what the snapshot does not list is not asked for" test "$(server_requests '\.a\.json')" -eq 0

new_repo wrong-version
sim <<'PY'
r.hashes = False
r.delegate("targets", "a")
r.file("a", "x")
r.publish("targets", "a")
r.publish("a")
r.raw("2.a.json", r.read("1.a.json"))
PY
refuses_target x 'a: has version 1, but snapshot lists version 2'
sim <<'PY'
r.put("a")
r.publish("a")
r.put("a", signers=["targets"])
PY
refuses_target x 'a: '
sim <<'PY'
r["a"]["expires"] = when(-DAY)
r.publish("a")
PY
refuses_target x 'a version 4 expired'
sim <<'PY'
r["a"]["expires"] = when(DAY)
r.publish("a")
r["a"]["_type"] = "snapshot"
r.put("a")
PY
refuses_target x 'a: '
expect "nothing of it was kept" test ! -e "$client/metadata/a.json"

# A role that holds for one delegator need not hold for the next, cached or not.
new_repo two-delegators
sim <<'PY'
r.delegate("targets", "a", paths=["one/*"])
r.delegate("targets", "b", paths=["two/*"])
r.delegate("a", "shared", paths=["*/*"], keys=["shared"])
r.delegate("b", "shared", paths=["*/*"], keys=["someone-else"])
r.file("shared", "one/x")
r.file("shared", "two/x")
r.publish("targets", "a", "b", "shared")
PY
gets one/x
refuses_target two/x 'shared'
expect_exit 1 download one/x two/x
expect_err 'shared'

# A role that bears a top-level role's name would take its place.
new_repo names
sim <<'PY'
r.delegate("targets", "a")
r.targets["delegations"]["roles"][0]["name"] = "snapshot"
r.publish("targets")
PY
refuses "'snapshot'"

new_repo same-name-twice
sim <<'PY'
r.delegate("targets", "a")
r.delegate("targets", "a")
r.publish("targets", "a")
PY
refuses "'a' is there twice"

new_repo long-name
sim <<'PY'
r.delegate("targets", "/" * 100)
r.snapshot["meta"]["/" * 100 + ".json"] = {"version": 1}
r.publish("targets")
PY
refuses_target x 'cannot be a file name'

# Unknown keys do not count and do no harm.
new_repo unknown-keys
sim <<'PY'
r.delegate("targets", "a", keys=["a", "b"], threshold=1)
for key in r.targets["delegations"]["keys"].values():
    key["keytype"] = "quantum"
keyid, key = r.key("b")
r.targets["delegations"]["keys"][keyid] = key
r.file("a", "x")
r.publish("targets", "a")
PY
gets x
sim <<'PY'
r.targets["delegations"]["roles"][0]["threshold"] = 2
r.publish("targets")
PY
refuses_target x 'a: '

server_stop
done_testing
