#!/bin/sh
# SPDX-License-Identifier: ISC
# The machine itself is what the other tests need: a kernel with these modules, systemd, the programs, a stick to plug in.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/vm/lib.sh"

for module in vfat exfat sch_netem veth loop dm_flakey usb_storage; do
    expect "the kernel has $module" modprobe "$module"
done
expect_exit 0 causeway-sync --version
expect 'systemd is up' system_is_up
expect 'there is no stick yet' test ! -e "$stick"
plug
expect 'a stick that is plugged in appears' test -b "$stick"
unplug
expect 'and goes when it is pulled out' test ! -e "$stick"

done_testing
