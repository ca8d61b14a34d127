#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2317 # strings and functions that fault_rows expands and calls
# Actions and deliveries under every fault: where nothing is left under way, the device has what the generation says; a scanner's
# verdicts are never half written.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-sync
FAULT_EXITS='1 5 6 9'
. "$CW_SRCDIR/tests/fault/lib.sh"

here=$PWD
ROOT=$fault_dir/root
export ROOT
sync_at() {
    causeway-sync -C "$ROOT/site" "$@"
}
keep() {
    rm -rf "${here:?}/$1"
    cp -a "$ROOT" "$here/$1"
}
setup_from() {
    cp -a "$here/$2/." "$1/"
}
settled() {
    [ ! -e "$1/site/journal.json" ] && [ -z "$(find "$1/site" "$1/plant" -name '.tmp-*')" ]
}

# --- a device that a command flashes, and a line that stands still meanwhile ---------------------------

cat >flash <<'SH'
#!/bin/sh
cat "$1" >"$ROOT/device.new" && mv "$ROOT/device.new" "$ROOT/device"
SH
printf '#!/bin/sh\necho "$1" >"$ROOT/line"\n' >line
printf '#!/bin/sh\ncmp -s "$1" "$ROOT/device"\n' >flashed
chmod +x flash line flashed

make_repo
echo 'firmware one' >one.bin
echo 'firmware two' >two.bin
ship plc 1.0.0 one.bin firmware
mkdir -p "$ROOT"
{
    causeway-sync init --root "$here/repo/tree/metadata/1.root.json" \
        --fingerprint "$(sha256sum repo/tree/metadata/1.root.json | cut -d' ' -f1)" --upstream acme \
        --source "$here/repo/tree" --channel stable --install "$ROOT/plant" --site plant-7 "$ROOT/site"
    cat >"$ROOT/site/policy.lua" <<POLICY
local tool, env = "$here/", { ROOT = "$ROOT" }
function decide() return accept "tests take all" end
function before() return { run { tool .. "line", "stands", env = env } } end
function after() return { run { tool .. "line", "runs", env = env } } end
undo = after
function deliver(a)
  return delivery {
    run { tool .. "flash", a.file, env = env },
    check = run { tool .. "flashed", a.file, env = env },
    undo = a.previous and run { tool .. "flash", a.previous.file, env = env },
  }
end
POLICY
    sync_at pull && sync_at apply && keep one
    ship plc 1.1.0 two.bin firmware
    sync_at pull && keep before-two
    sync_at apply && keep two
} >setup.out 2>&1

# What runs, if the device and the line agree with it or something is left under way.
running() {
    if ! causeway-sync -C "$1/site" log >"$here/check.out" 2>&1; then
        echo "log: $(cat "$here/check.out")"
        return
    fi
    case $(ls "$1/plant/current/plc/") in
    one.bin) runs=one ;;
    two.bin) runs=two ;;
    *) runs="neither" ;;
    esac
    if [ -e "$1/site/journal.json" ] || cmp -s "$here/$runs.bin" "$1/device"; then
        echo "$runs"
    else
        echo "$runs runs, the device has $(cat "$1/device")"
    fi
}
if [ "$(running "$ROOT"):$(cat "$ROOT/line")" != two:runs ]; then
    cat setup.out
    echo 'Bail out! the site cannot be set up'
    exit 1
fi

setup_apply() {
    setup_from "$1" before-two
}
check_apply() {
    running "$1" | sed 's/^one$/old/; s/^two$/new/'
}
again_apply() {
    again_code=0
    sync_at apply || again_code=$?
    if [ "$again_code" -eq 6 ]; then
        settled "$ROOT" && [ "$(running "$ROOT")" = one ] && [ "$(cat "$ROOT/line")" = runs ] || return
        sync_at unhold --all && sync_at apply || return
    elif [ "$again_code" -ne 0 ]; then
        return "$again_code"
    fi
    settled "$ROOT"
}
fault_plain_tool=$fault_tool
fault_tool=only_sync
only_sync() {
    "$fault_plain_tool" --only causeway-sync "$@"
}
fault_rows 'apply with a delivery' setup_apply 'causeway-sync -C "$ROOT/site" apply' check_apply again_apply

# --- the way back -------------------------------------------------------------------------------------

setup_rollback() {
    setup_from "$1" two
}
check_rollback() {
    running "$1" | sed 's/^two$/old/; s/^one$/new/'
}
again_rollback() {
    if [ "$(running "$ROOT")" = one ] && [ ! -e "$ROOT/site/journal.json" ]; then
        :
    else
        sync_at rollback || return
    fi
    settled "$ROOT" && [ "$(cat "$ROOT/line")" = runs ]
}
fault_rows 'rollback of a delivery' setup_rollback 'causeway-sync -C "$ROOT/site" rollback' check_rollback again_rollback

# --- a scanner ----------------------------------------------------------------------------------------

setup_scan() {
    setup_from "$1" before-two
    sed -i 's|^  site = .*|&\n  scan = { run = { "/usr/bin/test", "-s", "{file}" } },|' "$1/site/site.lua"
}
check_scan() {
    if [ ! -e "$1/site/scans.json" ]; then
        echo old
    elif causeway-sync -C "$1/site" plan >"$here/check.out" 2>&1; then
        grep -q 'was not scanned yet' "$here/check.out" && echo old || echo new
    else
        echo "plan: $(cat "$here/check.out")"
    fi
}
fault_rows scan setup_scan 'causeway-sync -C "$ROOT/site" scan --all' check_scan
fault_tool=$fault_plain_tool

done_testing
