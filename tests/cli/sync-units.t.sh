#!/bin/sh
# SPDX-License-Identifier: ISC
# The units as installed: systemd understands them, and their paths are those of the installation.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

units=$CW_BUILDDIR/templates/units
mkdir units
for unit in causeway-recover.service causeway-stick@.service causeway-update.service causeway-update.timer; do
    expect "$unit has no variable left" sh -c "! grep -q '@[a-z]*@' '$units/$unit'"
    # As if it were installed here, so that the program is found.
    sed "s,[^ =]*/causeway-sync ,$CW_BUILDDIR/causeway-sync ,g" "$units/$unit" >"units/$unit"
done
expect 'each service runs the program' test "$(grep -l 'ExecStart=.*/causeway-sync ' "$units"/*.service | wc -l)" -eq 3
expect 'the rule starts the unit' grep -q 'SYSTEMD_WANTS}+="causeway-stick@%k.service"' "$CW_SRCDIR/templates/units/90-causeway-stick.rules"

if command -v systemd-analyze >/dev/null; then
    for unit in causeway-recover.service causeway-stick@sda1.service causeway-update.timer; do
        SYSTEMD_UNIT_PATH=$PWD/units: run systemd-analyze verify --man=no "$unit"
        if [ "$code" -ne 0 ] && grep -Eq 'Failed to (initialize|connect|setup)|Read-only file system|Permission denied' "$err"; then
            skip "systemd takes $unit" 'systemd-analyze cannot work here'
        else
            expect "systemd takes $unit" test "$code" -eq 0 -a -z "$(grep -F causeway "$err")"
            [ "$code" -eq 0 ] || tap_show_run
        fi
    done
else
    skip 'systemd takes the units' 'systemd-analyze is not installed'
fi

done_testing
