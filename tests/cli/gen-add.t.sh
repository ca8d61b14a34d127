#!/bin/sh
# SPDX-License-Identifier: ISC
# causeway-gen add: each mistake of a catalog is reported with file, line and field, and nothing of it is taken in;
# versions never change; what is interrupted or repeated does no harm.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

causeway-gen init -q --insecure-plain-keys repo 2>"$err" || exit 1
mkdir out
echo one >out/one
echo two >out/two
echo '{}' >out/sbom.json
mkfifo out/pipe
printf 'bad \377 text' >out/latin
CAUSEWAY_REPO=repo
export CAUSEWAY_REPO

# Kills a command after a pause, and waits until it is really gone (timeout(1) would not).
killed_after() { # PAUSE CMD...
    killed_pause=$1
    shift
    "$@" >/dev/null 2>&1 &
    sleep "$killed_pause"
    kill -KILL "$!" 2>/dev/null
    wait "$!" 2>/dev/null
}

# --- the table of mistakes ----------------------------------------------------------------------------
# Each case: the catalog with one thing wrong in its third line, and what stderr must say.

head='{"format": "1.0", "products": ['
good='{"name": "gateway", "releases": [{"version": "1.0.0", "builds": [{"platform": "any", "files": [{"file": "out/one"}]}]}]}'

mistake() { # NAME LINE-3 FIELD WHAT
    printf '%s\n\n%s\n]}\n' "$head" "$2" >bad.json
    run causeway-gen add bad.json
    if [ "$code" -eq 3 ] && grep -Fq "bad.json:3: $3: " "$err" && grep -Eq "$4" "$err" && [ ! -e repo/staged/releases ]; then
        ok "mistake: $1"
    else
        not_ok "mistake: $1"
        diag "exit code: $code"
        diag "$(cat "$err")"
    fi
}

release() { # MEMBERS: a product with one release made of these
    printf '{"name": "gateway", "releases": [{%s}]}' "$1"
}
build() { # FILE-MEMBERS: a release with one build of one file
    release '"version": "1.0.0", "builds": [{"platform": "any", "files": [{'"$1"'}]}]'
}

p='products[0]'
r='products[0].releases[0]'
b='products[0].releases[0].builds[0]'
f='products[0].releases[0].builds[0].files[0]'
ok_builds='"builds": [{"platform": "any", "files": [{"file": "out/one"}]}]'

mistake 'product is no object' '7' "$p" 'is not an object'
mistake 'product without a name' '{"releases": []}' "$p.name" 'is missing'
mistake 'name is a number' '{"name": 7, "releases": []}' "$p.name" 'is not a string'
mistake 'reserved name' '{"name": "Targets", "releases": []}' "$p.name" 'Targets'
mistake 'name with a slash' '{"name": "a/b", "releases": []}' "$p.name" 'a/b'
mistake 'DOS device name' '{"name": "con", "releases": []}' "$p.name" 'con'
mistake 'name with a leading dot' '{"name": ".x", "releases": []}' "$p.name" '\.x'
mistake 'no releases' '{"name": "gateway"}' "$p.releases" 'is missing'
mistake 'empty releases' '{"name": "gateway", "releases": []}' "$p.releases" 'is empty'
mistake 'releases is an object' '{"name": "gateway", "releases": {}}' "$p.releases" 'is not an array'
mistake 'unknown field' '{"name": "gateway", "release": []}' "$p.release" "did you mean 'releases'"
mistake 'same product twice' "$good, $good" 'products[1].name' 'products\[0\] too'
mistake 'products that differ by case' "$good, $(echo "$good" | sed s/gateway/GATEWAY/)" 'products[1].name' 'by case only'
mistake 'a channel by that name' "$(echo "$good" | sed s/gateway/stable/)" "$p.name" 'name of a channel'
mistake 'no version' "$(release "$ok_builds")" "$r.version" 'is missing'
mistake 'version is not semantic' "$(release '"version": "1.0", '"$ok_builds")" "$r.version" '1\.0'
mistake 'version with build metadata' "$(release '"version": "1.0.0+x", '"$ok_builds")" "$r.version" '1\.0\.0\+x'
mistake 'unknown severity' "$(release '"version": "1.0.0", "severity": "urgent", '"$ok_builds")" "$r.severity" 'urgent'
mistake 'notes twice' "$(release '"version": "1.0.0", "notes": "x", "notes-file": "out/one", '"$ok_builds")" "$r.notes" 'keep one'
mistake 'missing notes file' "$(release '"version": "1.0.0", "notes-file": "no", '"$ok_builds")" "$r.notes-file" 'No such file'
mistake 'notes that are no text' "$(release '"version": "1.0.0", "notes-file": "out/latin", '"$ok_builds")" "$r.notes-file" 'UTF-8'
mistake 'notes that steer a terminal' "$(release '"version": "1.0.0", "notes": "\u001b[2J", '"$ok_builds")" "$r.notes" 'control'
mistake 'requires is a list' "$(release '"version": "1.0.0", "requires": [], '"$ok_builds")" "$r.requires" 'is not an object'
mistake 'requires a bad range' "$(release '"version": "1.0.0", "requires": {"plc": ">>1"}, '"$ok_builds")" "$r.requires.plc" '>>1'
mistake 'requires itself' "$(release '"version": "1.0.0", "requires": {"gateway": "*"}, '"$ok_builds")" "$r.requires.gateway" 'its own'
mistake 'feature is a number' "$(release '"version": "1.0.0", "features": [1], '"$ok_builds")" "$r.features[0]" 'is not a string'
mistake 'missing SBOM' "$(release '"version": "1.0.0", "sbom": "no.json", '"$ok_builds")" "$r.sbom" 'No such file'
mistake 'no builds' "$(release '"version": "1.0.0"')" "$r.builds" 'is missing'
mistake 'build without platform' "$(release '"version": "1.0.0", "builds": [{"files": [{"file": "out/one"}]}]')" "$b.platform" 'is missing'
mistake 'bad platform' "$(release '"version": "1.0.0", "builds": [{"platform": "a b", "files": [{"file": "out/one"}]}]')" "$b.platform" 'a b'
mistake 'no files' "$(release '"version": "1.0.0", "builds": [{"platform": "any"}]')" "$b.files" 'is missing'
mistake 'file without a path' "$(build '"kind": "file"')" "$f.file" 'is missing'
mistake 'missing file' "$(build '"file": "out/none"')" "$f.file" 'out/none.*No such file'
mistake 'a folder' "$(build '"file": "out"')" "$f.file" 'is not a regular file'
mistake 'a pipe' "$(build '"file": "out/pipe"')" "$f.file" 'is not a regular file'
mistake 'unknown kind' "$(build '"file": "out/one", "kind": "tarball"')" "$f.kind" 'tarball'
mistake 'name that is not portable' "$(build '"file": "out/one", "name": "a:b"')" "$f.name" 'a:b'
mistake 'name of the manifest' "$(build '"file": "out/one", "name": "Release.json"')" "$f" 'release manifest'
mistake 'sha256 that is none' "$(build '"file": "out/one", "sha256": "abc"')" "$f.sha256" '64'
mistake 'two files of one name' "$(release '"version": "1.0.0", "builds": [{"platform": "any", "files": [{"file": "out/one"}, {"file": "out/two", "name": "ONE"}]}]')" \
    "$b.files[1]" "is used by"
mistake 'same version twice' '{"name": "gateway", "releases": [{"version": "1.0.0", '"$ok_builds"'}, {"version": "1.0.0", '"$ok_builds"'}]}' \
    'products[0].releases[1].version' 'releases\[0\] too'

cat >many.json <<'END'
{"format": "2.0",
 "products": [{"name": "gateway", "releases": [{"version": "one",
  "builds": [{"platform": "any",
   "files": [{"file": "out/none"},
             {"file": "out/gone"}]}]}]}]}
END
expect_exit 3 causeway-gen add many.json
expect_err '^many.json:1: format: '
expect_err '^many.json:2: products\[0\].releases\[0\].version: '
expect_err '^many.json:4: .*files\[0\].file: '
expect_err '^many.json:5: .*files\[1\].file: '
expect_err '^causeway-gen: 4 mistakes; nothing was added$'

# --- files that are no catalogs -----------------------------------------------------------------------

malformed() { # NAME PATTERN, the catalog on standard input
    cat >bad.json
    run causeway-gen add bad.json
    expect "malformed: $1" test "$code" -eq 3
    expect_err "$2"
}
malformed 'not JSON' '^bad.json:2: ' <<'END'
{"format": "1.0",
 "products" []}
END
malformed 'duplicate key' '^bad.json:2: .*duplicate' <<'END'
{"format": "1.0",
 "format": "1.0"}
END
printf '{"format": "1.0",\n "products": "\377"}' >input
malformed 'not UTF-8' '^bad.json:2: .*decode byte' <input
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "["; }' </dev/null >input
malformed 'deep nesting' 'nested' <input
malformed 'a fraction' 'integer' <<'END'
{"format": 1.5}
END
malformed 'nothing at all' '^bad.json' </dev/null
malformed 'an array' 'is not an object' <<'END'
[]
END
head -c 1100000 /dev/zero | tr '\0' ' ' >input
malformed 'oversized' 'larger than a catalog may be' <input
expect_exit 1 causeway-gen add none.json
expect_err "unable to open 'none.json'"
expect_exit 2 causeway-gen add

# --- taking in ----------------------------------------------------------------------------------------

cat >catalog.json <<'END'
{"format": "1.0", "products": [
 {"name": "gateway", "releases": [
  {"version": "1.0.0", "severity": "high", "notes": "first", "requires": {"plc": ">=1.0.0"}, "features": ["x"],
   "sbom": "out/sbom.json",
   "builds": [{"platform": "linux-amd64", "files": [{"file": "out/one", "kind": "archive", "name": "gateway.tar"}]}]}]}]}
END
one=$(sha256sum <out/one | cut -d' ' -f1)
expect_exit 0 causeway-gen add --dry-run catalog.json
expect_out 'gateway 1.0.0: would be staged'
expect 'a dry run changes nothing' test ! -e repo/staged -a ! -e repo/tree/targets
expect_exit 0 causeway-gen add --json catalog.json
expect_out '"state": "new"'
expect_out '"product-gateway"'
expect 'the file lies under its content'\''s name' cmp out/one "repo/tree/targets/gateway/1.0.0/$one.gateway.tar"
expect 'the release is staged' test -f repo/staged/releases/gateway@1.0.0.json
expect 'the build key is made' test -f repo/keys/product-gateway.key
key=$(cat repo/keys/product-gateway.key)
expect_exit 0 causeway-gen add catalog.json
expect_out 'nothing to do'

sed 's/linux-amd64/linux-arm64/; s/gateway\.tar/gateway-arm.tar/; s,out/one,out/two,' catalog.json >arm.json
expect_exit 0 causeway-gen add arm.json
expect_out 'gateway 1.0.0: extended, 2 artifacts'
expect 'the key stayed' test "$key" = "$(cat repo/keys/product-gateway.key)"
sed 's/"high"/"low"/' catalog.json >other.json
expect_exit 3 causeway-gen add other.json
expect_err '^other.json:3: .*severity: differs from what is staged'
expect_err "remove 'staged/releases/gateway@1.0.0.json'"
sed 's/"name": "gateway"/"name": "Gateway"/' catalog.json >other.json
expect_exit 3 causeway-gen add other.json
expect_err "differs by case only from the product 'gateway'"

echo ONE >out/one
expect_exit 3 causeway-gen add catalog.json
expect_err 'is staged already, and a version never changes.*sha256 differs'
echo 'one, longer' >out/one
expect_exit 3 causeway-gen add catalog.json
expect_err '^catalog.json:5: .*other bytes than what is staged'
expect 'the stored file is as it was' test "$(sha256sum <"repo/tree/targets/gateway/1.0.0/$one.gateway.tar" | cut -d' ' -f1)" = "$one"
echo one >out/one

causeway-gen publish -q || not_ok 'publish'
expect_exit 0 causeway-gen add catalog.json
expect_out 'nothing to do'
echo ONE >out/one
expect_exit 3 causeway-gen add catalog.json
expect_err 'is published already, and a version never changes.*sha256 differs'
echo one >out/one
sed 's/linux-amd64/linux-mips/; s/gateway\.tar/gateway-mips.tar/' catalog.json >mips.json
expect_exit 3 causeway-gen add mips.json
expect_err "is published without 'gateway-mips.tar'; a version never changes"

printf '%s\n' "$head" '{"name": "sum", "releases": [{"version": "1.0.0", "builds": [{"platform": "any", "files": [' \
    "{\"file\": \"out/one\", \"sha256\": \"$(sha256sum <out/two | cut -d' ' -f1)\"}]}]}]}]}" >sum.json
expect_exit 3 causeway-gen add sum.json
expect_err "^causeway-gen: sum.json:3: sum 1.0.0: 'out/one': sha256 differs: expected"
expect 'a wrong sum stages nothing' test ! -e repo/staged/releases/sum@1.0.0.json
expect 'and leaves no temporary file' test -z "$(find repo -name '.tmp-*')"

# Files are read side by side; what is said of them does not depend on which is done first.
head -c 20000000 /dev/zero >out/slow
mkdir out/few
seq 100 | split -d -a 3 -l 1 - out/few/
other=$(sha256sum <out/two | cut -d' ' -f1)
printf '%s\n' "$head" '{"name": "sum", "releases": [{"version": "1.0.0", "builds": [{"platform": "any", "files": [' \
    "{\"file\": \"out/few/000\"}, " "{\"file\": \"out/slow\", \"sha256\": \"$other\"}, " \
    "$(seq -w 1 98 | sed 's,.*,{"file": "out/few/0&"},')" "{\"file\": \"out/few/099\", \"sha256\": \"$other\"}]}]}]}]}" |
    sed 's,"}$,"}\,,' >many-sums.json
expect_exit 3 causeway-gen add many-sums.json
expect_err "^causeway-gen: many-sums.json:4: sum 1.0.0: 'out/slow': sha256 differs: expected"
expect 'of two wrong sums the first is told, and nothing is left' test -z "$(find repo -name '.tmp-*')" -a ! -e repo/staged/releases/sum@1.0.0.json
expect_exit 3 causeway-gen add --dry-run many-sums.json
expect_err "^causeway-gen: many-sums.json:4: sum 1.0.0: 'out/slow': sha256 differs: expected"

# --- interrupted --------------------------------------------------------------------------------------

mkdir -p repo/tree/targets/sum/1.0.0
echo half >repo/tree/targets/sum/1.0.0/.tmp-0123456789abcdef
mkdir -p repo/staged
echo '["targets/sum/1.0.0"]' >repo/staged/writing.json
sed "s/, \"sha256\": \"[0-9a-f]*\"//" sum.json >sum2.json
expect_exit 0 causeway-gen add sum2.json
expect 'what a killed add left is swept' test -z "$(find repo -name '.tmp-*')" -a ! -e repo/staged/writing.json
rm repo/staged/releases/sum@1.0.0.json
expect_exit 0 causeway-gen add sum2.json
expect 'a file that is there already is taken' test -f repo/staged/releases/sum@1.0.0.json

head -c 50000000 /dev/zero >out/big
printf '%s\n' "$head" '{"name": "big", "releases": [{"version": "1.0.0", "builds": [{"platform": "any", "files": [' \
    '{"file": "out/big"}]}]}]}]}' >big.json
background sh -c 'while :; do touch out/big; done'
for _ in 1 2 3 4 5 6 7 8 9 10; do # on a busy machine it may be read between two of them
    run causeway-gen add big.json
    [ "$code" -eq 0 ] || break
    rm repo/staged/releases/big@1.0.0.json
done
kill "$!"
expect 'a file that changes while it is read is refused' test "$code" -eq 3
expect_err "'out/big' changed while it was read"
expect 'it is not staged' test ! -e repo/staged/releases/big@1.0.0.json
for pause in 0.002 0.005 0.01 0.02 0.05 0.1; do
    killed_after "$pause" causeway-gen add -q big.json
done
expect_exit 0 causeway-gen add big.json
expect 'killed ones left nothing' test -z "$(find repo -name '.tmp-*')" -a ! -e repo/staged/writing.json

# More files than a process may have open.
mkdir out/many
seq 1100 | split -d -a 4 -l 1 - out/many/
files=
for file in out/many/*; do files="$files,{\"file\": \"$file\"}"; done
printf '%s\n' "$head" '{"name": "many", "releases": [{"version": "1.0.0", "builds": [{"platform": "any", "files": [' \
    "${files#,}" ']}]}]}]}' >many.json
# shellcheck disable=SC3045 # every shell here has it
expect_exit 0 sh -c 'ulimit -n 1024; exec causeway-gen add many.json'

if command -v flock >/dev/null; then
    flock --no-fork repo/lock sleep 30 &
    holder=$!
    sleep 0.3
    expect_exit 5 causeway-gen add sum2.json
    kill "$holder"
    wait "$holder" 2>/dev/null
else
    skip 'a second writer is told to wait' 'no flock'
fi

done_testing
