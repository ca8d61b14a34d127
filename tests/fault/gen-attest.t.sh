#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# causeway-gen attest and gate, and publishing what they let in, under every fault: what was given is whole or absent, the
# configuration is the old one or the new one, and the same command again completes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/attest.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-gen
. "$CW_SRCDIR/tests/fault/lib.sh"

here=$PWD
attest_key ci
echo one >one.bin
echo two >two.bin
printf '{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "1.0.0", "builds": [
 {"platform": "any", "files": [{"file": "one.bin"}, {"file": "two.bin"}]}]}]}]}' >catalog.json
attest ci test-result '{"result": "PASSED"}' one.bin two.bin >tested.json
attest ci provenance/v1 '{}' one.bin two.bin >origin.json
if ! { causeway-gen init repo --insecure-plain-keys --root-keys 1 --root-threshold 1 &&
    causeway-gen -C repo add catalog.json &&
    causeway-gen -C repo gate stable --demand test-result --key ci=ci.pub; } >setup.out 2>&1; then
    cat setup.out
    echo 'Bail out! the publisher cannot be set up'
    exit 1
fi

setup_repo() {
    cp -a "$here/repo" "$1/repo"
}

# Attestations that are kept, each with the content that its name says.
kept() {
    find "$1/repo/attestations" -type f ! -name '.tmp-*' 2>/dev/null | sed 's,.*/\([0-9a-f]*\)\.json$,\1  &,' >"$here/sums"
    sha256sum --quiet --strict -c "$here/sums" >"$here/check.out" 2>&1 || [ ! -s "$here/sums" ] || echo broken
    wc -l <"$here/sums"
}

# --- attest: two files, one kept after the other ------------------------------------------------------

check_attest() {
    case $(kept "$1") in
    0 | 1) echo old ;;
    2) echo new ;;
    *) echo 'an attestation is broken' ;;
    esac
}

# shellcheck disable=SC2016 # expanded by fault_rows
fault_rows attest setup_repo 'causeway-gen -C "$ROOT/repo" attest gateway 1.0.0 "$here/tested.json" "$here/origin.json"' check_attest

# The rest is written as all commands of gen/ do, which gen.t.sh tries in full.
# shellcheck disable=SC2034 # for the harness
FAULT_FAILS='read:EIO create:ENOSPC write:EIO sync:EIO alloc:ENOMEM' FAULT_KILLS='keep lost torn'

# --- gate ---------------------------------------------------------------------------------------------

check_gate() {
    if ! causeway-gen -C "$1/repo" gate stable >"$here/check.out" 2>&1; then
        cat "$here/check.out"
    elif grep -q 'provenance, by 1 of: ci' "$here/check.out"; then
        echo new
    elif grep -q 'test-result, by 1 of: ci' "$here/check.out"; then
        echo old
    fi
}

# shellcheck disable=SC2016
fault_rows gate setup_repo 'causeway-gen -C "$ROOT/repo" gate stable --demand provenance --key ci' check_gate

# --- publish, with an attestation ---------------------------------------------------------------------

setup_publish() {
    setup_repo "$1"
    causeway-gen -C "$1/repo" attest gateway 1.0.0 "$here/tested.json" >"$here/setup.out" 2>&1
    causeway-gen -C "$1/repo" promote gateway 1.0.0 stable >"$here/setup.out" 2>&1
}

check_publish() {
    if ! causeway-gen verify -q "$1/repo/tree" >"$here/check.out" 2>&1; then
        cat "$here/check.out"
    elif ! grep -q '"version": 2' "$1/repo/tree/metadata/timestamp.json"; then
        echo old
    elif cmp -s "$here/tested.json" "$(find "$1/repo/tree/targets/channels" -name '*.gateway_1.0.0.test-result.*')"; then
        echo new
    fi
}

# shellcheck disable=SC2016
fault_rows publish setup_publish 'causeway-gen -C "$ROOT/repo" publish' check_publish

done_testing
