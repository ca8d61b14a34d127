#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# causeway-gen under every fault: the tree is the old one or the new one, what is staged is whole or absent, and the same command
# again completes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-gen
. "$CW_SRCDIR/tests/fault/lib.sh"

catalog=$PWD/catalog.json
here=$PWD

# What a check found wrong; the first line of it is the state that is reported.
wrong() {
    echo "$1: $(tr '\n' ' ' <"$here/check.out")"
}

# The version of the timestamp, if the tree holds together.
published() {
    causeway-gen verify -q "$1/tree" >"$here/check.out" 2>&1 || {
        wrong 'the tree does not verify'
        return
    }
    sed -n 's/^ *"version": \([0-9]*\).*/\1/p' "$1/tree/metadata/timestamp.json" | head -n 1
}

# Each artifact in the tree has the content that its name says; prints how many there are.
artifacts() {
    find "$1/tree/targets" -type f ! -name '.tmp-*' 2>/dev/null | sed 's,\(.*\)/\([0-9a-f]\{64\}\)\.\([^/]*\)$,\2  &,' >"$here/sums"
    sha256sum --quiet --strict -c "$here/sums" >"$here/check.out" 2>&1 || [ ! -s "$here/sums" ] || {
        wrong 'an artifact is broken'
        return
    }
    wc -l <"$here/sums"
}

# --- init ---------------------------------------------------------------------------------------------

setup_init() {
    :
}

# A repository is there once causeway.json is, and then all its keys can sign.
check_init() {
    if [ ! -e "$1/repo/causeway.json" ]; then
        echo old
        return
    fi
    rm -rf "$here/copy"
    cp -a "$1/repo" "$here/copy"
    if [ "$(published "$1/repo")" != 1 ]; then
        published "$1/repo"
    elif causeway-gen -C "$here/copy" publish --renew-within 9y >"$here/check.out" 2>&1 && ! grep -q 'not renewed' "$here/check.out"; then
        echo new
    else
        wrong 'not all keys sign'
    fi
}

# init made it, or says that it is there already.
again_init() {
    causeway-gen init "$ROOT/repo" --insecure-plain-keys --root-keys 1 --root-threshold 1 ||
        [ -e "$ROOT/repo/causeway.json" ]
}

# shellcheck disable=SC2016 # expanded by fault_rows
fault_rows init setup_init 'causeway-gen init "$ROOT/repo" --insecure-plain-keys --root-keys 1 --root-threshold 1' check_init again_init

# --- add ----------------------------------------------------------------------------------------------

# More releases than are synced one by one, so that both ways of writing are tried.
versions='1.0.0 1.0.1 1.0.2 1.0.3 1.0.4 1.0.5 1.0.6 1.0.7 1.0.8'
latest=1.0.8
{
    printf '{"format": "1.0", "products": [{"name": "gateway", "releases": ['
    separator=
    for version in $versions; do
        yes "gateway $version" | head -c 20000 >"gateway-$version.bin"
        printf '%s{"version": "%s", "notes": "%s", "builds": [{"platform": "any", "files": [{"file": "gateway-%s.bin"}]}]}' \
            "$separator" "$version" "$version" "$version"
        separator=,
    done
    printf ']}]}\n'
} >"$catalog"
printf '{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "0.9.0",
 "builds": [{"platform": "any", "files": [{"file": "first.bin"}]}]}]}]}\n' >first.json
echo first >first.bin

if ! { causeway-gen init "$here/repo" --insecure-plain-keys --root-keys 1 --root-threshold 1 &&
    causeway-gen -C "$here/repo" add first.json &&
    causeway-gen -C "$here/repo" promote gateway 0.9.0 stable &&
    causeway-gen -C "$here/repo" publish; } >setup.out 2>&1; then
    cat setup.out
    echo 'Bail out! the publisher cannot be set up'
    exit 1
fi

setup_add() {
    cp -a "$here/repo" "$1/repo"
}

# What was published stays as it is, and what is staged can be published. add may be killed between two releases: then some
# are staged, whole, and that is neither old nor broken.
check_add() {
    check_version=$(published "$1/repo")
    check_artifacts=$(artifacts "$1/repo")
    check_staged=$(find "$1/repo/staged" -name 'gateway@*.json' 2>/dev/null | wc -l)
    for path in "$1"/repo/staged/releases/*.json; do
        [ ! -e "$path" ] || [ -s "$path" ] || check_staged='an empty file'
    done
    case "$check_version:$check_artifacts:$check_staged" in
    2:*[!0-9]*:* | *:*:*[!0-9]*) echo "$check_version:$check_artifacts:$check_staged" ;;
    2:*:9) echo new ;;
    2:*:[0-8]) echo old ;;
    *) echo "$check_version, $check_artifacts artifacts, $check_staged releases staged" ;;
    esac
}

# shellcheck disable=SC2016
fault_rows add setup_add 'causeway-gen -C "$ROOT/repo" add "$catalog"' check_add

# --- promote ------------------------------------------------------------------------------------------

setup_promote() {
    cp -a "$here/repo" "$1/repo"
    causeway-gen -C "$1/repo" add "$catalog" >"$here/setup.out" 2>&1
}

check_promote() {
    check_version=$(published "$1/repo")
    causeway-gen -C "$1/repo" status >"$here/check.out" 2>&1 || check_version="status: $(cat "$here/check.out")"
    if [ "$check_version" != 2 ]; then
        echo "$check_version"
    elif grep -q 'channel stable, serial 2' "$here/check.out"; then
        echo new
    else
        echo old
    fi
}

# shellcheck disable=SC2016
fault_rows promote setup_promote 'causeway-gen -C "$ROOT/repo" promote gateway "$latest" stable' check_promote

# --- publish ------------------------------------------------------------------------------------------

setup_publish() {
    setup_promote "$1"
    causeway-gen -C "$1/repo" promote gateway "$latest" stable >"$here/setup.out" 2>&1
}

# Released is what the tree says; anything still staged is then only what the next publish forgets.
check_publish() {
    check_version=$(published "$1/repo")
    check_artifacts=$(artifacts "$1/repo")
    case $check_version:$check_artifacts in
    *:*[!0-9]*) echo "$check_artifacts" ;;
    2:*) echo old ;;
    3:*) echo new ;;
    *) echo "$check_version" ;;
    esac
}

again_publish() {
    causeway-gen -C "$ROOT/repo" publish && [ -z "$(find "$ROOT/repo/staged" -type f)" ] &&
        [ -z "$(find "$ROOT/repo" -name '.tmp-*')" ]
}

# shellcheck disable=SC2016
fault_rows publish setup_publish 'causeway-gen -C "$ROOT/repo" publish' check_publish again_publish

# --- many targets -----------------------------------------------------------------------------------------

# Lines of hashes alone; enough of them for bins when they are published.
lines=$here/large.jsonl
"$CW_SRCDIR/tests/bench/catalog.py" gateway 10 400 >"$lines"

check_lines() {
    check_version=$(published "$1/repo")
    check_staged=$(find "$1/repo/staged/releases" -name 'gateway@*@elsewhere.json' 2>/dev/null | wc -l)
    for path in "$1"/repo/staged/releases/*.json; do
        [ ! -e "$path" ] || [ "$(tail -c 2 "$path")" = '}' ] || check_staged='a torn file'
    done
    case $check_version:$check_staged in
    2:10) echo new ;;
    2:[0-9]) echo old ;;
    *) echo "$check_version, $check_staged staged" ;;
    esac
}

# shellcheck disable=SC2016
fault_rows 'add of lines' setup_add 'causeway-gen -C "$ROOT/repo" add --no-files "$lines"' check_lines

# All roles anew, root too. Each further run renews once more.
setup_renew() {
    cp -a "$here/repo" "$1/repo"
}

check_renew() {
    check_publish "$1" | sed 's/^4$/new/'
}

# shellcheck disable=SC2016
fault_rows renew setup_renew 'causeway-gen -C "$ROOT/repo" publish --renew-within 9y' check_renew

done_testing
