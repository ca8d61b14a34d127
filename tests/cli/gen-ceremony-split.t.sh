#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that expect_exit calls
# A product that is to be split into hash bins waits for its key while other products are split and published. What was signed is what
# is published, with as many bins as were signed; or, where the snapshot has no room for them any more, it is said what to do.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

gen() {
    causeway-gen -C repo "$@"
}
grow() { # N PRODUCT...: stages so many targets of each, which split it
    n=$1
    shift
    for product; do
        "$CW_SRCDIR/tests/bench/catalog.py" "$product" 1 "$n"
    done >large.jsonl
    gen add -q --no-files large.jsonl >grow.out 2>&1 || {
        cat grow.out
        echo 'Bail out! many targets cannot be added'
        exit 1
    }
}
sign() { # PRODUCT: carries the folder away, and signs
    rm -rf away/to-sign
    cp -r repo/ceremony/to-sign away/to-sign
    causeway-gen sign away/to-sign --yes --key "away/product-$1.key"
}
bins() { # PRODUCT: how many bins it has in the tree
    find repo/tree/metadata -name "1.$1-???.json" | wc -l
}

# The longer a name, the more room each bin takes, and the fewer there are.
p=gateway-$(printf '%043d' 0)
long=$(printf '%0150d' 0)
publisher_init
for product in "$p" one two "last-$long" "a-$long" "b-$long" "c-$long" "d-$long"; do
    publisher_release "$product" 0.9.0 200
done
publisher_publish --deltas 0
mkdir away
mv "repo/keys/product-$p.key" "repo/keys/product-last-$long.key" away/

# --- others are split meanwhile -------------------------------------------------------------------------------

grow 3000 "$p"
expect_exit 7 gen publish
expect_out "^missing for 2048 hash bins of $p: 1 of 'product-$p'$"
expect_exit 0 sign "$p"
for product in one two; do
    grow 4000 "$product"
    expect_exit 0 gen publish
    expect_err 'published beside the ceremony'
    expect "$product is split" test "$(bins "$product")" -ge 512
done
expect_exit 0 gen publish away/to-sign
expect_out '^the ceremony is complete$'
expect 'it has the bins that were signed' test "$(bins "$p")" = 2048
gen verify >verify.out 2>&1
expect 'and all hold' grep -q ': 0 bad, 11000 missing, 0 orphans$' verify.out

# --- there is no room left for what was signed -----------------------------------------------------------------

grow 2000 "last-$long"
expect_exit 7 gen publish
expect_out "^missing for 512 hash bins of last-$long: "
expect_exit 0 sign "last-$long"
grow 2000 "a-$long" "b-$long" "c-$long" "d-$long"
expect_exit 0 gen publish
expect_exit 1 gen publish away/to-sign
expect_err "last-$long: other products took the snapshot's room for its 512 hash bins .*'publish --abandon'"
expect 'nothing of it is public' test "$(bins "last-$long")" = 0
expect_exit 0 gen publish --abandon
expect_exit 1 gen publish
expect_err "last-$long: has become too large for one role, and the snapshot has no room for its bins"
gen verify >verify.out 2>&1
expect 'all hold' grep -q ': 0 bad, 19000 missing, ' verify.out

done_testing
