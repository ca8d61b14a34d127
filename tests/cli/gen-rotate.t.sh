#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119,SC2317 # functions that expect_exit calls
# Changing which keys sign: every role's keys are replaced while clients go on refreshing, a stolen key reaches nobody, a lost one is
# made up for.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
fault=$CW_BUILDDIR/tests/fault/cw-fault

gen() {
    causeway-gen -C repo "$@"
}

publisher_init
publisher_release gateway 1.0.0
publisher_publish
site_init site --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C site pull

# What cannot be.
expect_exit 1 gen key rotate gatway product-gateway spare
expect_err "there is no key 'spare'"
gen key new spare >new.out 2>&1
expect_exit 1 gen key rotate gatway product-gateway spare
expect_err "there is no role 'gatway'"
expect_exit 1 gen key rotate gateway channel-stable spare
expect_err "does not sign for role 'gateway'"
expect_exit 1 gen key rotate gateway product-gatway spare
expect_err "there is no key 'product-gatway'"
expect_exit 1 gen key add root root-1
expect_err "key 'root-1' signs for role 'root' already"
expect_exit 1 gen key remove timestamp timestamp
expect_err 'nobody could sign for it'
expect_exit 1 gen key threshold root 4
expect_err "role 'root' would have 3 keys and a threshold of 4"
expect_exit 2 gen key threshold root two
expect 'nothing was staged by any of them' test ! -e repo/staged/keys.json
expect_exit 0 gen key rotate gateway product-gateway spare
expect_exit 0 gen status
expect_out "^keys of gateway: - 'product-gateway' \([0-9a-f]{16}\) \+ 'spare' \([0-9a-f]{16}\), threshold 1\$"
expect_exit 0 gen key undo
expect_out '^forgot what was staged for the keys of gateway$'
expect_exit 0 gen status
expect_out 'nothing is staged'

# interrupted WHAT: publish is stopped after each of its changes to the disk in turn; whenever the tree then is another than before, a
# client that trusted the last state and one that begins with the first root refresh without an error.
interrupted() {
    n=0
    failed=
    states=0
    : >seen
    while :; do
        n=$((n + 1))
        rm -rf try && mkdir try && cp -a repo site try/
        sed "s|$PWD/repo/tree|$PWD/try/repo/tree|" site/site.lua >try/site/site.lua
        "$fault" kill "$n" keep try/repo -- causeway-gen -C try/repo publish >killed 2>&1
        [ $? -eq 137 ] || break
        (cd try/repo/tree && find . -type f ! -name '.tmp-*' | sort && cat metadata/timestamp.json) >seen-now
        cmp -s seen seen-now && continue
        mv seen-now seen
        states=$((states + 1))
        causeway-sync -C try/site pull >pulled 2>&1 || failed="$failed $n (last state): $(tail -n 1 pulled)"
        rm -rf try/site && causeway-sync init try/site --root "$root" --fingerprint "$fingerprint" --upstream acme \
            --source "$PWD/try/repo/tree" >pulled 2>&1
        causeway-sync -C try/site pull >pulled 2>&1 || failed="$failed $n (first root): $(tail -n 1 pulled)"
        causeway-gen -C try/repo publish >again 2>&1 && causeway-gen -C try/repo verify >>again 2>&1 ||
            failed="$failed $n (retry): $(tail -n 1 again)"
    done
    if [ -z "$failed" ] && [ "$states" -ge 3 ]; then
        ok "$1: no refresh fails in any state of the tree, and the retry completes"
        diag "$states states"
    else
        not_ok "$1: no refresh fails in any state of the tree, and the retry completes"
        diag "of $states states at$failed"
    fi
}

# Every key of every role, one role after the other.
for role in timestamp snapshot targets root gateway stable; do
    case $role in
    gateway) old=product-gateway ;;
    stable) old=channel-stable ;;
    root | targets) old="$role-1" ;;
    *) old=$role ;;
    esac
    gen key new "new-$role" >new.out 2>&1
    expect_exit 0 gen key rotate "$role" "$old" "new-$role"
    [ "$role" != timestamp ] || interrupted timestamp
    expect_exit 0 gen publish
    expect_out "^keys of $role:"
    mkdir -p old && mv "repo/keys/$old.key" "repo/keys/$old.pub" old/
    expect_exit 0 causeway-sync -C site pull
    expect_exit 0 gen verify
done
expect 'four of them are in roots' test -e repo/tree/metadata/5.root.json
publisher_release gateway 1.1.0
expect_exit 0 gen publish
expect_exit 0 causeway-sync -C site pull
expect_out 'complete and genuine: stable serial 2'
site_init fresh --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C fresh pull

# Several at once, more keys, a higher threshold.
gen key new more >new.out 2>&1
for role in snapshot targets gateway stable; do
    expect_exit 0 gen key add "$role" more
done
expect_exit 0 gen key threshold stable 2
interrupted 'several at once'
expect_exit 0 gen publish
expect_exit 0 gen key who
expect_out '^  channel stable, with 1 of: '
publisher_release gateway 1.2.0
mv repo/keys/more.key old/
expect_exit 7 gen publish
expect_out "^missing for stable: 1 of 'more'$"
mv old/more.key repo/keys/
expect_exit 0 gen publish
expect_exit 0 causeway-sync -C site pull
expect_out 'serial 3'

# A product's key is stolen: who holds it signs what he likes, but nothing of it reaches a site without the channel's key; and once it
# was replaced, not even that would help.
cp -a repo thief
rm thief/keys/new-stable.key thief/keys/more.key
publisher_release gateway 6.6.6
cp -a repo/staged/. thief/staged/
cp -a repo/tree/targets/gateway/6.6.6 thief/tree/targets/gateway/
expect_exit 7 causeway-gen -C thief publish
expect_out "^missing for stable: 2 of 'more', 'new-stable'$|^missing for stable: 2 of 'new-stable', 'more'$"
expect_exit 0 causeway-gen -C thief publish --abandon
rm -f thief/staged/channels/*
expect_exit 0 causeway-gen -C thief publish
cp -a site victim
sed "s|$PWD/repo/tree|$PWD/thief/tree|" site/site.lua >victim/site.lua
expect_exit 0 causeway-sync -C victim pull
expect 'nothing of it is in the mirror' test ! -e victim/upstreams/acme/mirror/targets/gateway/6.6.6
rm -rf repo/staged/releases repo/staged/channels
gen key new clean >new.out 2>&1
expect_exit 0 gen key rotate gateway new-gateway clean
expect_exit 0 gen publish
expect_exit 0 causeway-sync -C site pull

# A root key is lost: the other two replace it.
rm repo/keys/root-2.key
gen key new root-4 >new.out 2>&1
expect_exit 0 gen key rotate root root-2 root-4
expect_exit 0 gen publish
expect_exit 0 causeway-sync -C site pull
expect_exit 0 gen verify --root "$root"
expect_out '^complete and genuine'

done_testing
