#!/bin/sh
# SPDX-License-Identifier: ISC
# What causeway-sync tuf mirror writes is all that another client, tuf-js, needs when the repository itself is gone.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"
. "$CW_SRCDIR/tests/interop/lib.sh"

need_tufjs

# reads NAME TARGET...: mirrors the repository in $repo, and lets tuf-js have the targets from the mirror alone.
reads() {
    name=$1
    shift
    server_start "$repo"
    server_rules ''
    expect_exit 0 causeway-sync tuf mirror --root "$repo/metadata/1.root.json" "$(server_url '')" "$name.mirror"
    server_stop
    server_start "$name.mirror"
    server_rules ''
    expect_exit 0 tufjs "$repo/metadata/1.root.json" "$(server_url '')" "$name.js" "$@"
    expect "$name: each target" test "$(wc -l <"$out")" -eq $#
    server_stop
}

new_repo delegations
sim <<'PY'
r.file("targets", "top.txt")
r.file("targets", "both.txt", algorithms=("sha256", "sha512"))
r.delegate("targets", "a", paths=["a/*", "a/*/*"])
r.delegate("a", "b", paths=["a/b/*"])
r.file("a", "a/x.txt")
r.file("b", "a/b/y.txt")
r.publish("targets", "a", "b")
r.top_keys("root", "root-2")
r.new_root()
r.new_root()
PY
reads delegations top.txt both.txt a/x.txt a/b/y.txt

new_repo bins
sim <<'PY'
r.bins("targets", 3, "bin")
names = [f"bin-{i:x}" for i in range(8)]
for i in range(12):
    path = f"files/{i}"
    r.file(names[hashlib.sha256(path.encode()).digest()[0] >> 5], path)
r.publish("targets", *names)
PY
reads bins files/0 files/1 files/2 files/3 files/11

repo=$TEST_DIR/flat
sim <<'PY'
r.root["consistent_snapshot"] = False
r.put("root")
r.delegate("targets", "a", paths=["a/*"])
r.file("targets", "top.txt")
r.file("a", "a/x.txt")
r.publish("targets", "a")
PY
reads flat top.txt a/x.txt

done_testing
