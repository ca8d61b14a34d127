#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# Ceremonies under every fault: opening, signing, completing, giving up. Nothing that was staged is lost, no part of a ceremony is taken
# for one, the tree verifies for a client that trusted the last one, and the same command again completes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/fault/ceremony.sh"

# A repository whose root and targets keys are elsewhere, with new keys staged for timestamp and targets: all roles but one change, and
# the root goes out as a publication of its own.
mkdir keys
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

# shellcheck disable=SC2034 # for ceremony.sh
shows='^next root, version 2, ' holds=': 0 bad, 0 missing, '
open_rows open
# shellcheck disable=SC2016 # expanded by fault_rows
fault_rows sign setup_sign \
    'causeway-gen sign "$ROOT/to-sign" --yes --key "$here/keys/root.key" --key "$here/keys/targets.key" --key "$here/keys/targets-2.key"' \
    check_sign

# Which root a client trusts that trusted the first.
check_root() {
    client_takes "$1/repo/tree" || return
    case $(sed -n 's/^  "version": \([0-9]*\).*/\1/p' "$here/client/upstreams/acme/trust/root.json") in
    1) old_if_open "$1" ;;
    2) echo new ;;
    *) echo 'a client trusts another root' ;;
    esac
}

complete_rows complete check_root again_complete
abandon_rows abandon

# --- a product in hash bins -----------------------------------------------------------------------------------

# A product whose key is elsewhere, and a release of it that touches three of its bins. Names of bins are long, so there are fewer of
# them.
p=gateway-$(printf '%090d' 0)
mkdir bins
cd bins || exit 1
base=$PWD
publisher_init --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1 --channel stable
publisher_release "$p" 1.0.0 100
"$CW_SRCDIR/tests/bench/catalog.py" "$p" 1 3000 | sed 's/1\.0\.0/0.9.0/g' >large.jsonl
causeway-gen -C repo add -q --no-files large.jsonl >../setup.out 2>&1 || fail 'the many targets cannot be added'
publisher_publish
[ "$(find repo/tree/metadata -name "1.$p-???.json" | wc -l)" -ge 512 ] || fail 'there are no bins'
site_init site --source "$base/repo/tree"
causeway-sync -C site pull >../setup.out 2>&1 || fail 'the site pulls nothing'
mv "repo/keys/product-$p.key" product.key
publisher_release "$p" 1.1.0 100
cp -a repo opened
causeway-gen -C opened publish >../setup.out 2>&1
[ "$(find opened/ceremony/to-sign/metadata -name "2.$p-???.json" | wc -l)" -eq 3 ] || fail 'no ceremony of bins was opened'
cp -r opened/ceremony/to-sign signed
causeway-gen sign signed --yes --key product.key >../setup.out 2>&1 || fail 'its bins cannot be signed'
cd "$here" || exit 1

# shellcheck disable=SC2034 # for ceremony.sh
shows='^next 3 hash bins of ' holds=': 0 bad, 3000 missing, '
open_rows 'open of bins'
# shellcheck disable=SC2016
fault_rows 'sign of bins' setup_sign 'causeway-gen sign "$ROOT/to-sign" --yes --key "$base/product.key"' check_sign

# What a client gets that trusted the tree with the bins as they were.
check_bins() {
    client_takes "$1/repo/tree" || return
    if [ "$(find "$here/client/upstreams/acme/mirror/metadata" -name "2.$p-???.json" | wc -l)" -eq 3 ]; then
        echo new
    else
        old_if_open "$1"
    fi
}

complete_rows 'complete of bins' check_bins again_complete

done_testing
