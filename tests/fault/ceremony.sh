# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# shellcheck disable=SC2317 # functions that fault_rows calls
# What the fault tests of ceremonies share: rows for opening, signing, completing and giving up. A test sources tests/cli/lib.sh, then
# this, and makes in the folder $base
#
#   repo      a repository in which something is staged that needs keys from elsewhere
#   opened    the same, after publish opened the ceremony for it
#   signed    the ceremony's folder, signed by all
#   site      a site that pulled the tree before
#
# and says by `shows` what line of a ceremony's folder people must see, and by `holds` what 'verify' must say of the tree in the end.

# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-gen
. "$CW_SRCDIR/tests/fault/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

here=$PWD
base=$PWD

fail() {
    cat "$here/setup.out"
    echo "Bail out! $1"
    exit 1
}

setup_open() {
    cp -a "$base/repo" "$1/repo"
}

setup_sign() {
    cp -a "$base/opened/ceremony/to-sign" "$1/to-sign"
}

setup_complete() {
    cp -a "$base/opened" "$1/repo"
}

files_of() {
    (cd "$1" && find . -type f ! -name '.tmp-*' -exec sha256sum {} + | sort)
}

# Is all that was staged in this folder?
holds_staged() {
    [ -d "$1" ] && [ "$(files_of "$1")" = "$(files_of "$base/repo/staged")" ]
}

# Nothing waits any more, and nothing is left over.
is_clean() {
    [ -z "$(find "$1/staged" -type f)" ] && [ -z "$(find "$1" -name '.tmp-*')" ]
}

check_open() {
    if [ -e "$1/repo/ceremony/ceremony.json" ]; then
        causeway-gen sign "$1/repo/ceremony/to-sign" >"$here/check.out" 2>&1 || {
            tr '\n' ' ' <"$here/check.out"
            return
        }
        grep -q "$shows" "$here/check.out" || echo "it does not show '$shows'"
        holds_staged "$1/repo/ceremony/staged" && echo new || echo 'nothing is set aside'
    elif holds_staged "$1/repo/staged"; then
        echo old
    else
        echo 'what was staged is lost'
    fi
}

# Opened or not before, it is open now; it waits for signatures.
again_open() {
    causeway-gen -C "$ROOT/repo" publish
    [ $? -eq 7 ] && is_clean "$ROOT/repo"
}

check_sign() {
    causeway-gen --json sign "$1/to-sign" >"$here/check.out" 2>&1 || {
        tr '\n' ' ' <"$here/check.out"
        return
    }
    if grep -q '"missing": \[\]' "$here/check.out"; then echo new; else echo old; fi
}

# A client that trusted the tree as it was takes this one, and what it has then is sound; says why not.
client_takes() {
    rm -rf "$here/client" && cp -a "$base/site" "$here/client"
    sed "s|$base/repo/tree|$1|" "$base/site/site.lua" >"$here/client/site.lua"
    { causeway-sync -C "$here/client" pull && causeway-sync -C "$here/client" verify; } >"$here/check.out" 2>&1 || {
        echo "a client fails: $(tr '\n' ' ' <"$here/check.out")"
        return 1
    }
}

# What is not published yet must still be there to be completed.
old_if_open() {
    [ -e "$1/repo/ceremony/ceremony.json" ] && echo old || echo 'the ceremony is lost'
}

again_complete() {
    { [ ! -e "$ROOT/repo/ceremony/ceremony.json" ] || causeway-gen -C "$ROOT/repo" publish "$base/signed"; } &&
        causeway-gen -C "$ROOT/repo" publish && causeway-gen -C "$ROOT/repo" verify >"$here/check.out" 2>&1
    grep -q "$holds" "$here/check.out" && [ ! -e "$ROOT/repo/ceremony" ] && is_clean "$ROOT/repo"
}

check_abandon() {
    if [ -e "$1/repo/ceremony/ceremony.json" ]; then
        echo old
    elif holds_staged "$1/repo/staged" || holds_staged "$1/repo/ceremony/staged"; then
        echo new
    else
        echo 'what was staged is lost'
    fi
}

again_abandon() {
    { [ ! -e "$ROOT/repo/ceremony/ceremony.json" ] || causeway-gen -C "$ROOT/repo" publish --abandon; } &&
        causeway-gen -C "$ROOT/repo" key new another && [ ! -e "$ROOT/repo/ceremony" ] && holds_staged "$ROOT/repo/staged"
}

# open_rows NAME: opening, which ends by saying what is missing.
open_rows() {
    # shellcheck disable=SC2034 # for the harness
    FAULT_DONE=7
    # shellcheck disable=SC2016 # expanded by fault_rows
    fault_rows "$1" setup_open 'causeway-gen -C "$ROOT/repo" publish' check_open again_open
    # shellcheck disable=SC2034
    FAULT_DONE=0
}

# complete_rows NAME CHECK RETRY
complete_rows() {
    # shellcheck disable=SC2016 # expanded by fault_rows
    fault_rows "$1" setup_complete 'causeway-gen -C "$ROOT/repo" publish "$base/signed"' "$2" "$3"
}

abandon_rows() {
    # shellcheck disable=SC2016 # expanded by fault_rows
    fault_rows "$1" setup_complete 'causeway-gen -C "$ROOT/repo" publish --abandon' check_abandon again_abandon
}
