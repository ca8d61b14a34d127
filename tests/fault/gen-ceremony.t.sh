#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# Ceremonies under every fault: opening, signing, completing, giving up. Nothing that was staged is lost, no part of a ceremony is taken
# for one, the tree verifies for a client that trusted the last one, and the same command again completes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-gen
. "$CW_SRCDIR/tests/fault/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

here=$PWD
mkdir keys

fail() {
    cat setup.out
    echo "Bail out! $1"
    exit 1
}

# A repository whose root and targets keys are elsewhere, with new keys staged for timestamp and targets: all roles but one change, and
# the root goes out as a publication of its own.
publisher_init --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1 --channel stable
publisher_release gateway 1.0.0 100
publisher_publish
{
    mv repo/keys/root.key repo/keys/targets.key keys/
    causeway-gen key new targets-2 --to keys --insecure-plain-keys
    causeway-gen -C repo key import targets-2 keys/targets-2.pub
    causeway-gen -C repo key new timestamp-2
    causeway-gen -C repo key rotate targets targets targets-2
    causeway-gen -C repo key rotate timestamp timestamp timestamp-2
} >setup.out 2>&1 || fail 'the publisher cannot be set up'
cp -a repo opened
causeway-gen -C opened publish >setup.out 2>&1
[ -e opened/ceremony/ceremony.json ] || fail 'no ceremony was opened'
cp -r opened/ceremony/to-sign signed
causeway-gen sign signed --yes --key keys/root.key --key keys/targets.key --key keys/targets-2.key >setup.out 2>&1 ||
    fail 'it cannot be signed'
site_init site --source "$here/repo/tree"
causeway-sync -C site pull >setup.out 2>&1 || fail 'the site pulls nothing'

# A client that trusted the first tree refreshes from this one; prints the newest root that it trusts.
client() {
    rm -rf "$here/client" && cp -a "$here/site" "$here/client"
    sed "s|$here/repo/tree|$1/tree|" "$here/site/site.lua" >"$here/client/site.lua"
    causeway-sync -C "$here/client" pull >"$here/check.out" 2>&1 || {
        echo "a client fails: $(tr '\n' ' ' <"$here/check.out")"
        return
    }
    sed -n 's/^  "version": \([0-9]*\).*/\1/p' "$here/client/upstreams/acme/trust/root.json"
}

# --- opening ------------------------------------------------------------------------------------------------

setup_open() {
    cp -a "$here/repo" "$1/repo"
}

check_open() {
    if [ -e "$1/repo/ceremony/ceremony.json" ]; then
        rm -rf "$here/copy"
        cp -a "$1/repo" "$here/copy"
        causeway-gen sign "$1/repo/ceremony/to-sign" >"$here/check.out" 2>&1 || {
            tr '\n' ' ' <"$here/check.out"
            return
        }
        cmp -s "$1/repo/ceremony/staged/keys.json" "$here/repo/staged/keys.json" && echo new || echo 'nothing is set aside'
    elif cmp -s "$1/repo/staged/keys.json" "$here/repo/staged/keys.json"; then
        echo old
    else
        echo 'what was staged is lost'
    fi
}

# Opened or not before, it is open now; it waits for signatures.
again_open() {
    causeway-gen -C "$ROOT/repo" publish
    [ $? -eq 7 ] && [ ! -e "$ROOT/repo/staged/keys.json" ] && [ -z "$(find "$ROOT/repo" -name '.tmp-*')" ]
}

# shellcheck disable=SC2034 # for the harness: it waits for signatures
FAULT_DONE=7
# shellcheck disable=SC2016 # expanded by fault_rows
fault_rows open setup_open 'causeway-gen -C "$ROOT/repo" publish' check_open again_open
FAULT_DONE=0

# --- signing ------------------------------------------------------------------------------------------------

setup_sign() {
    cp -a "$here/opened/ceremony/to-sign" "$1/to-sign"
}

check_sign() {
    causeway-gen --json sign "$1/to-sign" >"$here/check.out" 2>&1 || {
        tr '\n' ' ' <"$here/check.out"
        return
    }
    if grep -q '"missing": \[\]' "$here/check.out"; then echo new; else echo old; fi
}

# shellcheck disable=SC2016
fault_rows sign setup_sign \
    'causeway-gen sign "$ROOT/to-sign" --yes --key "$here/keys/root.key" --key "$here/keys/targets.key" --key "$here/keys/targets-2.key"' \
    check_sign

# --- completing ---------------------------------------------------------------------------------------------

setup_complete() {
    cp -a "$here/opened" "$1/repo"
}

check_complete() {
    check_root=$(client "$1/repo")
    case $check_root in
    1) [ -e "$1/repo/ceremony/ceremony.json" ] && echo old || echo 'the ceremony is lost' ;;
    2) echo new ;;
    *) echo "$check_root" ;;
    esac
}

again_complete() {
    { [ ! -e "$ROOT/repo/ceremony/ceremony.json" ] || causeway-gen -C "$ROOT/repo" publish "$here/signed"; } &&
        causeway-gen -C "$ROOT/repo" publish && causeway-gen -C "$ROOT/repo" verify && [ ! -e "$ROOT/repo/ceremony" ] && [ ! -e "$ROOT/repo/staged/keys.json" ] &&
        [ -z "$(find "$ROOT/repo" -name '.tmp-*')" ]
}

# shellcheck disable=SC2016
fault_rows complete setup_complete 'causeway-gen -C "$ROOT/repo" publish "$here/signed"' check_complete again_complete

# --- giving up ----------------------------------------------------------------------------------------------

check_abandon() {
    if [ -e "$1/repo/ceremony/ceremony.json" ]; then
        echo old
    elif cmp -s "$1/repo/staged/keys.json" "$here/repo/staged/keys.json" ||
        cmp -s "$1/repo/ceremony/staged/keys.json" "$here/repo/staged/keys.json"; then
        echo new
    else
        echo 'what was staged is lost'
    fi
}

again_abandon() {
    { [ ! -e "$ROOT/repo/ceremony/ceremony.json" ] || causeway-gen -C "$ROOT/repo" publish --abandon; } &&
        causeway-gen -C "$ROOT/repo" key new another && [ ! -e "$ROOT/repo/ceremony" ] &&
        cmp "$ROOT/repo/staged/keys.json" "$here/repo/staged/keys.json"
}

# shellcheck disable=SC2016
fault_rows abandon setup_complete 'causeway-gen -C "$ROOT/repo" publish --abandon' check_abandon again_abandon

# --- a product in hash bins -----------------------------------------------------------------------------------

# A product whose key is elsewhere, and a release of it that touches three of its bins. Names of bins are long, so there are fewer of
# them.
p=gateway-$(printf '%090d' 0)
mkdir bins
cd bins || exit 1
publisher_init --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1 --channel stable
publisher_release "$p" 1.0.0 100
"$CW_SRCDIR/tests/bench/catalog.py" "$p" 1 3000 | sed 's/1\.0\.0/0.9.0/g' >large.jsonl
causeway-gen -C repo add -q --no-files large.jsonl >../setup.out 2>&1 || fail 'the many targets cannot be added'
publisher_publish
[ "$(find repo/tree/metadata -name "1.$p-???.json" | wc -l)" -ge 512 ] || fail 'there are no bins'
site_init site --source "$here/bins/repo/tree"
causeway-sync -C site pull >../setup.out 2>&1 || fail 'the site pulls nothing'
mv "repo/keys/product-$p.key" product.key
publisher_release "$p" 1.1.0 100
cp -a repo opened
causeway-gen -C opened publish >../setup.out 2>&1
[ "$(find opened/ceremony/to-sign/metadata -name "2.$p-???.json" | wc -l)" -eq 3 ] || fail 'no ceremony of bins was opened'
cp -r opened/ceremony/to-sign signed
causeway-gen sign signed --yes --key product.key >../setup.out 2>&1 || fail 'its bins cannot be signed'
cd "$here" || exit 1

setup_bins_open() {
    cp -a "$here/bins/repo" "$1/repo"
}

# Is all that was staged in this folder?
holds_staged() {
    diff -r -x '.tmp-*' "$here/bins/repo/staged" "$1" >"$here/check.out" 2>&1
}

check_bins_open() {
    if [ -e "$1/repo/ceremony/ceremony.json" ]; then
        causeway-gen sign "$1/repo/ceremony/to-sign" >"$here/check.out" 2>&1 || {
            tr '\n' ' ' <"$here/check.out"
            return
        }
        grep -q '^next 3 hash bins of ' "$here/check.out" || echo 'it shows no bins'
        holds_staged "$1/repo/ceremony/staged" && echo new || echo 'nothing is set aside'
    elif holds_staged "$1/repo/staged"; then
        echo old
    else
        echo 'what was staged is lost'
    fi
}

# Opened or not before, it waits for signatures now.
again_bins_open() {
    causeway-gen -C "$ROOT/repo" publish
    [ $? -eq 7 ] && [ -z "$(find "$ROOT/repo/staged" -type f)" ] && [ -z "$(find "$ROOT/repo" -name '.tmp-*')" ]
}

# shellcheck disable=SC2034 # for the harness: it waits for signatures
FAULT_DONE=7
# shellcheck disable=SC2016
fault_rows 'open of bins' setup_bins_open 'causeway-gen -C "$ROOT/repo" publish' check_bins_open again_bins_open
# shellcheck disable=SC2034
FAULT_DONE=0

setup_bins_sign() {
    cp -a "$here/bins/opened/ceremony/to-sign" "$1/to-sign"
}

# shellcheck disable=SC2016
fault_rows 'sign of bins' setup_bins_sign 'causeway-gen sign "$ROOT/to-sign" --yes --key "$here/bins/product.key"' check_sign

setup_bins_complete() {
    cp -a "$here/bins/opened" "$1/repo"
}

# What a client gets that trusted the tree with the bins as they were.
check_bins_complete() {
    rm -rf "$here/client" && cp -a "$here/bins/site" "$here/client"
    sed "s|$here/bins/repo/tree|$1/repo/tree|" "$here/bins/site/site.lua" >"$here/client/site.lua"
    { causeway-sync -C "$here/client" pull && causeway-sync -C "$here/client" verify; } >"$here/check.out" 2>&1 || {
        echo "a client fails: $(tr '\n' ' ' <"$here/check.out")"
        return
    }
    if [ "$(find "$here/client/upstreams/acme/mirror/metadata" -name "2.$p-???.json" | wc -l)" -eq 3 ]; then
        echo new
    elif [ -e "$1/repo/ceremony/ceremony.json" ]; then
        echo old
    else
        echo 'the ceremony is lost'
    fi
}

again_bins_complete() {
    { [ ! -e "$ROOT/repo/ceremony/ceremony.json" ] || causeway-gen -C "$ROOT/repo" publish "$here/bins/signed"; } &&
        causeway-gen -C "$ROOT/repo" publish && causeway-gen -C "$ROOT/repo" verify >"$here/check.out" 2>&1
    grep -q ': 0 bad, 3000 missing, ' "$here/check.out" && [ ! -e "$ROOT/repo/ceremony" ] &&
        [ -z "$(find "$ROOT/repo/staged" -type f)" ] && [ -z "$(find "$ROOT/repo" -name '.tmp-*')" ]
}

# shellcheck disable=SC2016
fault_rows 'complete of bins' setup_bins_complete 'causeway-gen -C "$ROOT/repo" publish "$here/bins/signed"' check_bins_complete \
    again_bins_complete

done_testing
