#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# Going back: by hand, and by itself when a check fails or takes too long; holds, and letting go.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site
sync -q pull
expect_exit 1 sync rollback
expect_err 'nothing is installed|unable to open'

# The very first installation fails: nothing is installed then either.
printf 'function decide() return accept "all" end\nfunction check() return { run { "/bin/false" } } end\n' >site/policy.lua
expect_exit 9 sync apply
expect 'nothing is installed' test "$(generation)" = none
expect_exit 6 sync apply
expect_err "held by hold 1: gateway 1\.0\.0: check '/bin/false' exited with 1"
default_policy
expect_exit 0 sync unhold 1
expect_exit 0 sync apply
expect 'the number of the failed one is not used again' test "$(generation)" = 2

# A release whose own test fails.
SELFTEST='echo the sensor is gone; exit 3' make_build gateway 1.1.0
ship gateway 1.1.0
sync -q pull
expect_exit 9 sync apply
expect_out '^ *\| the sensor is gone$'
expect_err 'gateway 1\.1\.0: check .* exited with 3.*generation 2 runs again'
expect 'the generation before runs' test "$(generation), $(plant/current/gateway/bin/tool)" = '2, gateway 1.0.0'
expect_exit 0 sync --json log
expect 'the log has what the check said' grep -q 'the sensor is gone' "$out"
expect_exit 0 sync status
expect_out 'hold 2 +acme/stable serial 2, since .* by check'
expect_exit 6 sync apply
expect_exit 0 sync update
expect_out 'held by hold 2'
expect 'a timer does not try it again' test "$(generation)" = 2
expect_exit 1 sync rollback 3
expect_err 'failed its check'

# The vendor's next serial is tried by itself.
SELFTEST='sleep 60 & sleep 60' make_build gateway 1.2.0
ship gateway 1.2.0
sync -q pull
sed -i 's/5s/1s/' site/policy.lua
expect_exit 9 sync apply
expect_err 'took longer than 1 s'
expect 'the generation before runs' test "$(generation)" = 2
default_policy
make_build gateway 1.3.0
ship gateway 1.3.0
expect_exit 0 sync update
expect 'the mended release runs' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.3.0'
good=$(generation)

# By hand.
expect_exit 0 sync rollback --reason 'it hums'
expect_out 'generation 2 runs'
expect 'the old release runs' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.0.0'
expect_exit 0 sync update
expect_out 'it hums'
expect 'an update does not undo it' test "$(generation)" = 2
expect_exit 1 sync rollback 2
expect_err 'runs already'
expect_exit 2 sync rollback two
expect_exit 0 sync rollback "$good"
expect_exit 0 sync rollback
expect_exit 0 sync unhold --all
expect_exit 0 sync update
expect 'after unhold it is applied again' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.3.0'
expect_exit 0 sync unhold --all
expect_out 'there are no holds'

# Holds by hand.
expect_exit 0 sync hold gatway --reason 'a slip of the hand'
expect_err "no upstream ships a product 'gatway' at present"
expect_exit 0 sync unhold gatway
expect_exit 0 sync log
expect_out 'hold .* on gatway by person: a slip of the hand'
expect_exit 0 sync hold gateway 1.4.0 --reason 'known to leak'
refute_err 'at present'
make_build gateway 1.4.0
ship gateway 1.4.0
expect_exit 0 sync update
expect_out 'known to leak'
expect_exit 6 sync apply
expect_exit 1 sync rollback 77
expect_err ': there is no generation 77$'
expect_exit 2 sync hold ../x
expect_exit 2 sync hold gateway one
expect_exit 1 sync unhold plc
expect_exit 2 sync unhold
expect_exit 0 sync unhold gateway
expect_exit 0 sync apply
expect 'then it goes in' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.4.0'

# A product that leaves the channel leaves the plant; an independent one is decided alone.
make_build plc 1.0.0
ship plc 1.0.0
sed -i 's/channel = "stable",/&\n      independent = { "plc" },/' site/site.lua
expect_exit 0 sync hold plc
make_build gateway 1.5.0
ship gateway 1.5.0
expect_exit 0 sync update
expect 'the rest went in' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.5.0'
expect 'the held one did not' test ! -e plant/current/plc
expect_exit 0 sync unhold plc
expect_exit 0 sync update
expect 'then it did' test "$(plant/current/plc/bin/tool)" = 'plc 1.0.0'

# A run that is killed takes its check with it, and all that the check has started.
make_build gateway 1.6.0
ship gateway 1.6.0
sync -q pull
cat >site/policy.lua <<EOS
function decide() return accept "all" end
function check(release)
  return { run { "/bin/sh", "-c", "sleep 300 & echo \$! \$\$ >$TEST_DIR/pids; wait" } }
end
EOS
causeway-sync -C site -q apply >killed.out 2>&1 &
apply=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ ! -s pids ] || break
    sleep 0.1
done
expect 'a check runs' test -s pids
kill -9 "$apply"
wait "$apply" 2>/dev/null
# shellcheck disable=SC2013 # words, not lines
for process in $(cat pids); do
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$process" 2>/dev/null || break
        sleep 0.1
    done
    expect 'a process of the check is gone' test ! -e "/proc/$process"
done
default_policy
expect_exit 6 sync apply
expect_err 'interrupted during its check'

# Asked to stop while a check runs, an apply goes back by itself, and nothing of the check goes on, not even what left its session.
before=$(generation)
# shellcheck disable=SC2016 # the selftest's own variables
SELFTEST='setsid sleep 311 & echo $! >"$HOME/stray"; kill -TERM $PPID; sleep 4' make_build gateway 9.0.0
ship gateway 9.0.0
default_policy
sync -q pull
expect_exit 9 sync apply
expect_err 'gateway 9\.0\.0: check .* was interrupted \(signal 15\): generation .* runs again'
expect 'the generation before runs' test "$(generation)" = "$before"
expect 'what the check started is gone' test -s plant/data/gateway/stray -a ! -d "/proc/$(cat plant/data/gateway/stray)"

done_testing
