#!/bin/sh
# SPDX-License-Identifier: ISC
# What both programs do alike before any work: help, version, and a wrong command line.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

for program in causeway-gen causeway-sync; do
    expect_exit 0 "$program" --help
    expect_out "^usage: $program"
    refute_err .

    expect_exit 0 "$program" --version
    expect_out "^$program [0-9]+\.[0-9]+\.[0-9]+"
    refute_err .

    expect_exit 2 "$program" no-such-command
    expect_err "'no-such-command'"
    refute_out .

    expect_exit 2 "$program"

    # Every command's explanation starts in the same column, however long its arguments are.
    expect_exit 0 "$program" --help
    expect_out '^  -q, --quiet  '
    sed -n '/^commands:/,/^$/p' "$out" | grep -Eo '^  [a-z].*' >rows
    refute_out '^  [a-z]+ .*[A-Z\])] [a-z]'
    expect 'each command has help of its own' test -s rows
    while read -r command _; do
        expect_exit 0 "$program" "$command" --help
        expect_out "^usage: $program $command "
    done <rows
done

# A word that only some commands know is refused alike before and behind those that do not.
for words in '--dry-run status' 'status --dry-run'; do
    # shellcheck disable=SC2086
    expect_exit 2 causeway-sync $words
    expect_err "'?--dry-run'"
    refute_err 'did you mean'
done

done_testing
