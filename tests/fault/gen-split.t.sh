#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# The ceremony that splits a product into hash bins, under every fault: opening, signing, completing, giving up. All bins are there or
# none; nothing that was staged is lost; and a client that trusted the product as one file takes it in bins.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-gen
. "$CW_SRCDIR/tests/fault/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

here=$PWD

fail() {
    cat setup.out
    echo "Bail out! $1"
    exit 1
}

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

# --- opening ------------------------------------------------------------------------------------------------

setup_open() {
    cp -a "$here/repo" "$1/repo"
}

# Is all that was staged in this folder?
files_of() {
    (cd "$1" && find . -type f ! -name '.tmp-*' -exec sha256sum {} + | sort)
}
holds_staged() {
    [ -d "$1" ] && [ "$(files_of "$1")" = "$staged" ]
}
staged=$(files_of repo/staged)

check_open() {
    if [ -e "$1/repo/ceremony/ceremony.json" ]; then
        causeway-gen sign "$1/repo/ceremony/to-sign" >"$here/check.out" 2>&1 || {
            tr '\n' ' ' <"$here/check.out"
            return
        }
        grep -q "^new $count hash bins of " "$here/check.out" || echo 'it does not show all bins'
        holds_staged "$1/repo/ceremony/staged" && echo new || echo 'nothing is set aside'
    elif holds_staged "$1/repo/staged"; then
        echo old
    else
        echo 'what was staged is lost'
    fi
}

# Opened or not before, it waits for signatures now.
again_open() {
    causeway-gen -C "$ROOT/repo" publish
    [ $? -eq 7 ] && [ -z "$(find "$ROOT/repo/staged" -type f)" ] && [ -z "$(find "$ROOT/repo" -name '.tmp-*')" ]
}

# shellcheck disable=SC2034 # for the harness: it waits for signatures
FAULT_DONE=7
# shellcheck disable=SC2016 # expanded by fault_rows
fault_rows open setup_open 'causeway-gen -C "$ROOT/repo" publish' check_open again_open
# shellcheck disable=SC2034
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
fault_rows sign setup_sign 'causeway-gen sign "$ROOT/to-sign" --yes --key "$here/product.key"' check_sign

# --- completing ---------------------------------------------------------------------------------------------

setup_complete() {
    cp -a "$here/opened" "$1/repo"
}

# What a client gets that trusted the product as one file.
check_complete() {
    rm -rf "$here/client" && cp -a "$here/site" "$here/client"
    sed "s|$here/repo/tree|$1/repo/tree|" "$here/site/site.lua" >"$here/client/site.lua"
    { causeway-sync -C "$here/client" pull && causeway-sync -C "$here/client" verify; } >"$here/check.out" 2>&1 || {
        echo "a client fails: $(tr '\n' ' ' <"$here/check.out")"
        return
    }
    if [ -e "$here/client/upstreams/acme/mirror/metadata/2.$p.json" ]; then
        find "$here/client/upstreams/acme/mirror/metadata" -name "1.$p-???.json" | grep -q . && echo new || echo 'it has no bin'
    elif [ -e "$1/repo/ceremony/ceremony.json" ]; then
        echo old
    else
        echo 'the ceremony is lost'
    fi
}

again_complete() {
    { [ ! -e "$ROOT/repo/ceremony/ceremony.json" ] || causeway-gen -C "$ROOT/repo" publish "$here/signed"; } &&
        causeway-gen -C "$ROOT/repo" publish && causeway-gen -C "$ROOT/repo" verify >"$here/check.out" 2>&1
    grep -q ': 0 bad, 1800 missing, ' "$here/check.out" && [ ! -e "$ROOT/repo/ceremony" ] &&
        [ "$(find "$ROOT/repo/tree/metadata" -name "1.$p-???.json" | wc -l)" -eq "$count" ] &&
        [ -z "$(find "$ROOT/repo/staged" -type f)" ] && [ -z "$(find "$ROOT/repo" -name '.tmp-*')" ]
}

# shellcheck disable=SC2016
fault_rows complete setup_complete 'causeway-gen -C "$ROOT/repo" publish "$here/signed"' check_complete again_complete

# --- giving up ----------------------------------------------------------------------------------------------

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
        causeway-gen -C "$ROOT/repo" key new another && [ ! -e "$ROOT/repo/ceremony" ]
}

# shellcheck disable=SC2016
fault_rows abandon setup_complete 'causeway-gen -C "$ROOT/repo" publish --abandon' check_abandon again_abandon

done_testing
