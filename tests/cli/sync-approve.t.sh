#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119,SC2317 # make_site may be called without arguments; functions that "expect" calls
# Approvals: given at the site and elsewhere, carried in, taken back, expired, for another world; and the glass, broken by two.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site

# --- keys ---------------------------------------------------------------------------------------------

mkdir keys
for person in alice bob carol mallory; do
    causeway-sync key new "keys/$person" --insecure-plain-keys >key.log || diag "$(cat key.log)"
done
expect_exit 1 causeway-sync key new keys/alice --insecure-plain-keys
expect_err 'File exists'
expect 'a key is for its owner only' test "$(stat -c %a keys/alice)" = 600
printf 'a long passphrase\n' >pass
expect_exit 0 causeway-sync key new keys/dora --passphrase-file pass
expect_out "^made 'keys/dora', and its public half 'keys/dora.pub', keyid [0-9a-f]{64}$"
expect_exit 0 causeway-sync key public keys/dora --passphrase-file pass
expect_out '^-----BEGIN PUBLIC KEY-----$'
expect 'that is what lies beside it' cmp "$out" keys/dora.pub
expect_exit 2 causeway-sync key old keys/x
cp keys/alice.pub keys/bob.pub keys/carol.pub keys/dora.pub site/keys/

# site_lua MORE: site.lua with these lines too.
site_lua() {
    cat >site/site.lua <<LUA
return {
  site = "plant-7",
  upstreams = { acme = { sources = { "$TEST_DIR/repo/tree" }, channel = "stable" } },
  install = { root = "$TEST_DIR/plant" },
  $1
}
LUA
}
people='approvers = { alice = "keys/alice.pub", bob = "keys/bob.pub", carol = "keys/carol.pub", dora = "keys/dora.pub" },
  groups = { safety = { "carol", "dora" } }, break_glass = { "alice", "safety" },'
site_lua "$people"
policy() {
    printf 'function decide() return %s end\n' "$1" >site/policy.lua
}
policy 'accept { reason = "two pairs of eyes", approvals = 2 }'

sync -q pull
id() {
    sync --json plan | sed -n 's/^ "id": "\(.*\)",$/\1/p'
}

# --- at the site --------------------------------------------------------------------------------------

expect_exit 0 sync plan --out plan.json
expect_out 'acme: waits: needs 2 approvals of alice, bob, carol or dora'
plan=$(id)
expect_exit 6 sync apply
expect_err 'needs 2 approvals'
expect_exit 2 sync approve "$plan"
expect_err '\-\-key FILE'
expect_exit 0 sync approve "$plan" --dry-run
expect_out '^plan '
expect_exit 0 sync approve "$plan" --key keys/alice
expect_out '^plan .* for site plant-7'
expect_out "^'alice' approves plan .* until .*: approvals/"
expect_out 'needs one more approval of bob, carol or dora'
expect_exit 0 sync approve "$plan" --key keys/alice
expect_out 'needs one more approval'
expect_exit 1 sync approve "$plan" --key keys/mallory
expect_err "is no approver's key at site 'plant-7'"
expect_exit 1 sync approve "$plan" --key keys/dora --passphrase-file /dev/null
expect_exit 6 sync apply "$plan"
expect_err 'needs one more approval'

# --- elsewhere: from the plan's file alone ------------------------------------------------------------

mkdir elsewhere
cp plan.json keys/bob elsewhere/
expect_exit 0 env -C elsewhere causeway-sync approve plan.json --key bob --reason 'seen on the test rig'
expect_out 'gateway +\(new\) -> 1\.0\.0'
expect_out "^'bob' approves plan"
approval=$(echo elsewhere/*.approve.json)
expect_exit 3 sync approve --import keys/alice.pub
expect_exit 0 sync approve --import "$approval"
expect_out 'it may be applied'
expect_exit 0 sync status
expect_out '^approved     by bob until .*: seen on the test rig'

# --- taken back ---------------------------------------------------------------------------------------

expect_exit 0 sync approve --revoke "$plan" --key keys/bob
expect_out "'bob' takes back approval"
expect_exit 6 sync apply "$plan"
expect_err 'needs one more approval of bob, carol or dora'
expect_exit 6 sync approve --import "$approval"
expect_err 'took this approval back'
cp "$approval" site/approvals/smuggled.json
expect_exit 6 sync apply "$plan"
expect_exit 0 sync approve "$plan" --key keys/bob
expect_out 'it may be applied'
expect_exit 0 sync approve --revoke "$plan" --key keys/bob
expect_exit 6 sync apply "$plan"
expect_err 'needs one more approval of bob, carol or dora'

# Clocks have no say in it: one approval was made where it is hours later, before it was taken back here.
fast() {
    ASAN_OPTIONS="verify_asan_link_order=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}" faketime -f +9h "$@"
}
if command -v faketime >/dev/null; then
    expect_exit 0 fast causeway-sync approve plan.json --key keys/carol --out fast.json
    expect_exit 0 sync approve --import fast.json
    expect_out 'it may be applied'
    expect_exit 0 sync approve --revoke "$plan" --key keys/carol
    expect_out 'needs one more approval'
    expect_exit 6 sync approve --import fast.json
    expect_err "'carol' took this approval back: it has to be given anew, at the site"
    cp fast.json site/approvals/smuggled.json
    expect_exit 6 fast causeway-sync -C site apply "$plan"
    rm site/approvals/smuggled.json
    # Of two that count, the one given last does, whichever came in last.
    expect_exit 0 sync approve plan.json --key keys/dora --passphrase-file pass --out older.json --expires 90d
    expect_exit 0 fast causeway-sync approve plan.json --key keys/dora --passphrase-file pass --out newer.json --expires 10h
    expect_exit 0 sync approve --import newer.json
    expect_exit 0 sync approve --import older.json
    expect_exit 0 sync --json plan
    expect 'the newer one stays' grep -q "\"expires\": \"$(date -u -d '+19 hours' +%Y-%m-%dT%H)" "$out"
    expect_exit 0 sync approve --revoke "$plan" --key keys/dora --passphrase-file pass
    # A revocation from long ago can only be one of a clock that stands.
    expect_exit 0 env -C elsewhere ASAN_OPTIONS="verify_asan_link_order=0" faketime '1980-01-01' \
        causeway-sync approve --revoke ../plan.json --key ../keys/alice --out old.json
    expect_exit 4 sync approve --import elsewhere/old.json
    expect_err 'the clock of the machine that signed it is wrong'
else
    skip 'clocks of approvals' 'faketime is not installed'
fi

# --- the world changes --------------------------------------------------------------------------------

cp site/site.lua site.lua.kept
site_lua "$people keep = { versions = 3 },"
expect_exit 1 sync apply plan.json
expect_err 'the world changed since plan .*: site\.lua says something else: '
expect_exit 1 sync approve "$plan" --key keys/carol
expect_err 'site\.lua says something else'
cp site.lua.kept site/site.lua
echo '-- a remark changes nothing' >>site/site.lua
expect_exit 6 sync apply plan.json
expect_err 'needs one more approval'
policy 'accept { reason = "two pairs of eyes", approvals = 1 }'
expect_exit 1 sync apply plan.json
expect_err 'policy\.lua is another'
policy 'accept { reason = "two pairs of eyes", approvals = 2 }'
sed 's/"gateway"/"gatewax"/' plan.json >changed.json
expect_exit 3 sync apply changed.json
expect_err 'was changed: its id is not that of what it says'
expect_exit 3 causeway-sync approve changed.json --key keys/bob
expect_exit 2 sync apply no-such-file
expect_exit 1 sync apply 0123456789
expect_err 'there is no plan 0123456789'

# PKCS#8 of another tool is a key as good as any.
if command -v openssl >/dev/null; then
    openssl genpkey -algorithm ed25519 -out keys/eve.pem 2>/dev/null
    openssl pkey -in keys/eve.pem -pubout -out site/keys/dora.pub 2>/dev/null
    expect_exit 0 sync approve "$plan" --key keys/eve.pem
    expect_out "^'dora' approves"
    expect_out 'it may be applied'
    cp keys/dora.pub site/keys/dora.pub
    expect_exit 0 sync plan
    expect_err 'signed by none of the approvers in site\.lua; it does not count'
    rm site/approvals/"$(printf %.16s "$plan")"*-approve-*.json
    sync -q approve "$plan" --key keys/alice
else
    skip 'PKCS#8 of openssl' 'there is no openssl'
fi

# --- and it is applied --------------------------------------------------------------------------------

expect_exit 0 sync approve "$plan" --key keys/dora --passphrase-file pass
expect_out 'it may be applied'
expect_exit 0 sync apply plan.json
expect 'it runs' test "$(generation)" = 1
expect_exit 0 sync log
expect_out ' approve .*person=alice'
expect_out ' revoke .*person=bob'
expect_out ' apply .*approved_by=alice dora'
expect_exit 0 sync apply plan.json
expect_out 'nothing to do'

make_build gateway 1.1.0
ship gateway 1.1.0
sync -q pull
sync -q plan --out second.json
expect_exit 1 sync approve --import "$approval"
expect_err 'is about plan'

# --- who: groups, several quorums, unknown names ------------------------------------------------------

policy 'accept { approvals = { { from = "safety" }, { count = 2 } } }'
plan=$(id)
expect_exit 0 sync plan
expect_out 'needs one approval of carol or dora, and needs 2 approvals of alice, bob, carol or dora'
sync -q approve "$plan" --key keys/alice
sync -q approve "$plan" --key keys/bob
expect_exit 6 sync apply
expect_err 'waits: needs one approval of carol or dora$'
policy 'accept { approvals = { count = 1, from = "saftey" } }'
expect_exit 6 sync apply
expect_err "asks for an approval of 'saftey', whom site\.lua does not name"
policy 'accept { approvals = { count = 3, from = "safety" } }'
expect_exit 6 sync apply
expect_err 'asks for 3 approvals, but only 2 could give one'

# A person with two keys is one person.
site_lua 'approvers = { alice = { "keys/alice.pub", "keys/bob.pub" }, carol = "keys/carol.pub" },'
policy 'accept { approvals = 2 }'
plan=$(id)
sync -q approve "$plan" --key keys/alice
expect_exit 0 sync approve "$plan" --key keys/bob
expect_out 'needs one more approval of carol'
site_lua 'approvers = { alice = "keys/alice.pub", bob = "keys/alice.pub" },'
expect_exit 1 sync plan
expect_err "approvers\.bob: 'keys/alice\.pub': is the key of 'alice' too"
site_lua 'approvers = { alice = "keys/none.pub" },'
expect_exit 1 sync plan
expect_err "site\.lua: approvers\.alice: 'keys/none\.pub'"

# --- expiry -------------------------------------------------------------------------------------------

site_lua "$people"
plan=$(id)
expect_exit 2 sync approve "$plan" --key keys/alice --expires 1y
expect_err 'at most 90d'
sync -q approve "$plan" --key keys/alice --expires 1s
expect_exit 0 sync approve "$plan" --key keys/bob --out stale.json --expires 1s
sleep 1.1
expect_exit 0 sync plan
expect_out 'needs 2 approvals of alice'
expect_exit 4 sync approve --import stale.json
expect_err "'stale\.json': expired at "

# --- the glass ----------------------------------------------------------------------------------------

policy 'accept { window = "Sun 03:00-03:01 UTC", not_before = "2099-01-01T00:00:00Z" }'
plan=$(id)
expect_exit 2 sync approve "$plan" --break-glass --key keys/alice
expect_err '\-\-break-glass needs a --reason'
expect_exit 6 sync approve "$plan" --break-glass --key keys/bob --reason 'I want to'
expect_err "'bob' may not break the glass at site 'plant-7'"
expect_exit 0 sync approve "$plan" --break-glass --key keys/alice --reason 'pump 4 runs dry'
expect_out 'waits: not before 2099'
expect_exit 6 sync apply
expect_exit 0 sync approve "$plan" --break-glass --key keys/carol --reason 'agreed by telephone'
expect_out 'it may be applied'
expect_exit 0 sync plan
expect_out '  BREAK GLASS by alice until .*: pump 4 runs dry'
expect_exit 0 sync apply
expect_exit 0 sync log
expect_out ' break-glass .*reason=pump 4 runs dry'
expect_out ' apply .*break_glass=.*agreed by telephone'
expect 'it runs now' test "$(generation)" = 2

make_build gateway 1.2.0
ship gateway 1.2.0
sync -q pull
expect_exit 1 sync apply second.json
expect_err "policy\.lua is another, generation 2 runs, not 1, 'acme/stable' is at serial 3, not 2"
# glass WHAT CODE PATTERN POLICY: what both of them can do against this policy.
glass() {
    policy "$4"
    plan=$(id)
    sync -q approve "$plan" --break-glass --key keys/alice --reason 'now'
    sync -q approve "$plan" --break-glass --key keys/carol --reason 'now'
    expect_exit "$2" sync apply --dry-run
    [ -z "$3" ] || tap_match "$out" "$1: stdout has" "$3" 0
}
glass 'a hold of the policy' 0 'BREAK GLASS' 'hold "not today"'
glass 'a rejection stays' 0 'rejected by policy: never' 'reject "never"'
glass 'a broken policy accepts nothing' 0 'held by policy: policy.lua:1' 'nothing.at.all'
glass 'two approvals they are' 0 'acme: may be applied' 'accept { approvals = 2 }'
glass 'a third is still asked for' 0 'waits: needs one more approval of bob or dora' 'accept { approvals = 3 }'
policy 'accept "fine"'
sync -q hold gateway
plan=$(id)
expect_exit 6 sync apply
expect_err 'held by hold [0-9]+ on gateway'
glass 'a hold of a person' 0 'BREAK GLASS' 'accept "all is well"'
# They signed before it was rolled back, and a timer must not bring it again.
expect_exit 0 sync apply
sleep 1
expect_exit 0 sync rollback
expect_exit 6 sync apply
expect_err 'held by hold [0-9]+: rolled back by hand'
refute_out 'BREAK GLASS'
glass 'signed again' 0 'BREAK GLASS' 'accept "all is well"'
expect_exit 0 sync log
refute_out 'payloadType'

# --- what lies in the folder proves itself ------------------------------------------------------------

policy 'accept { approvals = 1 }'
echo '{}' >site/approvals/empty.json
ln -s /etc/passwd site/approvals/link.json
head -c 100000 /dev/zero >site/approvals/large.json
expect_exit 6 sync apply
expect_err 'approvals/empty\.json: .*it does not count'
expect_err 'approvals/link\.json: '
expect_err 'approvals/large\.json: '

done_testing
