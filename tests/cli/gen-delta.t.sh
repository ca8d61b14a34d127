#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that expect_exit calls
# What causeway-gen makes of deltas: from the releases before, only where they are worth it, never twice, and never in the way of a
# publish; what gc and verify say of them.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

gen() {
    causeway-gen -C repo "$@"
}
day() {
    SOURCE_DATE_EPOCH=$((SOURCE_DATE_EPOCH + $1 * 86400))
}

# release VERSION: numbers that change a little, some that change wholly, and a file that is too small.
awk 'BEGIN { srand(7); for (i = 0; i < 45000; i++) printf "%d\n", rand() * 1e9 }' >numbers
release() {
    mkdir "build-$1"
    sed "s/^1\\(..\\)7/$1 \\1/" numbers >"build-$1/numbers-$1.txt"
    awk -v seed="${1#1.}7" 'BEGIN { srand(seed); for (i = 0; i < 30000; i++) printf "%d\n", rand() * 1e9 }' >"build-$1/other.txt"
    echo "$1" >"build-$1/small.txt"
    cat >catalog.json <<JSON
{"format": "1.0", "products": [{"name": "app", "releases": [{"version": "$1.0", "builds": [{"platform": "any", "files": [
 {"file": "build-$1/numbers-$1.txt"}, {"file": "build-$1/other.txt"}, {"file": "build-$1/small.txt"}]}]}]}]}
JSON
    gen add -q catalog.json && gen promote -q app "$1.0" stable
}

# Sound but for what expired meanwhile: the publisher's days are before the clock of this test.
sound() {
    causeway-gen verify "$1" >"$out" 2>"$err"
    ! grep -E '^(bad|missing):' "$out" | grep -v 'expired at'
}

hash_of() {
    sha256sum <"$1" | cut -d ' ' -f 1
}

# froms VERSION: from which versions there are deltas to numbers.txt of this one.
froms() {
    for from in 1.0 1.1 1.2 1.3 1.4; do
        [ ! -e "build-$from" ] || [ ! -e "repo/tree/deltas/$(hash_of "build-$1/numbers-$1.txt")/$(hash_of "build-$from/numbers-$from.txt").delta" ] ||
            printf '%s ' "$from"
    done
}

SOURCE_DATE_EPOCH=$(($(date +%s) - 109 * 86400))
export SOURCE_DATE_EPOCH
expect_exit 2 causeway-gen init none --deltas 65 --insecure-plain-keys
expect_err "'--deltas' takes 0 to 64, not 65"
publisher_init --deltas 2
expect 'the configuration says from how many' grep -q '"deltas": 2' repo/causeway.json
expect_exit 0 release 1.0
expect_exit 0 gen publish
expect_out '^deltas: 2 made'

# --- a release after it --------------------------------------------------------------------------------

day 1
expect_exit 0 release 1.1
cp -r repo before
expect_exit 0 gen status
expect_out '^deltas: 4 would be tried, 0 are there$'
expect_exit 0 gen publish --dry-run
expect_out '^deltas: 4 would be tried, 0 are there$'
expect 'a dry run makes none' diff -r repo before
expect_exit 0 gen publish --json
cp "$out" report.json
expect 'there is one to the numbers' test "$(froms 1.1)" = '1.0 '
expect 'no other is worth it' test "$(grep -c '"outcome": "useless"' report.json)" -eq 1
expect 'two files are compressed' test "$(grep -c '"outcome": "made"' report.json)" -eq 3
expect 'nothing is made for small files' test "$(grep -c small.txt report.json)" -eq 0
expect 'the tree is sound' sound repo/tree
expect_out ' 0 orphans'

# What is there already is no work, by either count.
gen promote app 1.1.0 candidate >promote.out
expect_exit 0 gen status
expect_out '^deltas: 0 would be tried, 2 are there$'
expect_exit 0 gen publish --dry-run
expect_out '^deltas: 0 would be tried, 2 are there$'
rm -r repo/staged/channels

# --- and more -------------------------------------------------------------------------------------------

for version in 1.2 1.3; do
    day 1
    release "$version"
    expect_exit 0 gen publish
done
expect 'as many releases back as configured' test "$(froms 1.3)" = '1.1 1.2 '
expect_exit 0 gen publish --deltas 3
expect_out '^deltas: 1 made .*, 4 were there, 3 save too little'
expect_out 'nothing to publish'
expect 'the option overrides that, and works afterwards' test "$(froms 1.3)" = '1.0 1.1 1.2 '
find repo/tree/deltas -type f | sort | xargs ls -i >inodes
expect_exit 0 gen publish --deltas 3
find repo/tree/deltas -type f | sort | xargs ls -i >inodes.again
expect 'nothing is made twice' cmp inodes inodes.again

# --- compressed archives --------------------------------------------------------------------------------

day 1
packed_release() {
    mkdir "packed-$1"
    python3 - "$1" "packed-$1" <<'PYTHON'
import gzip, lzma, sys
text = open("numbers").read().replace("77", "7" + sys.argv[1] + "7").encode()
with open(sys.argv[2] + "/app.tar.gz", "wb") as out, gzip.GzipFile("app.tar", "wb", 6, out, mtime=1) as packed:
    packed.write(text)
open(sys.argv[2] + "/app.tar.xz", "wb").write(lzma.compress(text * 2, preset=0))
# What no zlib makes: an empty block in the middle.
import struct, zlib
packer = zlib.compressobj(6, zlib.DEFLATED, -15)
body = packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH) + packer.compress(text) + packer.flush()
head = bytes([31, 139, 8, 0, 0, 0, 0, 0, 0, 3])
open(sys.argv[2] + "/other.tgz", "wb").write(head + body + struct.pack("<2I", zlib.crc32(text * 2), 2 * len(text)))
PYTHON
    cat >catalog.json <<JSON
{"format": "1.0", "products": [{"name": "packed", "releases": [{"version": "$1.0.0", "builds": [{"platform": "any", "files": [
 {"file": "packed-$1/app.tar.gz", "kind": "file"}, {"file": "packed-$1/app.tar.xz", "kind": "file"}, {"file": "packed-$1/other.tgz", "kind": "file"}]}]}]}]}
JSON
    gen add -q catalog.json && gen promote -q packed "$1.0.0" stable
}
# 256 KiB are needed to get a delta: three times the numbers.
cat numbers numbers numbers >three-times && mv three-times numbers
expect_exit 0 packed_release 1
expect_exit 0 gen publish
expect_exit 0 packed_release 2
expect_exit 0 gen publish --dry-run
expect_out '^no deltas to app.tar.xz: it is compressed with xz, which hides what changed'
expect_out '^no deltas to other.tgz: it is compressed with gzip, but not in a way that zlib can repeat'
refute_out 'no deltas to app.tar.gz'
expect_exit 0 gen publish
expect_out '^no deltas to app.tar.xz'
to=$(hash_of packed-2/app.tar.gz)
from=$(hash_of packed-1/app.tar.gz)
expect 'a delta sees through gzip' test "$(stat -c %s "repo/tree/deltas/$to/$from.delta")" -lt "$(($(stat -c %s packed-2/app.tar.gz) / 3))"

# --- they are in nobody's way ----------------------------------------------------------------------------

day 1
release 1.4
mv repo/tree/deltas deltas
: >repo/tree/deltas
expect_exit 0 gen publish
expect_err 'warning: not all deltas were made'
expect_out 'published at'
rm repo/tree/deltas
mv deltas repo/tree/deltas
expect 'there are none' test -z "$(froms 1.4)"
expect_exit 0 gen publish --deltas 2
expect 'now there are' test "$(froms 1.4)" = '1.2 1.3 '

# --- verify ------------------------------------------------------------------------------------------------

cp -r repo/tree tree
to=$(hash_of build-1.4/numbers-1.4.txt)
from=$(hash_of build-1.3/numbers-1.3.txt)
printf x >>"tree/deltas/$to/$from.delta"
expect 'the tree is sound' sound tree
expect_out "orphan: deltas/$to/$from.delta: is no whole delta"
expect_out "orphan: deltas/$to/$from.delta: is not as long as its list says"
rm "tree/deltas/$to/$from.delta"
expect 'the tree is sound' sound tree
expect_out "orphan: deltas/$to/$from.delta: is listed, and not there"
echo '[]' >"tree/deltas/$to.json"
expect 'the tree is sound' sound tree
expect_out "orphan: deltas/$to.json: is no list of deltas"
expect_out 'no list names it'
rm -rf tree/deltas
expect 'the tree is sound' sound tree

# --- gc ------------------------------------------------------------------------------------------------------

day 30
expect_exit 0 gen publish --renew-within 9y
expect_exit 0 gen gc --keep-serials 2 --keep-for 0s
day 30
expect_exit 0 gen publish --renew-within 9y
expect_exit 0 gen gc --keep-serials 2 --keep-for 0s
gone=$(hash_of build-1.2/numbers-1.2.txt)
expect_out "tree/deltas/$gone.json, .*: leads to a file that is not kept"
expect 'deltas go with the file that they lead to' test ! -e "repo/tree/deltas/$gone" -a ! -e "repo/tree/deltas/$gone.json"
expect 'and not with the one that they start from' test "$(froms 1.4)" = '1.2 1.3 '
expect 'the tree is sound' sound repo/tree
expect_out ' 0 orphans'

done_testing
