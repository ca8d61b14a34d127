#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119,SC2317
# The units as installed, under systemd: the service and its timer; a power cut during a check, after which the boot unit brings the
# generation before back, ahead of what runs from it; a stick that is plugged in and taken in by itself.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"
. "$CW_SRCDIR/tests/vm/lib.sh"

# What outlives the boots.
mkdir -p /srv/vendor
cd /srv/vendor || exit 99
export CAUSEWAY_SITE=/var/lib/causeway

installed() {
    /opt/plant/current/gateway/bin/tool
}

is_installed() {
    [ "$(installed)" = "gateway $1" ]
}

# A product's own service, as the manual asks for: after the boot unit.
install_gateway_service() {
    cat >/etc/systemd/system/gateway.service <<'EOF'
[Unit]
After=causeway-recover.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c '/opt/plant/current/gateway/bin/tool >/var/lib/gateway.started'

[Install]
WantedBy=multi-user.target
EOF
    systemctl -q enable gateway.service
}

# A site, and on the other side of the gap a mirror to fill sticks from.
make_plant() {
    root=repo/tree/metadata/1.root.json
    fingerprint=$(sha256sum "$root" | cut -d' ' -f1)
    expect_exit 0 causeway-sync init --root "$root" --fingerprint "$fingerprint" --upstream acme --source /srv/vendor/repo/tree \
        --channel stable --install /opt/plant --site plant-7 "$CAUSEWAY_SITE"
    causeway-sync -q init --root "$root" --fingerprint "$fingerprint" --upstream acme --source /srv/vendor/repo/tree \
        --channel stable connected
    cat >"$CAUSEWAY_SITE/policy.lua" <<'EOF'
function decide(set, site)
  return accept "all"
end

function check(release)
  return { run { release.dir .. "/bin/selftest", timeout = "20m" } }
end
EOF
}

first_boot() {
    expect 'systemd is up' system_is_up
    make_repo
    make_build gateway 1.0.0
    expect 'a release is published' ship gateway 1.0.0
    make_plant
    expect_exit 0 systemctl start causeway-update.service
    expect 'the service installs' is_installed 1.0.0
    expect_exit 0 systemctl enable --now causeway-update.timer
    expect_exit 0 systemctl enable causeway-recover.service
    install_gateway_service

    make_build gateway 1.1.0
    ship gateway 1.1.0
    date -s '+16 minutes' >/dev/null
    expect 'the timer does, within its quarter of an hour' wait_for 180 is_installed 1.1.0
    wait_for 60 sh -c '! systemctl is-active -q causeway-update.service'
    systemctl stop causeway-update.timer
    date -s '-16 minutes' >/dev/null

    # shellcheck disable=SC2016 # the selftest's own variable
    SELFTEST='echo $CAUSEWAY_VERSION >/var/lib/checking; sleep 1000' make_build gateway 2.0.0
    ship gateway 2.0.0
    systemctl start --no-block causeway-update.service
    expect 'the check of the next release hangs' wait_for 120 test -e /var/lib/checking
    expect 'and that release runs meanwhile' is_installed 2.0.0
    power_cut
}

second_boot() {
    expect 'the boot unit ran' wait_for 300 systemctl is-active -q causeway-recover.service
    expect 'systemd is up again' system_is_up
    expect 'the generation before runs' is_installed 1.1.0
    expect 'what runs from it was started after that' grep -qx 'gateway 1.1.0' /var/lib/gateway.started
    expect 'the journal is closed' test ! -e "$CAUSEWAY_SITE/journal.json"
    run journalctl -q --no-pager -b -u causeway-recover.service
    expect_out 'interrupted while checking'
    expect_exit 0 causeway-sync status
    expect_out 'gateway +1\.1\.0'
    expect_out 'hold .*acme/stable serial 3, .* by recovery'
    expect_exit 0 causeway-sync log --verify
    expect_exit 0 causeway-sync log
    expect_out 'interrupted during its check'
    expect_exit 0 systemctl start causeway-update.service
    expect 'what did not pass is held' is_installed 1.1.0
    expect 'the timer is on again' systemctl is-active -q causeway-update.timer
    systemctl stop causeway-update.timer
}

stick_said() {
    journalctl -q --no-pager -b -u 'causeway-stick@*' | grep -q "$1"
}

stick_is_taken_in() {
    sed -i 's|sources = {|& removable "/run/causeway-stick/*/causeway",|' "$CAUSEWAY_SITE/site.lua"
    rule=$(find /usr /usr/local -name 90-causeway-stick.rules | head -n 1)
    cp "$rule" /etc/udev/rules.d/
    udevadm control --reload
    make_build gateway 2.1.0
    ship gateway 2.1.0
    causeway-sync -q -C connected pull
    # The only way to this site is the stick.
    mv repo/tree repo/away
    plug
    # shellcheck disable=SC2046 # the device's name
    mkfs.vfat -F 32 -I $(readlink -f "$stick") >mkfs.out
    mount "$stick" /mnt
    expect_exit 0 causeway-sync -C connected export /mnt/causeway
    umount /mnt
    unplug
    systemctl reset-failed
    flock "$CAUSEWAY_SITE/lock" sleep 20 &
    plug
    expect 'a stick that is plugged in is tried at once' wait_for 60 stick_said 'is locked by another run'
    expect 'and is taken in once nobody else works in the site' wait_for 180 stick_said 'complete and genuine: stable serial 4'
    run journalctl -q --no-pager -b -u 'causeway-stick@*'
    sed 's/^/# /' "$out"
    expect_exit 0 causeway-sync plan
    expect_out '1\.1\.0 -> 2\.1\.0'
    expect 'the stick is mounted nowhere' sh -c '! grep -q causeway-stick /proc/*/mounts'
    run systemctl list-units --failed --no-legend --plain
    refute_out 'causeway-stick'
    unplug
    expect_exit 0 causeway-sync apply
    expect 'what it carried runs' is_installed 2.1.0
}

if [ "$CW_BOOT" -eq 1 ]; then
    first_boot
else
    second_boot
    stick_is_taken_in
fi

done_testing
