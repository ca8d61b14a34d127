#!/bin/sh
# SPDX-License-Identifier: ISC
# A tree published by causeway-gen, served by a plain web server, is accepted by tuf-js; a tampered one is not.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/interop/lib.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

need_tufjs

mkdir builds
head -c 100000 /dev/urandom >builds/gateway.bin
cat >builds/catalog.json <<'JSON'
{
  "format": "1.0",
  "products": [
    {
      "name": "gateway",
      "releases": [
        {
          "version": "1.0.0",
          "builds": [{ "platform": "linux-amd64", "files": [{ "file": "gateway.bin", "kind": "file" }] }]
        }
      ]
    }
  ]
}
JSON
expect_exit 0 causeway-gen init --insecure-plain-keys acme
expect_exit 0 causeway-gen -C acme add builds/catalog.json
expect_exit 0 causeway-gen -C acme promote gateway 1.0.0 stable
expect_exit 0 causeway-gen -C acme publish

server_start acme/tree
url=$(server_url '')
root=acme/tree/metadata/1.root.json

expect_exit 0 tufjs "$root" "$url" client gateway/1.0.0/gateway.bin gateway/1.0.0/release.json channels/stable/channel.json
expect_out '^gateway/1\.0\.0/gateway\.bin 100000$'
expect "the artifact is what was built" cmp builds/gateway.bin client/targets/gateway_1.0.0_gateway.bin

cp builds/gateway.bin builds/gateway2.bin
sed -i 's/"1\.0\.0"/"1.1.0"/; s/gateway\.bin/gateway2.bin/' builds/catalog.json
expect_exit 0 causeway-gen -C acme add builds/catalog.json
expect_exit 0 causeway-gen -C acme promote gateway 1.1.0 stable
expect_exit 0 causeway-gen -C acme publish
expect_exit 0 tufjs "$root" "$url" client gateway/1.1.0/gateway2.bin channels/stable/channel.json

artifact=$(find acme/tree/targets/gateway/1.0.0 -name '*gateway.bin')
printf X | dd of="$artifact" bs=1 seek=5000 conv=notrunc 2>/dev/null
expect_exit 1 tufjs "$root" "$url" fresh gateway/1.0.0/gateway.bin
expect_err 'hash'

timestamp=acme/tree/metadata/timestamp.json
sed 's/"version": 3/"version": 4/' "$timestamp" >changed && cp changed "$timestamp"
expect_exit 1 tufjs "$root" "$url" other gateway/1.1.0/gateway2.bin
expect_err '[Ss]ign'
server_stop

# A product whose targets lie in hash bins.
echo small >builds/small.bin
sed -i 's/"1\.1\.0"/"3.0.0"/; s/gateway2\.bin/small.bin/' builds/catalog.json
"$CW_SRCDIR/tests/bench/catalog.py" gateway 2 2000 >builds/large.jsonl
expect_exit 0 causeway-gen init --insecure-plain-keys large
expect_exit 0 causeway-gen -C large add -q --no-files builds/large.jsonl
expect_exit 0 causeway-gen -C large add builds/catalog.json
expect_exit 0 causeway-gen -C large promote gateway 3.0.0 stable
expect_exit 0 causeway-gen -C large publish
expect 'the product is split' test -e large/tree/metadata/1.gateway-fff.json
server_start large/tree
expect_exit 0 tufjs large/tree/metadata/1.root.json "$(server_url '')" bins gateway/3.0.0/small.bin gateway/3.0.0/release.json gateway/1.0.1/release.json
expect 'the artifact is what was built' cmp builds/small.bin bins/targets/gateway_3.0.0_small.bin

# One ceremony that replaces keys of root, targets and timestamp, and signs a release into those bins, all of it elsewhere.
mkdir away
for key in root-4 targets-4 timestamp-2; do
    expect_exit 0 causeway-gen -C large key new --insecure-plain-keys "$key"
done
mv large/keys/root-*.key large/keys/targets-*.key large/keys/product-gateway.key away/
expect_exit 0 causeway-gen -C large key rotate root root-1 root-4
expect_exit 0 causeway-gen -C large key rotate targets targets-1 targets-4
expect_exit 0 causeway-gen -C large key rotate timestamp timestamp timestamp-2
echo smaller >builds/smaller.bin
sed -i 's/"3\.0\.0"/"3.1.0"/; s/small\.bin/smaller.bin/' builds/catalog.json
expect_exit 0 causeway-gen -C large add builds/catalog.json
expect_exit 0 causeway-gen -C large promote gateway 3.1.0 stable
expect_exit 7 causeway-gen -C large publish
expect_exit 0 causeway-gen sign large/ceremony/to-sign --yes --key away/root-1.key --key away/root-2.key --key away/root-4.key \
    --key away/targets-1.key --key away/targets-2.key --key away/targets-4.key --key away/product-gateway.key
expect_exit 0 causeway-gen -C large publish
expect 'a bin was signed in it' test -n "$(find large/tree/metadata -name '2.gateway-???.json')"
expect_exit 0 tufjs large/tree/metadata/1.root.json "$(server_url '')" bins gateway/3.1.0/smaller.bin gateway/3.0.0/small.bin channels/stable/channel.json
expect 'a client that trusts the old keys takes what was built' cmp builds/smaller.bin bins/targets/gateway_3.1.0_smaller.bin
expect_exit 0 tufjs large/tree/metadata/1.root.json "$(server_url '')" first gateway/3.1.0/smaller.bin
expect_exit 0 tufjs large/tree/metadata/2.root.json "$(server_url '')" second gateway/3.1.0/release.json
server_stop

done_testing
