#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# Policies that are broken or hostile, and archives that are: each refused with its reason and exit code, nothing changed.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site
sync -q pull
sync -q apply
make_build gateway 1.1.0
ship gateway 1.1.0
sync -q pull
state=$(tree_state)

# refuses CODE NAME PATTERN LUA: apply with this policy ends so, and nothing changed.
refuses() {
    printf '%s\n' "$4" >site/policy.lua
    run sync apply
    if [ "$code" -eq "$1" ] && grep -Eq "$3" "$err" && [ "$(tree_state)" = "$state" ]; then
        ok "refused: $2"
    else
        not_ok "refused: $2"
        tap_show_run
    fi
}

refuses 6 'hold' 'held by policy: not on a Monday' 'function decide() return hold "not on a Monday" end'
refuses 6 'reject' 'rejected by policy: never' 'function decide() return reject "never" end'
refuses 6 'no decision' 'held by policy' 'function decide() end'
refuses 6 'no decide function' 'held by policy' 'x = 1'
refuses 6 'a decision of another kind' 'held by policy' 'function decide() return "yes" end'
refuses 6 'a word that is not known' 'held by policy' 'function decide() return accept { windwo = "Sat" } end'
refuses 6 'an error' 'policy\.lua:1: .*oops' 'function decide() error "oops" end'
refuses 6 'a mistake in the syntax' 'policy\.lua:1' 'function decide( return'
refuses 6 'a loop' 'held by policy' 'function decide() while true do end end'
refuses 6 'a loop that swallows errors' 'held by policy' 'function decide() while true do pcall(function() while true do end end) end end'
refuses 6 'a pattern that backtracks' 'held by policy' 'function decide() return ("a"):rep(10000):find((".-"):rep(20) .. "b") end'
refuses 6 'memory' 'held by policy' 'function decide() local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1e6) .. i end end'
refuses 6 'recursion' 'held by policy' 'function decide() local function f() return 1 + f() end return f() end'
refuses 6 'files' 'held by policy' 'function decide() io.open("/etc/passwd") return accept "x" end'
refuses 6 'processes' 'held by policy' 'function decide() os.execute("true") return accept "x" end'
refuses 6 'loading' 'held by policy' 'function decide() load("return 1")() return accept "x" end'
refuses 6 'a check that raises' 'held by policy: policy\.lua:2' 'function decide() return accept "x" end
function check() error "no" end'
refuses 6 'a check without a path' 'held by policy' 'function decide() return accept "x" end
function check() return { run { "selftest" } } end'
refuses 6 'a window that is closed' 'waits: ' 'function decide() return accept { not_before = "2099-01-01T00:00:00Z" } end'
printf 'function decide() return accept { not_before = "2099-01-01T00:00:00Z" } end\n' >site/policy.lua
expect_exit 0 sync plan
expect_out 'waits: '
expect_exit 0 sync update
expect_out 'waits: '
expect 'still nothing changed' test "$(tree_state)" = "$state"
rm site/policy.lua
expect_exit 1 sync apply
expect_err 'policy\.lua'
default_policy

# hostile NAME PATTERN FILE: a release whose archive is FILE is refused at staging.
version=1
hostile() {
    version=$((version + 1))
    ship gateway "$version.0.0" "$3" || return
    sync -q pull
    expect_exit 3 sync apply
    if grep -Eq "$2" "$err" && [ "$(tree_state)" = "$state" ] && [ -z "$(find plant -name '.tmp-*')" ]; then
        ok "refused: $1"
    else
        not_ok "refused: $1"
        tap_show_run
        diag "$(find plant | sort | head -30)"
    fi
}

mkdir -p evil/d
echo x >evil/x
ln -s /etc/passwd evil/absolute
ln -s ../../../x evil/out
ln -s d evil/link
tar -C evil -cf out/up.tar --transform 's,^x$,../../x,' -P x
hostile 'a member above' '\.\.' out/up.tar
tar -C evil -cf out/abs.tar --transform 's,^x$,/tmp/causeway-evil,' -P x
hostile 'an absolute member' '/tmp/causeway-evil' out/abs.tar
tar -C evil -cf out/abslink.tar absolute
hostile 'a link to an absolute path' 'absolute' out/abslink.tar
tar -C evil -cf out/outlink.tar out
hostile 'a link that leads out' "out" out/outlink.tar
tar -C evil -cf out/under.tar link
tar -C evil -rf out/under.tar --transform 's,^x$,link/x,' x
hostile 'a member beneath a link' 'link' out/under.tar
mkfifo evil/pipe
tar -C evil -cf out/pipe.tar pipe
hostile 'a pipe' 'pipe' out/pipe.tar
if mknod evil/null c 1 3 2>/dev/null; then
    tar -C evil -cf out/device.tar null
    hostile 'a device' 'null' out/device.tar
else
    skip 'refused: a device' 'mknod is not allowed here'
fi
chmod 4755 evil/x
tar -C evil -cf out/setuid.tar x
hostile 'a set-uid program' "x" out/setuid.tar
tar -C evil -cf out/twice.tar d
tar -C evil -rf out/twice.tar link
tar -C evil -rf out/twice.tar --transform 's,^x$,link,' x
hostile 'a name twice' 'link' out/twice.tar
head -c 100 out/up.tar >out/cut.tar
hostile 'no archive at all' 'cut\.tar' out/cut.tar
rm -rf evil/bomb && mkdir evil/bomb && truncate -s 200M evil/bomb/zeros
tar -C evil/bomb -czf out/bomb.tar.gz zeros
hostile 'a bomb' 'more than' out/bomb.tar.gz

make_build gateway 99.0.0
ship gateway 99.0.0
expect_exit 0 sync update
expect 'after all that, a good release goes in' test "$(plant/current/gateway/bin/tool)" = 'gateway 99.0.0'

done_testing
