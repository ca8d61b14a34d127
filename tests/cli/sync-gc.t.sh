#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# What gc removes from an install root and a mirror, what it keeps, and that a site works on afterwards.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
make_site
for version in 1.0.0 1.1.0 1.2.0 1.3.0; do
    make_build gateway "$version"
    make_build "tool" 1.0.0
    ship tool 1.0.0 >/dev/null 2>&1
    ship gateway "$version"
    causeway-sync -q -C site update
done
expect 'four generations to begin with' test "$(generation)" = 4

# Everything that is there to be seen: file names, so that a file more or less shows.
files() {
    (cd "$1" && find . ! -name history.jsonl ! -name lock ! -name before ! -name after | sort)
}

files site >before
expect_exit 0 sync --dry-run gc
expect_out 'installed: generation generations/1 '
expect_out 'installed: generation generations/2 '
expect_out 'installed: release releases/gateway/1.0.0/any '
expect_out 'installed: release releases/gateway/1.1.0/any '
expect_out 'acme: target targets/gateway/1.0.0/[0-9a-f]{64}.gateway-1.0.0.tar '
expect_out 'acme: metadata metadata/[0-9]+.snapshot.json '
expect_out 'would be removed'
refute_out 'generations/[34]|gateway/1\.[23]|releases/tool|root.json|1.2.0.tar'
files site >after
expect 'a dry run changes nothing' cmp -s before after

expect_exit 0 sync gc
expect_out '[0-9]+ things .* removed'
expect 'two generations are left' test "$(ls plant/generations)" = "$(printf '3\n4')"
expect 'two versions of the product are left' test "$(ls plant/releases/gateway)" = "$(printf '1.2.0\n1.3.0')"
expect 'the other product is left' test "$(plant/current/tool/bin/tool)" = 'tool 1.0.0'
expect 'nothing temporary is left' test -z "$(find plant site -name '.tmp-*')"
expect 'data is left' test -d plant/data/gateway
expect 'what runs can be repaired from the mirror' test -n "$(find site/upstreams/acme/mirror/targets/gateway/1.2.0 -name '*.tar')"
expect 'old targets are gone' test ! -e site/upstreams/acme/mirror/targets/gateway/1.0.0
expect 'every root is left' test -e site/upstreams/acme/mirror/metadata/1.root.json
expect_exit 0 sync verify
expect_exit 0 sync gc
expect_out 'nothing to do'
expect_exit 0 sync log
expect_out 'gc .*removed='
expect_exit 0 sync rollback
expect 'the generation before runs' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.2.0'

# After a rollback what was left still has the highest number, which is never given again; a failed one keeps no release.
expect_exit 0 sync unhold --all
expect_exit 0 sync update
SELFTEST='exit 1' make_build gateway 1.4.0
ship gateway 1.4.0
expect_exit 9 sync update
highest=$(find plant/generations -mindepth 1 -maxdepth 1 | sed 's/.*\///' | sort -n | tail -n 1)
expect_exit 0 sync gc
expect_out 'release releases/gateway/1.4.0/any'
expect 'the highest number is kept' test -d "plant/generations/$highest"
make_build gateway 1.5.0
ship gateway 1.5.0
expect_exit 0 sync update
expect 'the next one is higher' test "$(generation)" -gt "$highest"

# More versions where site.lua says so; and nothing at all of a mirror that is not whole.
sed -i 's|^  install = |  keep = { versions = 50 },\n&|' site/site.lua
expect_exit 0 sync gc
refute_out 'generation generations/[0-9]+ .*1\.'
rm site/upstreams/acme/mirror/targets/gateway/1.5.0/*.tar
files site >before
expect_exit 7 sync gc
expect_err 'gateway-1.5.0.tar.*is missing from the mirror'
files site >after
expect 'nothing was removed' cmp -s before after
expect_exit 0 sync pull
expect_exit 0 sync gc

# A site that only mirrors, and one that has pulled nothing.
causeway-sync init --root repo/tree/metadata/1.root.json \
    --fingerprint "$(sha256sum repo/tree/metadata/1.root.json | cut -d' ' -f1)" --upstream acme --source "$TEST_DIR/repo/tree" mirror >init.log 2>&1
expect_exit 0 causeway-sync -C mirror gc
expect_out 'nothing to do'
causeway-sync -q -C mirror pull
# A delta that was made for an export goes with the file that it leads to.
delta() {
    to=$(basename "$1" | cut -c1-64)
    mkdir -p "mirror/upstreams/acme/mirror/deltas/$to"
    echo delta >"mirror/upstreams/acme/mirror/deltas/$to/$(printf %064d 1).delta"
    echo hint >"mirror/upstreams/acme/mirror/deltas/$to.json"
}
delta mirror/upstreams/acme/mirror/targets/gateway/1.5.0/*.tar
old_to=$to
make_build gateway 1.6.0
ship gateway 1.6.0
causeway-sync -q -C mirror pull
delta mirror/upstreams/acme/mirror/targets/gateway/1.6.0/*.tar
expect_exit 0 causeway-sync -C mirror --json gc
expect_out '"path": "targets/gateway/1.5.0/'
expect_out "\"path\": \"deltas/$old_to.json\""
expect 'deltas to what is gone are gone' test ! -e "mirror/upstreams/acme/mirror/deltas/$old_to" -a ! -e "mirror/upstreams/acme/mirror/deltas/$old_to.json"
expect 'deltas to what stays stay' test -e "mirror/upstreams/acme/mirror/deltas/$to/$(printf %064d 1).delta" -a -e "mirror/upstreams/acme/mirror/deltas/$to.json"
expect_exit 0 causeway-sync -C mirror verify

done_testing
