#!/bin/sh
# SPDX-License-Identifier: ISC
# A bad line: 40 ms of delay and 1 % of loss between two network namespaces, with the kernel's own emulator. The benchmark's comparison
# with curl and rclone, which verify nothing, over 2,000 small files and two of 4 MiB.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/vm/lib.sh"

# ratio_to NAME: what causeway-sync's median is of that of NAME.
ratio_to() {
    awk -v name="$1" 'index($0, name) == 1 && / rounds$/ == 0 { sub(/.*, sync */, ""); print $2 }' "$out"
}

expect_exit 0 python3 "$CW_SRCDIR/tests/bench/pull" --only slow --rounds "${CW_ROUNDS:-3}"
sed 's/^/# /' "$out"
refute_out 'skipped'
expect_out '(tc netem)'
for peer in 'rclone copy' 'curl -Z'; do
    ratio=$(ratio_to "$peer")
    expect "no slower than $peer (${ratio:=none} of its time)" awk -v ratio="$ratio" 'BEGIN { exit !(ratio > 0 && ratio <= 1) }'
done

done_testing
