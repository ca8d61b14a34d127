#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# causeway-gen withdraw and gc under every fault: what is staged is the old or the new, the tree is whole for every reader at any
# moment, and the same command again completes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-gen
. "$CW_SRCDIR/tests/fault/lib.sh"

here=$PWD
SOURCE_DATE_EPOCH=$(($(date +%s) - 30 * 86400))
export SOURCE_DATE_EPOCH
causeway-gen init repo --insecure-plain-keys --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1 >setup.out 2>&1
for version in 1.0.0 2.0.0; do
    yes "$version" | head -c 5000 >gateway.bin
    printf '{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "%s",
 "builds": [{"platform": "any", "files": [{"file": "gateway.bin"}]}]}]}]}\n' "$version" >catalog.json
    if ! { causeway-gen -C repo add catalog.json && causeway-gen -C repo promote gateway "$version" stable &&
        causeway-gen -C repo publish; } >setup.out 2>&1; then
        cat setup.out
        echo 'Bail out! the publisher cannot be set up'
        exit 1
    fi
done
unset SOURCE_DATE_EPOCH
causeway-gen -C repo publish --renew-within 9y >setup.out 2>&1
# What a killed add left.
mkdir -p repo/tree/targets/gateway/3.0.0
cp gateway.bin "repo/tree/targets/gateway/3.0.0/$(sha256sum <gateway.bin | cut -d' ' -f1).gateway.bin"

setup_repo() {
    cp -a "$here/repo" "$1/repo"
}

# --- withdraw -----------------------------------------------------------------------------------------

check_withdraw() {
    if ! causeway-gen -C "$1/repo" publish --dry-run >"$here/check.out" 2>&1; then
        cat "$here/check.out"
    elif grep -q 'gateway 2.0.0 withdrawn: leaks' "$here/check.out" && grep -q '2.0.0 -> 1.0.0' "$here/check.out"; then
        echo new
    elif grep -q 'nothing to publish' "$here/check.out"; then
        echo old
    fi
}

# shellcheck disable=SC2016 # expanded by fault_rows
fault_rows withdraw setup_repo 'causeway-gen -C "$ROOT/repo" withdraw gateway 2.0.0 --reason leaks --rollback' check_withdraw

# --- gc: a release leaves, and its files and old metadata go --------------------------------------------

check_gc() {
    if ! causeway-gen verify -q "$1/repo/tree" >"$here/check.out" 2>&1; then
        cat "$here/check.out"
    elif [ -z "$(find "$1/repo/tree/targets/gateway/2.0.0" -name '*.gateway.bin')" ]; then
        echo 'what a kept serial has is gone'
    elif causeway-gen -C "$1/repo" gc --keep-serials 1 --keep-for 0s --dry-run | grep -q 'nothing to remove'; then
        echo new
    else
        echo old
    fi
}

again_gc() {
    causeway-gen -C "$ROOT/repo" gc --keep-serials 1 --keep-for 0s &&
        causeway-gen -C "$ROOT/repo" gc --keep-serials 1 --keep-for 0s | grep -q 'nothing to remove'
}

# shellcheck disable=SC2016
fault_rows gc setup_repo 'causeway-gen -C "$ROOT/repo" gc --keep-serials 1 --keep-for 0s' check_gc again_gc

done_testing
