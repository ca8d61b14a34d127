#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2119,SC2317 # functions that fault_rows calls
# Apply and rollback under every fault: `current` leads to the old generation or the new one, each whole, and the next runs
# finish or undo what was interrupted.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"
# An apply makes some hundred changes; the harness's default for each fault would take minutes. CW_FAULT_FULL=1 tries all.
CW_FAULT_MAX=${CW_FAULT_MAX:-4}
. "$CW_SRCDIR/tests/fault/lib.sh"

# The site lives where the harness puts each copy, because site.lua names its install root.
ROOT=$fault_dir/root
mkdir -p "$ROOT"
make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site "$ROOT/plant"
sync -q pull
sync -q apply
make_build gateway 1.1.0
echo 'setpoint = 7' >out/table.cfg
ship gateway 1.1.0
ship tables 1.0.0 out/table.cfg file
cat >site/policy.lua <<'EOS'
function decide() return accept "tests take all" end
function check(release)
  if release.product == "gateway" then return { run { release.dir .. "/bin/selftest", timeout = "5s" } } end
  return {}
end
EOS
sync -q pull

# Two states, kept aside: before the apply, and after it.
mkdir before after
cp -a site "$ROOT/plant" before/
sync -q apply
cp -a site "$ROOT/plant" after/

setup() {
    cp -a before/site before/plant "$1"
}

# What runs, if all of it is there.
check() {
    check_tool=$("$1/plant/current/gateway/bin/tool" 2>&1)
    check_table=$(cat "$1/plant/current/tables/table.cfg" 2>/dev/null)
    causeway-sync -C "$1/site" log >check.out 2>&1 || check_tool="log: $(cat check.out)"
    case $check_tool$check_table in
    'gateway 1.0.0') echo old ;;
    'gateway 1.1.0setpoint = 7') echo new ;;
    *) echo "'$check_tool' and '$check_table' run" ;;
    esac
}

# Recovering may have put a hold, as it should where a check had begun.
retry() {
    causeway-sync -C "$ROOT/site" -q unhold --all &&
        causeway-sync -C "$ROOT/site" -q apply &&
        test ! -e "$ROOT/site/journal.json" &&
        test -z "$(find "$ROOT/plant" "$ROOT/site" -name '.tmp-*')"
}

fault_rows apply setup 'causeway-sync -C "$ROOT/site" apply' check retry

# Back again: what was new is now the old.
setup_back() {
    cp -a after/site after/plant "$1"
}

check_back() {
    case $(check "$1") in
    old) echo new ;;
    new) echo old ;;
    *) check "$1" ;;
    esac
}

retry_back() {
    causeway-sync -C "$ROOT/site" -q plan
    test "$(check "$ROOT")" = old || causeway-sync -C "$ROOT/site" -q rollback
}

fault_rows rollback setup_back 'causeway-sync -C "$ROOT/site" rollback' check_back retry_back

done_testing
