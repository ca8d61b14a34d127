#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# The history: what was done, by whom, with which plan and policy; and that nobody changed, cut or lengthened it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site
sync -q pull
sync -q apply
expect_exit 0 sync log --verify
expect_out '^[0-9]+ entries, unchanged; the site signed the end at .*Z$'
expect_exit 0 sync --json log --verify
expect_out '"signed_entries": [1-9]'
expect_exit 0 sync --json log
expect_out '"policy_sha256": "'"$(sha256sum site/policy.lua | cut -d' ' -f1)"'"'
expect_out 'selftest of gateway 1\.0\.0'
expect_out '"milliseconds": '

cp site/history.jsonl whole
cp site/history.head.json signed
lines=$(wc -l <whole)
# altered NAME PATTERN: what is in site/history.jsonl now is not what the site signed.
altered() {
    expect_exit 3 sync log --verify
    expect_err "$2"
    # Going on does not sign it.
    sync -q hold gateway
    run sync log --verify
    if [ "$code" -eq 3 ]; then ok "still so after one more entry: $1"; else
        not_ok "still so after one more entry: $1"
        tap_show_run
    fi
    sync -q unhold gateway
    cp whole site/history.jsonl
    cp signed site/history.head.json
}
head -n $((lines - 1)) whole >site/history.jsonl
altered 'one line less' 'lines were cut off: the site signed that there were'
: >site/history.jsonl
altered 'all lines gone' 'lines were cut off'
sed '$s/commit/commix/' whole >site/history.jsonl
altered 'the last line changed' "history\.jsonl:$lines: is not the line that the site signed"
sed '2s/acme/emca/' whole >site/history.jsonl
altered 'a line changed' 'does not follow from the line before it'
head -c -20 signed >site/history.head.json
expect_exit 3 sync log --verify
sed 's/"sig": "..../"sig": "AAAA/' signed >site/history.head.json
altered 'another signature' 'history\.head\.json: '
rm site/history.head.json
expect_exit 3 sync log --verify
expect_err 'its end is not signed'
expect_exit 0 sync hold gateway
expect_exit 0 sync log --verify

# A crash between the line and its signature leaves the one line unsigned, and the next entry mends it.
cp site/history.head.json before.json
sync -q unhold gateway
cp before.json site/history.head.json
expect_exit 0 sync log --verify
sync -q hold gateway
expect_exit 0 sync log --verify
cp before.json site/history.head.json
expect_exit 3 sync log --verify
expect_err 'were added since by somebody else'

done_testing
