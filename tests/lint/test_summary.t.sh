#!/bin/sh
# SPDX-License-Identifier: ISC
# tests/summary adds up what the test harness leaves, and is never green when make was not.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

summary=$CW_SRCDIR/tests/summary

# results NAME RESULT...: the .trs file of a test program with these results.
results() {
    trs=$1.trs
    shift
    mkdir -p "$(dirname "$trs")"
    for result; do
        echo ":test-result: $result some name"
    done >"$trs"
    echo ':global-test-result: PASS' >>"$trs"
}

expect_exit 0 "$summary" nothing
expect_out '^0 passed, 0 failed, 0 skipped$'

expect_exit 0 "$summary" --status 2 nothing
expect_out '^0 passed, 1 failed, 0 skipped$'

results t/unit/a PASS PASS SKIP
results t/cli/b PASS XFAIL
expect_exit 0 "$summary" --status 0 t
expect_out '^4 passed, 0 failed, 1 skipped$'

results t/cli/c FAIL XPASS PASS
results t/cli/d ERROR
echo 'the reason' >t/cli/c.log
expect_exit 0 "$summary" --status 2 --failures 5 t
expect_out '^5 passed, 3 failed, 1 skipped$'
expect_out '^the reason$'
refute_out 'a.log'

done_testing
