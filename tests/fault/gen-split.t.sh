#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# The ceremony that splits a product into hash bins, under every fault: opening, signing, completing, giving up. All bins are there or
# none; nothing that was staged is lost; and a client that trusted the product as one file takes it in bins.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/fault/ceremony.sh"

# A product whose key is elsewhere, and which becomes too large for one file. A long name makes fewer targets enough, and fewer bins.
p=gateway-$(printf '%0160d' 0)
publisher_init --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1 --channel stable
publisher_release "$p" 1.0.0 100
publisher_publish
site_init site --source "$here/repo/tree"
causeway-sync -C site pull >setup.out 2>&1 || fail 'the site pulls nothing'
mv "repo/keys/product-$p.key" product.key
"$CW_SRCDIR/tests/bench/catalog.py" "$p" 1 1800 | sed 's/1\.0\.0/1.1.0/g' >large.jsonl
causeway-gen -C repo add -q --no-files large.jsonl >setup.out 2>&1 || fail 'the many targets cannot be added'
cp -a repo opened
causeway-gen -C opened publish >setup.out 2>&1
count=$(sed -n "s/^missing for \([0-9]*\) hash bins of $p: .*/\1/p" setup.out)
[ "${count:-0}" -ge 512 ] || fail 'no ceremony that splits was opened'
cp -r opened/ceremony/to-sign signed
causeway-gen sign signed --yes --key product.key >setup.out 2>&1 || fail 'its bins cannot be signed'

# shellcheck disable=SC2034 # for ceremony.sh
shows="^new $count hash bins of " holds=': 0 bad, 1800 missing, '
open_rows open
# shellcheck disable=SC2016 # expanded by fault_rows
fault_rows sign setup_sign 'causeway-gen sign "$ROOT/to-sign" --yes --key "$here/product.key"' check_sign

# What a client gets that trusted the product as one file.
check_split() {
    client_takes "$1/repo/tree" || return
    if [ -e "$here/client/upstreams/acme/mirror/metadata/2.$p.json" ]; then
        find "$here/client/upstreams/acme/mirror/metadata" -name "1.$p-???.json" | grep -q . && echo new || echo 'it has no bin'
    else
        old_if_open "$1"
    fi
}

again_split() {
    again_complete && [ "$(find "$ROOT/repo/tree/metadata" -name "1.$p-???.json" | wc -l)" -eq "$count" ]
}

complete_rows complete check_split again_split
abandon_rows abandon

done_testing
