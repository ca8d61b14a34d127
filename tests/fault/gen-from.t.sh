#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# causeway-gen add --from dir under every fault: the packed folder is staged whole or not at all, and the same command again does it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-gen
. "$CW_SRCDIR/tests/fault/lib.sh"

here=$PWD

causeway-gen init -q --insecure-plain-keys repo 2>init.err || {
    cat init.err
    echo 'Bail out! the repository cannot be made'
    exit 1
}

setup() {
    cp -a "$here/repo" "$1/repo"
    mkdir -p "$1/folder/bin"
    echo tool >"$1/folder/bin/tool"
    head -c 600000 /dev/zero >"$1/folder/zeros"
    ln "$1/folder/bin/tool" "$1/folder/hard"
    ln -s bin/tool "$1/folder/soft"
}

# Staged means: the manifest is whole, and its one artifact is in the tree with the content that its name says.
check() {
    check_staged=$1/repo/staged/releases/gateway@1.0.0.json
    if [ ! -e "$check_staged" ]; then
        if causeway-gen -C "$1/repo" verify -q >"$here/check.out" 2>&1; then echo old; else cat "$here/check.out"; fi
        return
    fi
    check_sum=$(sed -n 's/^ *"sha256": "\([0-9a-f]*\)".*/\1/p' "$check_staged")
    check_file=$1/repo/tree/targets/gateway/1.0.0/$check_sum.gateway-1.0.0.tar
    if [ "$(sha256sum <"$check_file" | cut -d' ' -f1)" = "$check_sum" ] && [ "$(tar -tf "$check_file" | wc -l)" -eq 5 ]; then
        echo new
    else
        echo 'a broken archive is staged'
    fi
}

# shellcheck disable=SC2016
fault_rows 'add --from dir' setup 'causeway-gen -C "$ROOT/repo" add --from dir --product gateway --version 1.0.0 "$ROOT/folder"' check

done_testing
