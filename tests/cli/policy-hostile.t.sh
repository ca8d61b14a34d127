#!/bin/sh
# SPDX-License-Identifier: ISC
# Hostile policies, a file each in tests/data/policies: refused for the reason that its first line names, and
# with no trace left for the next one.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

printf 'function decide() return accept "fine" end\n' >good.lua
count=0
for file in "$CW_SRCDIR"/tests/data/policies/*.policy; do
    reason=$(grep -a -m1 -- '-- refused: ' "$file" | sed 's/.*-- refused: //')
    run causeway-sync policy check "$file"
    if [ "$code" -eq 1 ] && [ -n "$reason" ] && grep -Eq -- "$reason" "$err"; then
        ok "refused: $(basename "$file" .policy)"
    else
        not_ok "refused: $(basename "$file" .policy): $reason"
        tap_show_run
    fi
    count=$((count + 1))
done
expect 'there are at least 30 of them' test "$count" -ge 30
expect_exit 0 causeway-sync policy check good.lua
done_testing
