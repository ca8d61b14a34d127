#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# Making a site, and how its trust begins.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

publisher_init
publisher_release gateway 1.0.0
publisher_publish

expect_exit 2 causeway-sync init site --fingerprint "$fingerprint"
expect_err '--root is missing'
expect_exit 2 causeway-sync init site --root "$root"
expect_err '--fingerprint is missing: .*another way'
expect_exit 2 causeway-sync init site --root "$root" --fingerprint abc
expect_err "'abc' is no fingerprint"
expect_exit 3 causeway-sync init site --root "$root" --fingerprint "$(echo "$fingerprint" | tr '0-9a-f' '1-9a-f0')"
expect_err 'fingerprint differs'
expect 'no site was made' test ! -e site

# A root that its keys did not sign, whose fingerprint somebody was talked into.
sed 's/"sig": "[0-9a-f]\{4\}/"sig": "dead/' "$root" >unsigned.json
expect_exit 3 causeway-sync init site --root unsigned.json --fingerprint "$(sha256sum unsigned.json | cut -d' ' -f1)"
expect_err "'unsigned.json': "
expect 'no site was made' test ! -e site
expect_exit 3 causeway-sync init site --root repo/tree/metadata/timestamp.json \
    --fingerprint "$(sha256sum repo/tree/metadata/timestamp.json | cut -d' ' -f1)"

# As it is read from a carry sheet.
typed=$(echo "$fingerprint" | tr a-f A-F | sed 's/..../&: /g')
# A mistake in an option leaves nothing that the right command would stumble over.
expect_exit 1 causeway-sync init site --root "$root" --fingerprint "$typed" --upstream acme --source ftp://updates.example/
expect_err "'ftp://updates.example/'"
expect 'no site.lua is left of a wrong source' test ! -e site/site.lua
expect_exit 0 causeway-sync init site --root "$root" --fingerprint "$typed" --upstream acme --source "$PWD/repo/tree" \
    --source '/media/*/causeway' --source https://updates.example/ --product 'gate*' --platform linux-amd64 --install "$PWD/plant"
expect 'site.lua is there' test -s site/site.lua
expect 'policy.lua is there' test -s site/policy.lua
expect 'the root is as received' cmp -s "$root" site/upstreams/acme/trust/root.json
expect 'the root is kept under its version' cmp -s "$root" site/upstreams/acme/trust/roots/1.root.json
expect 'a pattern is removable' grep -q 'removable "/media/\*/causeway"' site/site.lua
expect_exit 0 causeway-sync -C site log
expect_out 'init.*acme'
# Who the site is: a key that stays, and that only its owner reads.
expect 'the identity is for its owner only' test "$(stat -c %a site/keys/identity.key)" = 600
expect_out 'identity .*keyid=[0-9a-f]{12}$'
site_id=$(sed -n 's/.*keyid=\([0-9a-f]*\).*/\1/p' "$out")
expect_exit 0 causeway-sync -C site status
expect_out "^identity +${site_id}[0-9a-f]{52}$"
cp -r site/keys keys
rm site/keys/identity.pub
expect_exit 0 causeway-sync init site --root "$root" --fingerprint "$fingerprint"
expect_out "fingerprint is $site_id"
expect 'the public half is made again from the secret one' diff -r site/keys keys
rm site/keys/identity.key
expect_exit 1 causeway-sync init site --root "$root" --fingerprint "$fingerprint"
expect_err "'keys/identity.key' is missing: put it back"
cp -p keys/identity.key site/keys/
rm -rf keys
expect_exit 0 causeway-sync -C site pull

# Again: nothing changes, and an existing site.lua is not touched.
site_state site >before
expect_exit 0 causeway-sync init site --root "$root" --fingerprint "$fingerprint"
expect_out 'trusted already'
site_state site >after
expect 'initialising again changes nothing' cmp -s before after
expect_exit 2 causeway-sync init site --root "$root" --fingerprint "$fingerprint" --channel candidate
expect_err 'has a site.lua already'
expect_exit 2 causeway-sync init site --root "$root" --fingerprint "$fingerprint" --upstream other
expect_err "no upstream 'other'"

# Starting over with another root keeps the memory; forgetting is logged.
# (Published at another time, so that its channel manifest has other bytes.)
mkdir other
(cd other && SOURCE_DATE_EPOCH=$(($(date +%s) - 60)) && export SOURCE_DATE_EPOCH && publisher_init && publisher_release gateway 1.0.0 && publisher_publish)
other_root=other/repo/tree/metadata/1.root.json
other_fingerprint=$(sha256sum "$other_root" | cut -d' ' -f1)
expect_exit 0 causeway-sync init site --root "$other_root" --fingerprint "$other_fingerprint"
expect_exit 3 causeway-sync -C site pull "$PWD/other/repo/tree"
expect_err 'serial 1'
expect_exit 0 causeway-sync init site --root "$other_root" --fingerprint "$other_fingerprint" --forget-trust
expect_exit 0 causeway-sync -C site pull "$PWD/other/repo/tree"
expect_exit 0 causeway-sync -C site log
expect_out 'forgot=yes'

# Mistakes in site.lua are told with their place.
mistake() {
    printf '%s\n' "$1" >site/site.lua
    expect_exit 1 causeway-sync -C site pull
    expect_err "$2"
}
mistake 'return 5' 'site.lua: it must return a table'
mistake 'return {' 'site.lua:'
mistake 'return { site = "s", upstream = {} }' "unknown.*'upstream'.*did you mean 'upstreams'"
mistake 'return { site = "s", upstreams = { acme = { chanel = "stable" } } }' 'upstreams.acme: .*chanel.*channel'
mistake 'return { site = "s", upstreams = { acme = { channel = "stable", sources = { "repo" } } } }' "source 'repo'"
mistake 'return { site = "s", upstreams = { acme = { channel = "stable", grace = { http = "soon" } } } }' 'upstreams.acme: grace: '
mistake 'return { site = "s", install = { root = "plant" } }' "install: root 'plant'"
mistake '-- upstreams = 1
return {
  site = "s", -- acme = {}
  upstreams = {
    other = { channel = "chanel = x" },
    ["acme"] = {
      --[[ chanel = 2
      ]]
      channel = "stable",
      chanel = "stable",
    },
  },
}' '^causeway-sync: site.lua:10: upstreams.acme: .*chanel'
mistake 'return {
  site = "s",
  upstreams = { acme = { channel = "stable",
    grace = {
      http = "soon" } } } }' '^causeway-sync: site.lua:4: upstreams.acme: grace: '
mistake 'local t = { site = "s" }
t["in" .. "stall"] = { root = 5 }
return t' '^causeway-sync: site.lua: install: '

done_testing
