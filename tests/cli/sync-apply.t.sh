#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# Installing, upgrading, adding and dropping products; plans that were named; what was tampered with; work that was interrupted.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
make_build gateway 1.0.0
expect 'a release is published' ship gateway 1.0.0
make_site

expect_exit 1 sync plan
expect_err 'nothing was pulled yet'
expect_exit 0 sync pull
expect_exit 0 sync plan
expect_out 'gateway .*\(new\) -> 1\.0\.0'
expect_out "check: $TEST_DIR/plant/current/gateway/bin/selftest"
expect_exit 0 sync --json plan
expect 'plan --json is one document with an id' grep -q '"id": *"[0-9a-f]\{64\}"' "$out"
id=$(sed -n 's/.*"id": *"\([0-9a-f]\{64\}\)".*/\1/p' "$out")
expect 'the plan is among the plans' test -f "site/plans/$id.json"
expect 'a plan changes nothing' test ! -e plant

expect_exit 0 sync apply --dry-run
expect 'nor does a dry run' test ! -e plant
expect_exit 2 sync apply xyz
expect_exit 1 sync apply 00000000
expect_err 'there is no plan 00000000'
expect_exit 0 sync apply "$(printf %.8s "$id")"
expect_out 'generation 1 runs'
expect 'generation 1 is current' test "$(generation)" = 1
expect 'the installed tool runs' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.0.0'
expect 'releases are read-only' test -z "$(find plant/releases/gateway/1.0.0/any -perm /222)"
expect 'no temporary file is left' test -z "$(find plant site -name '.tmp-*')"
expect 'the journal is closed' test ! -e site/journal.json
expect 'data/gateway is there' test -d plant/data/gateway
expect_exit 0 sync apply "$id"
expect_out 'nothing to do'
expect_exit 0 sync apply
expect_out 'nothing to do'

# An upgrade, and a second product.
sync plan >/dev/null
make_build gateway 1.1.0
make_build plc 3.0.0
expect 'an upgrade is published' ship gateway 1.1.0
sync -q pull
sync --json plan >plan.json
old=$(sed -n 's/.*"id": *"\([0-9a-f]\{64\}\)".*/\1/p' plan.json)
expect 'a second product is published' ship plc 3.0.0
sync -q pull
expect_exit 1 sync apply "$old"
expect_err 'the world changed since plan'
expect 'nothing was applied' test "$(generation)" = 1
expect_exit 0 sync apply
expect_out 'gateway .*1\.0\.0 -> 1\.1\.0'
expect 'generation 2 is current' test "$(generation)" = 2
expect 'both products run' test "$(plant/current/gateway/bin/tool), $(plant/current/plc/bin/tool)" = 'gateway 1.1.0, plc 3.0.0'
expect 'the generation before is still whole' test "$(plant/generations/1/gateway/bin/tool)" = 'gateway 1.0.0'
expect 'mirror and install root share no inode' test -z "$(find site plant -type f -links +1)"

# A plain file beside; one byte of it is changed in the mirror after it was verified.
echo 'setpoint = 7' >out/table.cfg
expect 'a plain file is published' ship tables 1.0.0 out/table.cfg file
sync -q pull
printf 'function decide() return accept "all" end\n' >site/policy.lua
victim=$(find site/upstreams/acme/mirror/targets/tables -name '*.table.cfg')
chmod u+w "$victim"
printf 'S' | dd of="$victim" bs=1 count=1 conv=notrunc 2>/dev/null
expect_exit 3 sync apply
expect_err 'tables/1\.0\.0/table\.cfg.*sha256'
expect 'generation 2 still runs' test "$(generation)" = 2
expect 'nothing of it is left' test -z "$(find plant -name '.tmp-*')$(ls plant/releases/tables/1.0.0 2>/dev/null)"
expect_exit 0 plant/current/gateway/bin/tool
printf 's' | dd of="$victim" bs=1 count=1 conv=notrunc 2>/dev/null
expect_exit 0 sync apply
expect 'the file is installed' cmp plant/current/tables/table.cfg out/table.cfg

# The same in an archive's content, which the archive's own reader would not notice.
make_build gateway 1.1.1
ship gateway 1.1.1
sync -q pull
before=$(generation)
victim=$(find site/upstreams/acme/mirror/targets/gateway/1.1.1 -name '*.tar')
chmod u+w "$victim"
sed -i 's/echo gateway 1\.1\.1/echo gateway 6.6.6/' "$victim"
expect_exit 3 sync apply
expect_err 'gateway/1\.1\.1/gateway-1\.1\.1\.tar.*sha256'
expect 'the generation before still runs' test "$(generation)" = "$before"
sed -i 's/echo gateway 6\.6\.6/echo gateway 1.1.1/' "$victim"

# A second vendor: one plan, one generation; but it cannot ship what is the first one's.
mkdir second
(
    cd second || exit 1
    make_repo
    make_build pump 1.0.0
    ship pump 1.0.0
)
sed -i "s|^  upstreams = {|&\n    other = { sources = { \"$TEST_DIR/second/repo/tree\" }, channel = \"stable\" },|" site/site.lua
expect_exit 0 causeway-sync -C site init --root second/repo/tree/metadata/1.root.json --upstream other \
    --fingerprint "$(sha256sum second/repo/tree/metadata/1.root.json | cut -d' ' -f1)"
make_build gateway 1.2.0
ship gateway 1.2.0
before=$(generation)
expect_exit 0 sync update
expect_out 'other: may be applied'
expect_out 'acme: may be applied'
expect 'both vendors run' test "$(plant/current/gateway/bin/tool), $(plant/current/pump/bin/tool)" = 'gateway 1.2.0, pump 1.0.0'
now=$(generation)
expect 'in one generation' test "$(tr -d ' \n' <"plant/generations/$now/.generation.json" | grep -c "\"previous\":$before,")" = 1

# One vendor who cannot be reached keeps no other from being pulled.
mv repo/tree repo/away
expect_exit 5 sync pull
expect_err "upstream 'acme'"
expect_out 'other: up to date'
mv second/repo/tree second/repo/away
expect_exit 5 sync --json pull
expect_out '"error": '
expect_err "upstream '(acme|other)'"
mv repo/away repo/tree
mv second/repo/away second/repo/tree
(
    cd second || exit 1
    make_build gateway 6.6.6
    ship gateway 6.6.6
)
expect_exit 3 sync update
expect_err "'gateway' .*'other' ships it too|'gateway' comes from upstream"
expect 'nothing of it was applied' test "$(generation)" = "$now"
sed -i 's/"stable" },/"stable", products = { "pump" } },/' site/site.lua
expect_exit 0 sync update

# Work that was interrupted is finished or undone by the next command, which says so.
next=$((now + 1))
printf '{"_type": "causeway-journal", "format": "1.0", "state": "staging", "from": %s, "to": %s, "checks": 0}' "$now" "$next" >site/journal.json
mkdir -p plant/generations/$next plant/releases/gateway/9.0.0/.tmp-any
expect_exit 0 sync status
expect_out "under way +staging generation $next"
expect_exit 0 sync plan
expect_err "interrupted while staging generation $next"
expect 'what was interrupted is gone' test ! -e plant/generations/$next -a ! -e plant/releases/gateway/9.0.0/.tmp-any
expect 'the journal is closed' test ! -e site/journal.json

# A running apply keeps others out; a reader is never kept out.
flock site/lock sleep 3 &
sleep 0.3
expect_exit 5 sync apply
expect_exit 0 sync status
wait

expect_exit 0 sync status
expect_out "generation +$now "
expect_out 'gateway +1\.2\.0'
expect_exit 0 sync --json status
# What a shell or a supervisor hands down makes no difference: products get in, and checks are seen to end.
default_policy
make_build gateway 1.3.0
ship gateway 1.3.0
expect_exit 0 sync pull
before=$(generation)
expect_exit 0 sh -c 'umask 077; exec env --ignore-signal=CHLD causeway-sync -C site apply'
expect 'it runs' test "$(generation)" -gt "$before"
expect 'others may enter what was installed' test -z "$(find plant ! -type l ! -perm -004)"

expect_exit 0 sync log
expect_out 'commit'
sed -i '2s/"seq":2/"seq":9/; 2s/"seq": 2/"seq": 9/' site/history.jsonl
expect_exit 3 sync log
expect_err 'history\.jsonl:2'
expect_exit 3 sync --json log

done_testing
