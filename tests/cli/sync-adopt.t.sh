#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# A product that was installed by hand is taken for the release that it is, or is told how it differs; then it is updated and gone back to.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
rm -rf hand && mkdir -p hand/bin hand/lib out
printf '#!/bin/sh\necho gateway 1.0.0\n' >hand/bin/tool
chmod 755 hand/bin/tool
echo library >hand/lib/libgate.so.1
ln -s libgate.so.1 hand/lib/libgate.so
tar -C hand -cf out/gateway-1.0.0.tar bin lib
ship gateway 1.0.0
echo flash >plc.bin
ship plc 2.0.0 plc.bin firmware
make_site
# No action may run: each would leave a trace.
cat >site/policy.lua <<LUA
function decide() return hold "the plant runs" end
local function trace() return { run { "/bin/sh", "-c", "echo ran >>$TEST_DIR/ran" } } end
before, stage, check, after, undo = trace, trace, trace, trace, trace
function deliver() return store "fetched by hand" end
LUA

expect_exit 1 sync adopt gateway hand
expect_err 'nothing was pulled yet'
sync -q pull
expect_exit 1 sync adopt gatewax hand
expect_err "no upstream's set has a product 'gatewax'"
expect_exit 1 sync adopt gateway nowhere
expect_err "'nowhere'"
expect_exit 1 sync adopt plc hand
expect_err "'plc/2\.0\.0/plc\.bin' is a firmware, which is handed on to something that cannot be compared"

# What differs is told, and all stays as it was.
cp -a hand other
echo more >>other/lib/libgate.so.1
chmod -x other/bin/tool
ln -sfn elsewhere other/lib/libgate.so
expect_exit 3 sync adopt gateway other
expect_err "'bin/tool' cannot be executed"
expect_err "'lib/libgate\.so' leads elsewhere"
expect_err "'lib/libgate\.so\.1' has other content"
expect_err "'other' is not gateway 1\.0\.0 \(any\): 3 differ$"
rm -rf other/lib && touch other/lib
expect_exit 3 sync adopt gateway other
expect_err "'lib' is something else"
refute_err "'lib/libgate"
rm other/lib
expect_exit 3 sync adopt gateway other
expect_err "'lib' is missing"
expect 'nothing is installed, nothing staged' test "$(generation)$(ls plant/releases 2>/dev/null)" = none
expect 'nothing is under way' test ! -e site/journal.json

# It is what it is said to be; what is more is told, and what products keep is kept.
mkdir -p hand/etc/conf.d plant/data/gateway
echo 'port = 7' >hand/etc/gateway.conf
echo state >plant/data/gateway/state
before=$(find hand -printf '%p %m %T@ %i\n' | sort)
expect_exit 0 sync adopt gateway hand
expect_err "not of the release, and not taken: 'etc' and all in it$"
expect_out "'hand' is gateway 1\.0\.0 \(any\): all 3 files as they were signed"
expect_out 'generation [0-9]+ has it'
expect 'it is current' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.0.0'
expect 'without what is not of the release' test ! -e plant/current/gateway/etc
expect 'the folder was only read' test "$(find hand -printf '%p %m %T@ %i\n' | sort)" = "$before"
expect 'data is kept' test "$(cat plant/data/gateway/state)" = state
expect 'nothing was run' test ! -e ran
expect_exit 0 sync adopt gateway hand
expect_out 'nothing to do'
expect_exit 0 sync log
expect_out ' adopt .*folder=hand'
expect_exit 0 sync log --verify
expect_exit 0 sync plan
expect_out 'plc +\(new\) -> 2\.0\.0'
refute_out '^  gateway '
expect_exit 0 sync --json status
expect_out '"version": "1.0.0"'

# From there on it is like any other.
make_build gateway 1.1.0
ship gateway 1.1.0
sync -q pull
expect_exit 1 sync adopt gateway hand
expect_err 'gateway 1\.0\.0 is installed, from upstream .acme.: .causeway-sync apply. updates it'
default_policy
cat >>site/policy.lua <<'LUA'
function deliver() return store "fetched by hand" end
check = nil
LUA
expect_exit 0 sync plan
expect_out 'gateway +1\.0\.0 -> 1\.1\.0'
expect_exit 0 sync apply
expect 'the new one runs' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.1.0'
expect_exit 0 sync rollback
expect 'and it is gone back to' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.0.0'

done_testing
