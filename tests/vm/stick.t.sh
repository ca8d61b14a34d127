#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119,SC2317
# A USB stick that is pulled out at the wrong moment: while an export writes it, while a pull reads it. Nothing is taken for complete, nothing
# wrong enters, and trying again with the same stick does it. FAT32 and exFAT, by the kernel's own drivers.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/vm/lib.sh"

# moved FIELD KIB: whether the stick has read (3) or written (7) so much since it was plugged in.
moved() {
    disk=$(basename "$(readlink -f "$stick")")
    awk -v field="$1" -v kib="$2" '{ exit !($field / 2 >= kib) }' "/sys/block/$disk/stat"
}

# pulled_out_when FIELD KIB CMD...: runs CMD, and pulls the stick out when so much was moved; the exit code in $code.
pulled_out_when() {
    field=$1
    kib=$2
    shift 2
    tap_ran=$*
    "$@" >"$out" 2>"$err" </dev/null &
    child=$!
    pulled=no
    while kill -0 $child 2>/dev/null; do
        if [ $pulled = no ] && moved "$field" "$kib"; then
            unplug
            pulled=yes
        fi
        sleep 0.2
    done
    code=0
    wait $child || code=$?
    expect "the stick was pulled out in the middle" test $pulled = yes
    umount -l /mnt
}

make_filesystem() {
    # shellcheck disable=SC2046 # options
    "mkfs.$1" $([ "$1" = exfat ] || echo -F 32 -I) "$(readlink -f "$stick")" >mkfs.out 2>&1
}

publisher_init
publisher_release gateway 1.0.0 100000000
publisher_publish
site_init connected --source "$PWD/repo/tree"
causeway-sync -q -C connected pull

for kind in vfat exfat; do
    plug
    expect "$kind is made" make_filesystem $kind
    mount "$stick" /mnt
    pulled_out_when 7 10000 causeway-sync -C connected export /mnt/causeway
    expect "$kind: the export says that it failed" test "$code" -ne 0
    tap_show_run
    refute_out 'may be (pulled|removed|taken)'
    expect_err '/mnt/causeway'

    plug
    mount -o ro "$stick" /mnt
    site_init "early-$kind"
    expect "$kind: what is on it is not taken for complete" test "$(
        causeway-sync -q -C "early-$kind" pull /mnt/causeway 2>early.err
        echo $?
    )" -ne 0
    diag "$(cat early.err)"
    umount /mnt
    mount "$stick" /mnt
    expect_exit 0 causeway-sync -C connected export /mnt/causeway
    umount /mnt
    unplug

    plug
    mount -o ro "$stick" /mnt
    site_init "plant-$kind"
    pulled_out_when 3 10000 causeway-sync -C "plant-$kind" pull /mnt/causeway
    expect "$kind: the pull says that it failed" test "$code" -ne 0
    tap_show_run
    expect "$kind: the mirror has not advanced" test ! -e "plant-$kind/upstreams/acme/mirror/metadata/timestamp.json"
    plug
    mount -o ro "$stick" /mnt
    expect_exit 0 causeway-sync -C "plant-$kind" pull /mnt/causeway
    expect "$kind: the mirrors are the same" diff -r connected/upstreams/acme/mirror "plant-$kind/upstreams/acme/mirror"
    umount /mnt
    unplug
done

done_testing
