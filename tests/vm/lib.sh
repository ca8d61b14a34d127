# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# What tests share that run in a machine of tests/vm/run; source it after tests/cli/lib.sh.
#
#   $stick             the block device of the USB stick
#   plug, unplug       puts the stick in, pulls it out, and waits until the kernel has seen it
#   wait_for N CMD...  CMD until it succeeds, at most N seconds; fails then
#   system_is_up       waits until the boot is over; prints what failed in it
#   power_cut          the machine stops here and now, and boots again: the test then runs from its beginning with
#                      $CW_BOOT one higher

stick=/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_stick-0:0

wait_for() {
    wait_left=$1
    shift
    until "$@" >/dev/null 2>&1; do
        wait_left=$((wait_left - 1))
        [ "$wait_left" -gt 0 ] || return 1
        sleep 1
    done
}

plug() {
    echo @plug
    wait_for 120 test -b "$stick" || diag "no stick: $(ls /dev/disk/by-id)"
    udevadm settle
}

unplug() {
    echo @unplug
    wait_for 120 test ! -e "$stick"
}

system_is_up() {
    systemctl is-system-running --wait >/dev/null && return
    systemctl --failed --no-legend --plain | sed 's/^/# failed: /'
    return 1
}

power_cut() {
    echo @again
    sleep 1
    echo b >/proc/sysrq-trigger
    sleep 60
}
