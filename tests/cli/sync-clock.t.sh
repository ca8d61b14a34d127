#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# What upstreams prove of the time, and a person's word where that is not enough.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

now=$(date +%s)
day=86400

# at DAYS CMD...: runs a command of the publisher at that distance from today.
at() {
    SOURCE_DATE_EPOCH=$((now + $1 * day))
    export SOURCE_DATE_EPOCH
    shift
    "$@"
    unset SOURCE_DATE_EPOCH
}

day_of() {
    date -u -d "@$((now + $1 * day))" +%Y-%m-%d
}

at -800 publisher_init --root-expires 20y --targets-expires 20y --product-expires 20y --channel-expires 20y --snapshot-expires 20y \
    --timestamp-expires 20y
at -800 publisher_release gateway 1.0.0
at -800 publisher_publish
site_init site
expect_exit 0 causeway-sync -C site clock
expect_out 'nothing pulled yet'
expect_out 'windows may open'
expect_exit 2 causeway-sync -C site clock conform

expect_exit 0 causeway-sync -C site pull repo/tree
refute_err .
expect_exit 0 causeway-sync -C site clock
expect_out "acme: not before $(day_of -800)"

# A jump of more than 400 days stays out of the floor until it is confirmed; the set itself enters.
publisher_release gateway 1.1.0
publisher_publish
expect_exit 0 causeway-sync -C site pull repo/tree
expect_out 'serial 2'
expect_err 'more than 400 days.*clock confirm'
expect_exit 0 causeway-sync -C site --json clock
expect_out "\"floor\": \"$(day_of -800)"
expect_out "\"pending\": \"$(day_of 0)"
expect_exit 0 causeway-sync -C site clock confirm
expect_out "confirmed: not before $(day_of 0)"
expect_exit 0 causeway-sync -C site clock confirm
expect_out 'nothing to confirm'
expect_exit 0 causeway-sync -C site clock
refute_out 'waits for'
expect_exit 0 causeway-sync -C site log
expect_out ' clock '
expect_exit 0 causeway-sync -C site status
expect_out "^confirmed +acme: by a person's word it is not before $(day_of 0)"
expect_exit 0 causeway-sync -C site pull repo/tree
refute_err .

# The clock is behind what was published: windows stay closed until it is set, or a person says that it is right.
publisher_release gateway 1.2.0
at 100 publisher_publish
expect_exit 0 causeway-sync -C site pull repo/tree
expect_err 'the clock is wrong'
expect_exit 0 causeway-sync -C site --json clock
expect_out '"windows_may_open": false'
expect_exit 0 causeway-sync -C site clock confirm
expect_out 'windows may open'

# Expiry is judged by the floor when that is later than the clock.
mkdir ahead
cd ahead || exit 99
at 100 publisher_init
publisher_release gateway 1.0.0
cp -a repo repo-120
mkdir late
mv repo-120 late/repo
cp -a build late/build
(cd late && at 120 publisher_publish)
site_init site
expect_exit 0 causeway-sync -C site pull late/repo/tree
at 101 publisher_publish
publisher_release gateway 1.1.0
at 102 publisher_publish
expect_exit 4 causeway-sync -C site pull repo/tree
expect_err 'expired'
cd ..

# The first thing that is ever pulled is far ahead of the clock: so the clock may stand in 1970, and no window opens by it.
mkdir battery
cd battery || exit 99
at 500 publisher_init
publisher_release gateway 1.0.0
at 500 publisher_publish
site_init site
expect_exit 0 causeway-sync -C site pull repo/tree
expect_err 'more than 400 days.*clock confirm'
expect_exit 0 causeway-sync -C site clock
expect_out 'stay closed'
cd ..

# Nothing new for longer than site.lua's `stale`: an alarm of its own, also where nothing has expired and no pull failed.
mkdir silent
cd silent || exit 99
at -20 publisher_init --timestamp-expires 1y --snapshot-expires 1y
publisher_release gateway 1.0.0
at -20 publisher_publish
site_init site --source "$PWD/repo/tree"
sed -i 's/^  upstreams = {/  stale = "14d",\n&/' site/site.lua
expect_exit 0 causeway-sync -C site pull
expect_err "nothing newer than $(day_of -20)T.* came from 'acme', for 20 days"
expect_exit 0 causeway-sync -C site status
expect_out "^stale +acme: nothing newer than $(day_of -20)T"
sed -i 's/"14d"/"21d"/' site/site.lua
expect_exit 0 causeway-sync -C site pull
refute_err .
sed -i 's/"21d"/"0d"/' site/site.lua
expect_exit 1 causeway-sync -C site status
expect_err 'stale: a length of time above 0'
sed -i 's/"0d"/"14d"/' site/site.lua

# Clocks of machines without a battery, and of the far future.
if command -v faketime >/dev/null; then
    # shellcheck disable=SC2317 # expect_exit calls it
    clock() {
        ASAN_OPTIONS="verify_asan_link_order=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}" faketime "$@"
    }
    printf 'function decide() return accept { window = "daily 00:00-24:00 UTC" } end\n' >site/policy.lua
    sed -i "s,^  -- install = .*,  install = { root = \"$PWD/plant\" }\,," site/site.lua
    for when in '1970-01-01 00:00:10' '2001-01-01 00:00:00'; do
        expect_exit 0 clock "$when" causeway-sync -C site status
        expect_out 'is wrong: something signed at'
        expect_exit 6 clock "$when" causeway-sync -C site apply
        expect_err 'the clock is not trusted, so no window can open'
        expect_exit 0 clock "$when" causeway-sync -C site clock
        expect_out 'stay closed'
    done
    expect_exit 4 clock '2040-02-01 00:00:00' causeway-sync -C site pull
    expect_err 'expired'
    expect_exit 0 clock '2040-02-01 00:00:00' causeway-sync -C site status
    expect_out '^clock +2040-02-01T'
    expect_out '^stale '
    # What has entered is applied whenever the policy says so, and the history holds across all of it.
    expect_exit 0 clock '2040-02-01 00:00:00' causeway-sync -C site apply
    expect_exit 0 causeway-sync -C site log --verify
    expect_exit 0 causeway-sync -C site log
    expect_out '2040-02-01T00:00:.*apply'
else
    skip 'clocks that are wrong' 'faketime is not installed'
fi
cd ..

done_testing
