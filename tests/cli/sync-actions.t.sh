#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119,SC2016 # make_site may be called without arguments; variables are the actions' own
# Actions stage by stage: what runs when, with what environment, as whom, and what a failed or interrupted one leads to.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

# An action that writes down what it saw, and fails, or kills the run that it belongs to, when it is told so.
cat >act <<EOF
#!/bin/sh
echo "\$CAUSEWAY_STAGE \$CAUSEWAY_PRODUCT \$CAUSEWAY_FROM->\$CAUSEWAY_VERSION \$(readlink $TEST_DIR/plant/current | sed 's,.*/,,') \$*" >>$TEST_DIR/seen
echo "this is \$CAUSEWAY_STAGE"
if [ -e $TEST_DIR/crash-\$CAUSEWAY_STAGE ]; then
    rm $TEST_DIR/crash-\$CAUSEWAY_STAGE
    kill -9 \$PPID
    sleep 5
fi
[ ! -e $TEST_DIR/fail-\$CAUSEWAY_STAGE ] || exit 3
EOF
chmod +x act
policy() {
    cat >site/policy.lua <<EOF
function decide() return accept "all" end
local function act(words)
  words.timeout = "5s"
  table.insert(words, 1, "$TEST_DIR/act")
  return { run(words) }
end
function before(r) return act { r.dir or "-" } end
function stage(r) return act { r.dir } end
function check(r) return act { r.dir } end
function after(r) return act { r.product, env = { EXTRA = "more" } } end
function undo(r) return act { r.dir or "-" } end
EOF
}
seen() { tr '\n' ';' <seen | sed "s,$TEST_DIR/plant,P,g"; }
stages() { cut -d' ' -f1 seen | tr '\n' ' '; }
next_try() {
    rm -f seen fail-* crash-*
    sync -q unhold --all 2>/dev/null
}

make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site
policy
sync -q pull
expect_exit 0 sync plan
expect_out "^    before: $TEST_DIR/act -"
expect_out "^    undo: $TEST_DIR/act -"
touch fail-before
expect_exit 6 sync apply
expect_err "gateway 1\.0\.0: before '.*/act -' exited with 3: nothing that runs was changed"
expect_out '^ *\| this is before$'
expect 'before and undo ran, and nothing is there' test "$(seen)$(generation)" = \
    'before gateway ->1.0.0  -;undo gateway ->1.0.0  -;none'
expect 'nothing was staged' test -z "$(ls plant/releases 2>/dev/null)"
next_try
touch fail-stage
expect_exit 6 sync apply
expect 'so with stage' test "$(seen)" = \
    'before gateway ->1.0.0  -;stage gateway ->1.0.0  P/releases/gateway/1.0.0/any;undo gateway ->1.0.0  -;'
expect 'no generation is left' test -z "$(ls plant/generations)"
next_try
expect_exit 0 sync apply
expect_out "after '.*': passed in"
first=$(generation)
expect 'all stages in their order' test "$(seen)" = \
    "before gateway ->1.0.0  -;stage gateway ->1.0.0  P/releases/gateway/1.0.0/any;check gateway ->1.0.0 $first P/current/gateway;after gateway ->1.0.0 $first gateway;"

make_build gateway 1.1.0
ship gateway 1.1.0
sync -q pull
next_try
touch fail-check fail-undo
expect_exit 9 sync apply
expect_err 'warning: going back, gateway 1\.1\.0: undo .* exited with 3'
expect 'undo ran when the old one was back' test "$(tail -n 1 seen | sed "s,$TEST_DIR/plant,P,")" = \
    "undo gateway 1.0.0->1.1.0 $first P/current/gateway"
expect_exit 0 sync --json log
expect 'the history has stage, exit code, output' sh -c 'tr -d "\n" <"$1" | grep -q "\"exit\": 3.*\"output\": \"this is undo.n\""' sh "$out"

# The machine stops within each of them: the next command goes back, and undoes.
for stage in before stage check; do
    next_try
    touch "crash-$stage"
    expect_exit 137 sync apply
    : >seen
    expect_exit 0 sync plan
    expect_err 'an earlier run was interrupted while'
    expect "after a crash in $stage it is undone once" test "$(stages)$(generation)" = "undo $first"
done
next_try
touch fail-check crash-undo
expect_exit 137 sync apply
: >seen
expect_exit 0 sync plan
expect_err 'interrupted while undoing generation'
expect 'undo that was interrupted is begun again' test "$(stages)" = 'undo '
next_try
touch crash-undo fail-check
expect_exit 137 sync apply
touch crash-undo
expect_exit 137 sync plan
: >seen
expect_exit 0 sync plan
expect_err 'but gateway 1\.1\.0: undo .* was interrupted; it is not run again'
expect 'but not for ever' test ! -s seen
next_try
touch crash-after
expect_exit 137 sync apply
expect 'it is committed by then' test "$(generation)" -gt "$first"
: >seen
expect_exit 0 sync plan
expect_err 'finishing generation .*it runs, and what was to follow was done; but .*after .* was interrupted; it is not run again'
expect 'what was interrupted after the commit is not begun again' test ! -s seen
expect 'the journal is closed' test ! -e site/journal.json

# A rollback undoes, with the plan's own words, whatever the policy says now.
: >seen
default_policy
expect_exit 0 sync rollback
expect 'a rollback undoes' test "$(seen)" = "undo gateway 1.0.0->1.1.0 $first P/current/gateway;"
policy
next_try
expect_exit 0 sync apply
record=plant/generations/$(generation)/.generation.json
chmod u+w "$(dirname "$record")" "$record"
sed -i 's/"timeout": 5/"timeout": 5, "user": "no-such-user"/' "$record"
: >seen
expect_exit 1 sync rollback
expect_err "generation $first runs again, but gateway 1\.1\.0: undo .* was not run: there is no user 'no-such-user'"
expect 'it is over all the same' test "$(generation)" = "$first" -a ! -e site/journal.json
next_try
touch fail-after
expect_exit 1 sync apply
expect_err 'generation [0-9]+ runs, but gateway 1\.1\.0: after .* exited with 3'
now=$(generation)
expect_exit 0 sync apply
expect 'it stays' test "$(generation)" = "$now"

# Exit codes, environment, folder, what daemons leave, a hanging one, output without end.
make_build gateway 1.2.0
ship gateway 1.2.0
sync -q pull
cat >site/policy.lua <<EOF
function decide() return accept "all" end
function stage(r)
  return {
    run { "/bin/sh", "-c", "exit 4", exit = { 0, 4 } },
    run { "/bin/sh", "-c", "env; pwd", env = { EXTRA = "more", HOME = "/elsewhere" }, dir = "$TEST_DIR/site" },
    run { "/bin/sh", "-c", "setsid sleep 30 >/dev/null 2>&1 & echo \$! >$TEST_DIR/daemon" },
    run { "/bin/sh", "-c", "yes | head -c 3000000" },
    run { "/bin/sleep", "30", timeout = "1s" },
  }
end
EOF
expect_exit 6 sync apply
expect_err "stage '/bin/sleep 30' took longer than 1 s: nothing"
expect 'what it left running is gone' sh -c '! kill -0 "$(cat daemon)" 2>/dev/null'
expect_exit 0 sync --json log
expect 'environment and folder are as said' sh -c 'grep -q "EXTRA=more" "$1" && grep -q "HOME=/elsewhere" "$1" &&
    grep -q "CAUSEWAY_FROM=1.1.0" "$1" && grep -q "$2/site.n" "$1" && ! grep -q "TEST_DIR=" "$1"' sh "$out" "$TEST_DIR"
expect 'the exit code that was allowed is in the history' grep -q '"exit": 4' "$out"

# As another user.
printf 'function decide() return accept "all" end\nfunction check() return { run { "/usr/bin/id", user = "no-such-user" } } end\n' >site/policy.lua
expect_exit 1 sync apply
expect_err "check '/usr/bin/id \(as no-such-user\)': there is no user 'no-such-user' on this machine"
sed -i "s/user = .*/user = \"nobody\", group = \"$(id -gn nobody)\" } } end/" site/policy.lua
before=$(generation)
if [ "$(id -u)" = 0 ]; then
    expect_exit 0 sync apply
    expect_exit 0 sync --json log
    expect 'it runs as nobody, and as nothing else' \
        grep -q "uid=$(id -u nobody)(nobody) gid=$(id -g nobody)([a-z]*) groups=$(id -g nobody)([a-z]*).n" "$out"
else
    expect_exit 1 sync apply
    expect_err "only root may run a command as user 'nobody'"
    expect 'nothing was begun' test "$(generation)" = "$before"
fi

# It has no terminal into which it could type what this program's user would then be taken to have typed.
if can_make_terminal; then
    cat >site/policy.lua <<EOF
function decide() return accept "all" end
function before() return { run { "/bin/sh", "-c", "if (: </dev/tty) 2>/dev/null; then exit 1; fi" } } end
EOF
    make_build gateway 1.3.0
    ship gateway 1.3.0
    sync -q pull
    expect_exit 0 script -qec "causeway-sync -C '$TEST_DIR/site' apply" /dev/null
else
    skip 'a command has no terminal' "'script' makes no terminal here"
fi

done_testing
