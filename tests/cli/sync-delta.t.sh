#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# Deltas change how many bytes travel, and nothing else: good ones, none, and every kind of bad one.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
PATH=$CW_BUILDDIR/tests/bench:$PATH

hash_of() {
    sha256sum <"$1" | cut -d ' ' -f 1
}

# hint LENGTH PATH: the hint file of the tree named tree, with one delta.
hint() {
    cat >"tree/deltas/$to.json" <<JSON
{"_type": "causeway-deltas", "format": "1.0", "deltas": [{"from": "$from", "path": "$2", "length": $1}]}
JSON
}

# pulled BYTES WHAT: a copy of the site pulls from tree; its mirror then is as without deltas; BYTES is all or less.
pulled() {
    rm -rf site
    cp -r site-before site
    expect_exit 0 causeway-sync -C site --json pull "$PWD/tree"
    expect "the mirror is the same: $2" diff -r site/upstreams/acme/mirror mirror-without
    bytes=$(sed -n 's/.*"bytes": \([0-9]*\).*/\1/p' "$out")
    carried=$(sed -n 's/.*"carried": \([0-9]*\).*/\1/p' "$out")
    case $1 in
    all) expect "all bytes travel: $2" test "$carried" -eq "$bytes" ;;
    less) expect "fewer bytes travel: $2" test "$carried" -lt $((bytes - 500000)) ;;
    esac
}

publisher_init
publisher_release gateway 1.0.0 600000
publisher_publish
site_init site
expect_exit 0 causeway-sync -C site pull "$PWD/repo/tree"
mv site site-before
publisher_release gateway 1.1.0 600000
publisher_publish --deltas 0

old=build/gateway-1.0.0/gateway.bin
new=build/gateway-1.1.0/gateway.bin
from=$(hash_of "$old")
to=$(hash_of "$new")
place=targets/gateway/1.0.0/$from.gateway.bin
cp -r repo/tree tree
cp -r site-before site
expect_exit 0 causeway-sync -C site pull "$PWD/tree"
refute_out 'with deltas'
cp -r site/upstreams/acme/mirror mirror-without
pulled all 'there are no deltas'

# A good one.
expect_exit 0 cw-delta make "$old" "$new" delta
length=$(stat -c %s delta)
mkdir -p "tree/deltas/$to"
cp delta "tree/deltas/$to/$from.delta"
hint "$length" "$place"
pulled less 'a good delta'
rm -rf site
cp -r site-before site
expect_exit 0 causeway-sync -C site pull "$PWD/tree"
expect_out 'as [0-9.]* KiB with deltas'

# It is not there, cut, has a changed byte, is longer than it says, is none at all.
rm "tree/deltas/$to/$from.delta"
pulled all 'the delta is missing'
head -c "$((length - 7))" delta >"tree/deltas/$to/$from.delta"
pulled all 'the delta is cut'
expect_err 'a delta was of no use'
cp delta "tree/deltas/$to/$from.delta"
flip "tree/deltas/$to/$from.delta"
pulled all 'a byte of the delta is changed'
expect_err 'a delta was of no use'
cp delta "tree/deltas/$to/$from.delta"
hint "$((length - 1))" "$place"
pulled all 'the delta is longer than its hint says'
hint "$length" "$place"
head -c "$length" /dev/zero >"tree/deltas/$to/$from.delta"
pulled all 'the delta is none'

# An invented one: of the right form, from the right file, but to something else of the same length.
sed 's/gateway/gatekey/' "$new" >other
expect_exit 0 cw-delta make "$old" other evil
cp evil "tree/deltas/$to/$from.delta"
hint "$(stat -c %s evil)" "$place"
pulled all 'the delta makes another file'
expect_err 'the delta makes another file'

# Hints that lie.
cp delta "tree/deltas/$to/$from.delta"
for path in "$place/../x" /etc/passwd ../../../../site.lua "targets/gateway/9.9.9/$from.gateway.bin" metadata/1.root.json; do
    hint "$length" "$path"
    pulled all "the hint names $path"
done
hint -1 "$place"
pulled all 'the hint has no length'
hint 599999 "$place"
pulled all 'the delta is as long as the file'
echo '{' >"tree/deltas/$to.json"
pulled all 'the hint is no JSON'
echo '{"_type": "causeway-deltas", "format": "2.0", "deltas": []}' >"tree/deltas/$to.json"
pulled all 'the hint is of another format'
expect_err 'format'

# The compressed file, for a site that has nothing like it; the shortest is tried first, the next where it is of no use.
: >empty
expect_exit 0 cw-delta make empty "$new" packed
packed=$(stat -c %s packed)
empty=$(hash_of empty)
cat >"tree/deltas/$to.json" <<JSON
{"_type": "causeway-deltas", "format": "1.0", "deltas": [
 {"from": "$from", "path": "$place", "length": $((packed - 1))}, {"from": "$empty", "length": $packed}]}
JSON
cp packed "tree/deltas/$to/$empty.delta"
head -c "$((packed - 1))" /dev/zero >"tree/deltas/$to/$from.delta"
pulled less 'the compressed file, after a delta that is none'
refute_err 'of no use'
rm "tree/deltas/$to/$from.delta"
pulled less 'the compressed file, after a delta that is missing'
flip "tree/deltas/$to/$empty.delta"
pulled all 'the compressed file is changed'
expect_err 'a delta was of no use'

# Bombs: streams that would go on for ever, and a header that says so.
python3 - "$CW_SRCDIR/tests/fuzz/corpus/delta/bomb" "tree/deltas/$to/$empty.delta" "$(stat -c %s "$new")" <<'PYTHON'
import struct, sys
bomb = bytearray(open(sys.argv[1], "rb").read())
struct.pack_into("<QQ", bomb, 16, 0, int(sys.argv[3]))
open(sys.argv[2], "wb").write(bomb)
PYTHON
sed -i "s/\"length\": $packed/\"length\": $(stat -c %s "tree/deltas/$to/$empty.delta")/" "tree/deltas/$to.json"
pulled all 'a bomb'
expect_err 'a delta was of no use'

# What the publisher makes by itself: with it, without it, with every byte of it changed, invented.
rm -rf tree
expect_exit 0 causeway-gen -C repo publish --deltas 1
cp -r repo/tree tree
pulled less 'deltas as published'
for delta in "tree/deltas/$to"/*; do
    flip "$delta"
done
pulled all 'each of them is changed'
rm -r "tree/deltas/$to"
pulled all 'they are removed, and still listed'
rm -r tree/deltas
pulled all 'nothing is listed either'

# Through a compressed archive: the delta is between what two of them hold, and the site compresses that again, to the last byte.
mkdir gz
seq 200000 >gz/numbers
for k in 1 2; do
    python3 - "$k" <<'PYTHON'
import gzip, sys
text = open("gz/numbers").read().replace("777", "7" + sys.argv[1] + "7").encode()
with open("gz/app-%s.tgz" % sys.argv[1], "wb") as out, gzip.GzipFile("", "wb", 6, out, mtime=1) as packed:
    packed.write(text)
PYTHON
    cat >catalog.json <<JSON
{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "2.$k.0", "severity": "normal", "notes": "",
 "builds": [{"platform": "any", "files": [{"file": "gz/app-$k.tgz", "kind": "file"}]}]}]}]}
JSON
    { causeway-gen -C repo add catalog.json && causeway-gen -C repo promote gateway "2.$k.0" stable; } >release.out 2>&1 || cat release.out
    publisher_publish --deltas $((k - 1))
    [ "$k" = 2 ] || causeway-sync -q -C site pull repo/tree
done
rm -rf site-before tree
mv site site-before
cp -r repo/tree tree
to=$(hash_of gz/app-2.tgz)
cp -r site-before site
causeway-sync -q -C site pull repo/tree
rm -rf mirror-without
cp -r site/upstreams/acme/mirror mirror-without
expect 'the site made the archive anew' cmp gz/app-2.tgz "site/upstreams/acme/mirror/targets/gateway/2.2.0/$to.app-2.tgz"
pulled little 'a delta inside gzip'
expect 'a third of the archive travels' test "$carried" -lt "$(($(stat -c %s gz/app-2.tgz) / 3))"
for delta in "tree/deltas/$to"/*; do
    flip "$delta"
done
pulled all 'each delta to it is changed'

done_testing
