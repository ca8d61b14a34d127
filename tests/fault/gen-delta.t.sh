#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# Making deltas under faults: a full or broken disk, a lack of memory or of processes, a kill. The tree is the old one or the new one,
# no part of a delta is under a final name, and the same publish again completes it, deltas too.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-gen
# shellcheck disable=SC2034
FAULT_FAILS='create:ENOSPC write:EIO change:ENOSPC+ link:EIO rename:EIO sync:EIO mkdir:ENOSPC alloc:ENOMEM spawn:EAGAIN'
# shellcheck disable=SC2034
FAULT_KILLS='keep keep:half lost'
. "$CW_SRCDIR/tests/fault/lib.sh"

here=$PWD
awk 'BEGIN { srand(7); for (i = 0; i < 30000; i++) printf "%d\n", rand() * 1e9 }' >numbers
causeway-gen init repo --insecure-plain-keys --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1 >setup.out 2>&1
for version in 1.0.0 2.0.0; do
    sed "s/^1\\(.\\)/$version \\1/" numbers >numbers.txt
    printf '{"format": "1.0", "products": [{"name": "app", "releases": [{"version": "%s",
 "builds": [{"platform": "any", "files": [{"file": "numbers.txt"}]}]}]}]}\n' "$version" >catalog.json
    if ! { causeway-gen -C repo add catalog.json && causeway-gen -C repo promote app "$version" stable &&
        { [ "$version" = 2.0.0 ] || causeway-gen -C repo publish; }; } >setup.out 2>&1; then
        cat setup.out
        echo 'Bail out! the publisher cannot be set up'
        exit 1
    fi
done

setup_repo() {
    cp -a "$here/repo" "$1/repo"
}

# Deltas are whole, or not there; a killed run may have left one that no list names yet.
check_publish() {
    if ! causeway-gen verify "$1/repo/tree" >"$here/check.out" 2>&1 || grep -E 'no whole delta|no list of deltas|not as long' "$here/check.out"; then
        cat "$here/check.out"
    elif causeway-gen -C "$1/repo" publish --dry-run | grep -q 'nothing to publish'; then
        echo new
    else
        echo old
    fi
}

# What was not made is made by asking for it.
again_publish() {
    causeway-gen -C "$ROOT/repo" publish && causeway-gen -C "$ROOT/repo" publish --deltas 1 &&
        [ "$(find "$ROOT/repo/tree/deltas" -name '*.delta' | wc -l)" -eq 3 ] &&
        [ -z "$(find "$ROOT/repo/tree/deltas" -name '.tmp-*')" ] &&
        causeway-gen verify "$ROOT/repo/tree" | grep -q ' 0 orphans'
}

# shellcheck disable=SC2016 # expanded by fault_rows
fault_rows publish setup_repo 'causeway-gen -C "$ROOT/repo" publish' check_publish again_publish

done_testing
