#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119,SC2317 # make_site takes no argument here; functions that expect_exit calls
# causeway-gen withdraw and promote --rollback: a bad release is marked for every site, what takes its place is staged with it, a
# channel goes back under a new serial, and a real site sees and takes all of it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

gen() {
    causeway-gen -C repo "$@"
}
serial() {
    gen status | sed -n "s/^channel $1, serial \([0-9]*\):.*/\1/p" | tail -n 1
}

publisher_init
for version in 1.0.0 1.1.0 2.0.0; do
    make_build gateway "$version"
    ship gateway "$version"
done
make_build plc 1.0.0
ship plc 1.0.0
make_site
expect_exit 0 sync pull
expect_exit 0 sync apply
expect 'the site runs 2.0.0' test -d plant/current/gateway/bin

# --- words --------------------------------------------------------------------------------------------

make_build gateway 3.0.0
printf '{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "3.0.0",
 "builds": [{"platform": "any", "files": [{"file": "out/gateway-3.0.0.tar", "kind": "archive"}]}]}]}]}\n' >three.json
expect_exit 0 gen add three.json
while IFS='|' read -r code words why; do
    # shellcheck disable=SC2086 # words
    expect_exit "$code" gen withdraw $words
    expect_err "$why"
done <<'ROWS'
2|gateway 2.0.0|say why, with --reason
2|gateway two --reason leaks|'two'
2|gateway 2.0.0 --reason leaks --to 1.1.0 --drop|choose one
2|gateway 2.0.0 --reason leaks --to 2.0.0|cannot take its own place
1|gateway 9.9.9 --reason leaks|there is no gateway 9.9.9
1|pump 2.0.0 --reason leaks|there is no pump 2.0.0
1|gateway 3.0.0 --reason leaks|was never published, only staged
1|gateway 2.0.0 nightly --reason leaks|there is no channel 'nightly'; there are: candidate, stable
1|gateway 2.0.0 --reason leaks --to 9.9.9|there is no gateway 9.9.9
1|gateway 2.0.0 candidate --reason leaks|was never in what was named
1|plc 1.0.0 --reason leaks --rollback|'stable' had no other plc before
ROWS
expect 'nothing of that is staged' test -z "$(find repo/staged/channels -type f 2>/dev/null)"
expect_exit 0 gen publish
expect_exit 1 gen withdraw gateway 3.0.0 --reason leaks
expect_err 'was never in any channel, so no site can have it'

# --- the set has it: something must take its place ----------------------------------------------------

expect_exit 0 gen withdraw gateway 2.0.0 --reason 'leaks memory' --dry-run
expect_out "promote --rollback stable gateway"
expect 'a dry run stages nothing' test -z "$(find repo/staged/channels -type f 2>/dev/null)"
expect_exit 0 gen withdraw gateway 2.0.0 --reason 'leaks memory'
expect_out "stable: has it now; choose .*'causeway-gen promote --rollback stable gateway'"
expect_err 'warning: as it is, the next publish would be refused'
expect_exit 3 gen publish
expect_err "channel 'stable': its set has gateway 2.0.0, which is withdrawn"
expect_exit 6 gen promote gateway 2.0.0 candidate
expect_err 'gateway 2.0.0 was withdrawn \(leaks memory\)'
expect_exit 6 gen promote --rollback stable gateway 2.0.0
expect_exit 0 gen withdraw gateway 2.0.0 --reason 'leaks memory' --rollback --json
expect_out '"to": "1.1.0"'
refute_err 'warning'
before=$(serial stable)
expect_exit 0 gen publish
expect_out '^  gateway 2.0.0 -> 1.1.0$'
expect_out '^  gateway 2.0.0 withdrawn: leaks memory$'
expect 'under the next serial' test "$(serial stable)" -eq $((before + 1))
expect_exit 0 gen verify
expect_exit 0 gen log stable
expect_out '^    gateway 2.0.0 withdrawn: leaks memory$'
expect_exit 0 gen withdraw gateway 2.0.0 --reason 'leaks memory'
expect_out 'nothing to do'
expect_exit 6 gen promote gateway 2.0.0 stable
expect_exit 6 gen promote --rollback stable
expect_err "serial $before cannot come back as it was: gateway 2.0.0 was withdrawn"

# --- the site -----------------------------------------------------------------------------------------

expect_exit 0 sync pull
expect_err 'warning: gateway 2.0.0 runs, but was withdrawn by its publisher: leaks memory'
expect_exit 0 sync status
expect_out 'gateway 2.0.0 runs, but was withdrawn by its publisher: leaks memory'
expect_exit 0 sync status --json
expect_out '"reason": "leaks memory"'
expect_exit 0 sync plan
expect_out 'gateway +2.0.0 -> 1.1.0'
expect_err 'warning: gateway 2.0.0 runs, but was withdrawn by its publisher: leaks memory'
expect_exit 0 sync apply
expect 'it runs what the channel went back to' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.1.0'
expect_exit 0 sync status
refute_out 'was withdrawn'
expect_exit 6 sync rollback
expect_err 'gateway 2.0.0 was withdrawn by its publisher: leaks memory'
expect 'and it still runs that' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.1.0'

# --- going back ---------------------------------------------------------------------------------------

expect_exit 0 gen promote gateway 3.0.0 stable
expect_exit 0 gen publish
expect_exit 1 gen promote gateway 1.1.0 stable
expect_err "or go back with 'causeway-gen promote --rollback stable gateway'"
now=$(serial stable)
expect_exit 0 gen promote --rollback stable --dry-run
expect_out '^stable: gateway 3.0.0 -> 1.1.0$'
expect 'a dry run stages nothing' test -z "$(find repo/staged/channels -type f 2>/dev/null)"
expect_exit 0 gen promote --rollback stable --serial 1
expect_out '^stable: gateway 3.0.0 -> 1.0.0$'
expect_out '^stable: plc 1.0.0 -> \(dropped\)$'
expect_exit 0 gen promote --rollback stable
expect_out '^stable: gateway 3.0.0 -> 1.1.0$'
refute_out 'plc'
expect_exit 0 gen publish
expect_out "channel stable, serial $((now + 1)):"
refute_out 'plc'
expect_exit 0 sync update
expect 'the site follows' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.1.0'
expect_exit 0 gen promote --rollback stable gateway 1.0.0
expect_exit 0 gen publish
expect_exit 0 sync update
expect 'a lower version of a higher serial is taken' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.0.0'
while IFS='|' read -r code words why; do
    # shellcheck disable=SC2086 # words
    expect_exit "$code" gen promote $words
    expect_err "$why"
done <<'ROWS'
2|--serial 1 stable|goes with '--rollback CHANNEL'
2|--rollback stable gateway --serial 1|goes with '--rollback CHANNEL'
2|gateway stable|promote takes PRODUCT VERSION CHANNEL
1|--rollback nightly|there is no channel 'nightly'
1|--rollback candidate|nothing was published in 'candidate' yet
1|--rollback stable --serial 99|there is no serial 99
1|--rollback stable gateway 9.9.9|'stable' never had gateway 9.9.9
ROWS

# --- dropped, and taken back --------------------------------------------------------------------------

expect_exit 0 gen promote plc 1.0.0 candidate
expect_exit 0 gen withdraw plc 1.0.0 --reason 'wrong board' --drop
expect_out '^stable: plc 1.0.0 -> \(dropped\)$'
expect 'what was staged of it elsewhere is taken back' test ! -e repo/staged/channels/candidate.json
expect_exit 0 gen publish
expect_out '^  plc 1.0.0 -> \(dropped\)$'
expect_exit 0 gen verify
expect_exit 0 gen log stable
expect_out '^    plc 1.0.0 -> \(dropped\)$'
expect_exit 0 sync update
expect 'the site drops it, too' test ! -e plant/current/plc

# A file that was edited by hand is read as strictly.
mkdir -p repo/staged/channels
for doc in '{"releases": {"gateway": 1}}' '{"releases": {}, "withdrawn": {"gateway": {"1.0.0": 7}}}' '{"releases": {}, "withdrawn": {"gateway": 1}}' \
    '{"releases": {}, "withdrawn": {"gateway": {"one": "x"}}}'; do
    printf '{"_type": "causeway-promotion", "format": "1.0", "channel": "stable", %s\n' "${doc#\{}" >repo/staged/channels/stable.json
    expect_exit 3 gen publish
    expect_err "staged 'stable.json'"
done

done_testing
