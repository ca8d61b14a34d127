#!/bin/sh
# SPDX-License-Identifier: ISC
# A product that outgrows its role: split into hash bins once, added to, renewed, checked; and a site that takes from it, by web and by stick.
# JSON Lines catalogs, and files whose hashes alone are known.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

lines() {
    "$CW_SRCDIR/tests/bench/catalog.py" "$@"
}

roles() {
    find repo/tree/metadata -name "*.$1-???.json" | wc -l
}

publisher_init

# --- JSON Lines ------------------------------------------------------------------------------------------

mkdir out
echo a >out/a.bin
echo b >out/b.bin
cat >two.catalog <<'L'
{"product": "gateway", "version": "0.1.0", "notes": "first \"one\"", "builds": [{"platform": "any", "files": [{"file": "out/a.bin", "length": 2}]}]}

{"product": "gateway", "version": "0.2.0", "requires": {}, "builds": [{"platform": "any", "files": [{"file": "out/b.bin"}]}]}
L
expect_exit 0 causeway-gen -C repo add two.catalog
expect_out '^gateway 0\.2\.0: staged, 1 artifact$'
expect_exit 0 causeway-gen -C repo add two.catalog
expect_out '^nothing to do$'
cat >bad.jsonl <<'L'
{"product": "gateway", "version": "0.3.0", "builds": [{"platform": "any", "files": [{"file": "out/a.bin"}]}]}
{"product": "gateway", "version": "0.3", "builds": [{"platform": "any", "files": [{"file": "out/none.bin"}]}]}
{"product": "gateway", "version": "0.3.0", "builds": [{"platform": "any", "files": [{"file": "out/b.bin", "length": 3}]}]}
{"product": "gateway", "version": "0.4.0"
{"product": "gateway", "version": "0.3.0", "builds": [{"platform": "any", "files": [{"file": "out/b.bin"}]}]}
L
expect_exit 3 causeway-gen -C repo add bad.jsonl
expect_err "^bad\.jsonl:2: version: "
expect_err "^bad\.jsonl:2: builds\[0\]\.files\[0\]\.file: unable to find 'out/none\.bin'"
expect_err "^bad\.jsonl:3: builds\[0\]\.files\[0\]\.length: the file has 2 bytes$"
expect_err "^bad\.jsonl:4: "
expect_err "^bad\.jsonl:5: version: version '0\.3\.0' is in line 1 too$"
expect 'nothing of it is staged' test ! -e repo/staged/releases/gateway@0.3.0.json -a ! -e repo/staged/.tmp-incoming
rm -r repo/staged/releases

# --- hashes alone ----------------------------------------------------------------------------------------

lines gateway 1 3 >known.jsonl
expect_exit 3 causeway-gen -C repo add known.jsonl
expect_err '^known\.jsonl:1: builds\[0\]\.files\[0\]\.file: is missing$'
expect_exit 0 causeway-gen -C repo add --no-files known.jsonl
expect_out '^gateway 1\.0\.0: staged, 3 artifacts$'
sed 's/"length": 1000/"length": 1001/' known.jsonl >other.jsonl
expect_exit 3 causeway-gen -C repo add --no-files other.jsonl
expect_err "other\.jsonl:1: .*'part-00000\.bin' has other bytes than what is staged as gateway 1\.0\.0"
expect_exit 3 causeway-gen -C repo add --no-files two.catalog
expect_err 'two\.catalog:1: builds\[0\]\.files\[0\]\.sha256: is missing'
sed 's/part-00001/part-00000/' known.jsonl >twice.jsonl
expect_exit 3 causeway-gen -C repo add --no-files twice.jsonl
expect_err "^twice\.jsonl:1: builds\[0\]\.files\[1\]: the name 'part-00000\.bin' is used by"
expect_exit 0 causeway-gen -C repo publish
expect_exit 7 causeway-gen -C repo verify
expect_out '^missing: targets/gateway/1\.0\.0/[0-9a-f]*\.part-00002\.bin: is missing$'
expect_exit 0 causeway-gen -C repo add --no-files known.jsonl
expect_out '^nothing to do$'
expect_exit 3 causeway-gen -C repo add --no-files other.jsonl
expect_err 'than what is published as gateway 1\.0\.0'
# The same document by the two ways of writing one.
python3 - known.jsonl <<'PY' >known.json
import json, sys
line = json.loads(open(sys.argv[1]).read())
product = line.pop("product")
line["version"] = "1.0.0"
print(json.dumps({"format": "1.0", "products": [{"name": product, "releases": [line]}]}))
PY
expect_exit 0 causeway-gen -C repo add --no-files known.json
expect_out '^nothing to do$'

# --- a product is split ----------------------------------------------------------------------------------

rm -rf repo
publisher_init
publisher_release gateway 0.9.0 2000
publisher_publish
expect 'one file as long as it is small' test "$(roles gateway)" = 0
lines gateway 4 3500 >large.jsonl
expect_exit 0 causeway-gen -C repo add -q --no-files large.jsonl
expect_exit 0 causeway-gen -C repo status
expect_out '4 releases|gateway 1\.0\.3'
publisher_release gateway 2.0.0 3000

# Killed at some moment: the tree is the old one, maybe with bins that nobody asks for, or the new one; and publishing again completes it.
for delay in 0.02 0.1 0.3; do
    rm -rf killed
    cp -a repo killed
    timeout -s KILL "$delay" causeway-gen -C killed publish >killed.out 2>&1
    causeway-gen -C killed verify >killed.out 2>&1
    expect "killed after $delay s, nothing is bad" grep -q ': 0 bad, ' killed.out
done
expect_exit 0 causeway-gen -C killed publish
causeway-gen -C killed verify >killed.out 2>&1
expect 'publishing again completes it' grep -q ': 0 bad, 14000 missing, 0 orphans$' killed.out
expect 'and cleans up' test -z "$(find killed -name '.tmp-*')"
rm -rf killed

publisher_publish
expect 'now there are 4096 bins' test "$(roles gateway)" = 4096
expect 'the snapshot stays under 1 MB' test "$(stat -c %s repo/tree/metadata/3.snapshot.json)" -lt 1000000
expect 'nothing is staged any more' test -z "$(find repo/staged -type f)"
expect 'nothing temporary is left' test -z "$(find repo -name '.tmp-*')"
causeway-gen -C repo verify >verify.out 2>&1
expect 'only the files that come by other means are missing' test "$(grep -c '^missing' verify.out)" = 14000
expect 'and nothing is bad' grep -q ': 0 bad, 14000 missing, 0 orphans$' verify.out

find repo/tree -type f | sort >before
publisher_release gateway 2.1.0 4000
publisher_publish
find repo/tree -type f | sort >after
comm -13 before after >new
expect 'one more build writes the bins of its three files' test "$(grep -c '/metadata/2\.gateway-...\.json$' new)" = 3
grep -v '/metadata/2\.gateway-...\.json$\|/targets/' new >rest
printf '%s\n' repo/tree/metadata/3.stable.json repo/tree/metadata/4.snapshot.json >expected
sed 's/[0-9]*\.stable/N.stable/; s/[0-9]*\.snapshot/N.snapshot/' rest | sort >rest.names
sed 's/[0-9]*\.stable/N.stable/; s/[0-9]*\.snapshot/N.snapshot/' expected | sort >expected.names
expect 'and snapshot, channel and timestamp, nothing else' cmp rest.names expected.names

expect_exit 0 causeway-gen -C repo add --no-files large.jsonl
expect_out '^nothing to do$'
sed '3s/"length": 1037/"length": 1038/' large.jsonl >changed.jsonl
expect_exit 3 causeway-gen -C repo add --no-files changed.jsonl
expect_err 'changed\.jsonl:3: .*than what is published as gateway 1\.0\.2'
lines gateway-0aF 1 2 >clash.jsonl
expect_exit 3 causeway-gen -C repo add --no-files clash.jsonl
expect_err "^clash\.jsonl:1: product: 'gateway-0aF' is the name of a hash bin of another product"

# A staged version that is published with other content is refused, also in a bin.
cp "$(find repo/tree/targets/gateway/1.0.1 -name '*.release.json')" manifest.json
sed 's/"length": 1037/"length": 1038/' manifest.json >repo/staged/releases/gateway@1.0.1@elsewhere.json
expect_exit 3 causeway-gen -C repo publish
expect_err 'gateway@1\.0\.1: is published with other content'
# And one that is the same, as a killed publish leaves it, is forgotten.
cp manifest.json repo/staged/releases/gateway@1.0.1@elsewhere.json
expect_exit 0 causeway-gen -C repo publish
expect_out '^nothing to publish$'
expect 'what was published is staged no more' test ! -e repo/staged/releases/gateway@1.0.1@elsewhere.json

# --- a site -------------------------------------------------------------------------------------------------

server_start repo/tree
root=repo/tree/metadata/1.root.json
site_init site --source "$(server_url '')"
expect_exit 0 causeway-sync -C site pull
expect 'the site takes the bins that it needs' test "$(find site/upstreams/acme/mirror/metadata -name '*.gateway-???.json' | wc -l)" = 3
expect_exit 0 causeway-sync -C site verify
expect_exit 0 causeway-sync -C site export stick
server_stop
site_init other
expect_exit 0 causeway-sync -C other pull stick
expect 'and so does one that is given a stick' test "$(find other/upstreams/acme/mirror/metadata -name '*.gateway-???.json' | wc -l)" = 3
flip "$(find stick/metadata -name '*.gateway-???.json' | head -n 1)"
site_init third
expect_exit 3 causeway-sync -C third pull stick
bin=$(find repo/tree/metadata -name '2.gateway-???.json' | head -n 1)
cp "$bin" whole
flip "$bin"
expect_exit 3 causeway-gen -C repo verify -q
cp whole "$bin"

# --- renewal --------------------------------------------------------------------------------------------------

expect_exit 0 causeway-gen -C repo publish --renew-within 9y
expect_out '^.*gateway: 4096 bins'
expect 'every bin has a new version' test "$(find repo/tree/metadata -name '2.gateway-???.json' | wc -l)" = 4096
causeway-gen -C repo verify >verify.out 2>&1
expect 'and all hold' grep -q ': 0 bad, 14000 missing, 0 orphans$' verify.out
server_start repo/tree
expect_exit 0 causeway-sync -C site pull "$(server_url '')"
server_stop

# --- two publishers at once -----------------------------------------------------------------------------------

exec 9>>repo/lock
flock 9
expect_exit 5 causeway-gen -C repo publish
expect_err "'lock' is locked by another run"
expect_exit 5 causeway-gen -C repo add --no-files known.jsonl
exec 9>&-
expect_exit 0 causeway-gen -C repo publish

done_testing
