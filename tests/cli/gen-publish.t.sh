#!/bin/sh
# SPDX-License-Identifier: ISC
# causeway-gen promote, publish, status: what is staged becomes public whole and in order, the same input gives the same bytes,
# keys that are elsewhere are named, and an interrupted publish is completed by the next.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

SOURCE_DATE_EPOCH=$(($(date +%s) - 3600))
export SOURCE_DATE_EPOCH
start=$SOURCE_DATE_EPOCH

gen() {
    causeway-gen -C "$@"
}
# Kills a command after a pause, and waits until it is really gone (timeout(1) would not).
killed_after() { # PAUSE CMD...
    killed_pause=$1
    shift
    "$@" >/dev/null 2>&1 &
    sleep "$killed_pause"
    kill -KILL "$!" 2>/dev/null
    wait "$!" 2>/dev/null
}

catalog() { # PRODUCT VERSION REQUIRES FILE
    printf '{"format": "1.0", "products": [{"name": "%s", "releases": [{"version": "%s", "requires": {%s},
 "builds": [{"platform": "any", "files": [{"file": "%s"}]}]}]}]}\n' "$@"
}
echo a1 >a1
echo a2 >a2
echo b1 >b1
catalog alpha 1.0.0 '"beta": ">=1.0.0"' a1 >alpha1.json
catalog alpha 2.0.0 '"beta": "^1.0.0"' a2 >alpha2.json
catalog beta 1.0.0 '' b1 >beta1.json

causeway-gen init -q --insecure-plain-keys repo 2>"$err" || exit 1
cp -r repo twin

# --- nothing to do ------------------------------------------------------------------------------------

find repo/tree -type f -exec sha256sum {} + | sort >before
expect_exit 0 gen repo publish
expect_out 'nothing to publish'
find repo/tree -type f -exec sha256sum {} + | sort >after
expect 'nothing was written' cmp before after

# --- promote ------------------------------------------------------------------------------------------

expect_exit 0 gen repo add alpha1.json beta1.json
expect_exit 1 gen repo promote alpha 9.9.9 stable
expect_err 'there is no alpha 9.9.9, neither published nor staged'
expect_exit 1 gen repo promote alpha 1.0.0 nightly
expect_err "there is no channel 'nightly'; there are: candidate, stable"
expect_exit 2 gen repo promote alpha one stable
expect_exit 0 gen repo promote --dry-run alpha 1.0.0 stable
expect 'a dry run stages nothing' test ! -e repo/staged/channels
expect_exit 0 gen repo promote alpha 1.0.0 stable
expect_err 'warning: .*alpha 1.0.0 requires beta'
expect_exit 0 gen repo promote alpha 1.0.0 stable
expect_out 'nothing to do'
expect_exit 3 gen repo publish
expect_err "channel 'stable'.*alpha 1.0.0 requires beta >=1.0.0"
find repo/tree/metadata -type f | wc -l >count
expect 'a refused publish writes nothing' test "$(cat count)" -eq 6
expect_exit 0 gen repo promote beta 1.0.0 stable
refute_err 'warning'
expect_exit 0 gen repo status
expect_out 'release alpha 1.0.0'
expect_out 'channel stable, serial 1'
refute_out 'would be refused'
expect_out 'channel candidate, serial 0: no releases'
expect_exit 0 gen repo status --json
refute_out '"problem"'
expect_exit 0 gen repo publish --dry-run --json
expect_out '"dry_run": true'
find repo/tree/metadata -type f | wc -l >count
expect 'a dry run writes nothing' test "$(cat count)" -eq 6

# --- publish ------------------------------------------------------------------------------------------

cp -r repo staged-repo
mkdir away
mv repo/keys/targets-2.key repo/keys/targets-3.key repo/keys/product-beta.key away/
expect_exit 0 gen repo publish --dry-run
expect_err "role 'targets' needs 2 of its 3 keys, here is 1: bring 1 more into 'keys/' for this, of: 'targets-[23]', 'targets-[23]'"
expect_exit 7 gen repo publish
expect_out "^missing for targets: 1 of 'targets-[23]', 'targets-[23]'$"
expect_out "^missing for beta: 1 of 'product-beta'$"
mv away/targets-3.key repo/keys/
expect_exit 7 gen repo publish
expect_out "^missing for beta: 1 of 'product-beta'$"
refute_out 'missing for targets'
mv away/product-beta.key repo/keys/
expect_exit 0 gen repo publish
expect_out 'channel stable, serial 1:'
expect_exit 0 gen repo verify
expect 'what was staged is gone' test -z "$(find repo/staged -type f)"
newest() {
    find repo/tree -path "$1" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2
}
not_after() { # A B: A was written no later than B
    expect "order: $(basename "$1") before $(basename "$2")" test ! "$1" -nt "$2"
}
not_after "$(newest '*.channel.json')" "$(newest '*2.stable.json')"
not_after "$(newest '*.release.json')" "$(newest '*1.alpha.json')"
not_after "$(newest '*1.alpha.json')" "$(newest '*2.snapshot.json')"
not_after "$(newest '*2.targets.json')" "$(newest '*2.snapshot.json')"
not_after "$(newest '*2.snapshot.json')" "$(newest '*timestamp.json')"
expect_exit 0 gen repo promote alpha 1.0.0 stable
expect_out 'nothing to do'

# The artifact is not read again: its bytes are another's business once it was added.
expect_exit 0 gen repo add alpha2.json
expect_exit 0 gen repo promote alpha 2.0.0 candidate
expect_exit 3 gen repo publish
expect_exit 0 gen repo promote beta 1.0.0 candidate
expect_exit 0 gen repo promote alpha 2.0.0 stable
file=$(find repo/tree/targets/alpha/2.0.0 -name '*.a2')
mv "$file" away/
expect_exit 7 gen repo publish
expect_err "is missing or was changed since it was added; run 'add' again"
expect_exit 0 gen repo add alpha2.json
expect 'add brings it back' cmp a2 "$file"
SOURCE_DATE_EPOCH=$((start + 60))
mv repo/keys/targets-*.key repo/keys/root-*.key away/
expect_exit 0 gen repo publish --json
expect_out '"from": "1.0.0"'
expect_out '"serial": 2'
expect_exit 0 gen repo verify
expect 'targets stayed as it is' test ! -e repo/tree/metadata/3.targets.json
serial1=$(grep -l '"serial": 1' repo/tree/targets/channels/stable/*)
expect 'the channel names its predecessor' grep -q "\"previous\": \"$(sha256sum <"$serial1" | cut -d' ' -f1)\"" \
    "$(grep -l '"serial": 2' repo/tree/targets/channels/stable/*)"
expect_exit 1 gen repo promote alpha 1.0.0 stable
expect_err 'does not move back to 1.0.0'
expect_exit 0 gen repo status
expect_out 'targets-1 +elsewhere'

# --- renewing -----------------------------------------------------------------------------------------

SOURCE_DATE_EPOCH=$((start + 120))
expect_exit 0 gen repo publish --renew-within 1d
expect_out 'nothing to publish'
expect_exit 0 gen repo publish --renew-within 8d
expect_out '^renewed timestamp$'
refute_out 'renewed stable'
expect_exit 0 gen repo publish --renew-within 100d
expect_out '^renewed stable$'
refute_out 'renewed alpha'
expect_exit 0 gen repo publish --renew-within 2y
expect_out '^renewed alpha$'
expect_err "warning: not renewed: root, which expires at 20[0-9T:-]*Z: role 'root' needs 2 of its 3 keys, here are 0"
expect_err "warning: not renewed: targets, which expires at 20[0-9T:-]*Z: role 'targets' needs 2"
expect_exit 0 gen repo verify
mv away/root-*.key away/targets-*.key repo/keys/
expect_exit 0 gen repo publish --renew-within 2y
expect_out '^renewed root$'
expect 'root is one version on' test -f repo/tree/metadata/2.root.json
expect_exit 0 gen repo verify
expect_exit 0 causeway-gen verify --root repo/tree/metadata/1.root.json repo/tree
mkdir keys
mv repo/keys/*.key keys/
expect_exit 7 gen repo publish --renew-within 2y
expect_err 'nothing could be renewed: root, which expires at '
expect 'it never opens a ceremony' test ! -e repo/ceremony
mv keys/*.key repo/keys/
# A job from years ago, with the offline keys elsewhere: it renews what it can, and says that this is not enough.
cp -a repo late
mv late/keys/root-*.key late/keys/targets-*.key keys/
SOURCE_DATE_EPOCH=$((start + 500 * 86400))
expect_exit 4 gen late publish --renew-within 3d
expect_out '^renewed timestamp$'
expect_err "warning: role 'root' expired at "
expect_err 'sites refuse the tree: a role is expired, and its keys are not here to renew it'
mv keys/*.key late/keys/
expect_exit 0 gen late publish --renew-within 3d
expect_exit 0 gen late verify
rm -rf late
SOURCE_DATE_EPOCH=$((start + 30 * 86400))
expect_exit 0 gen repo publish
expect_err "warning: role 'timestamp' expired at"
SOURCE_DATE_EPOCH=$((start - 86400))
expect_exit 4 gen repo publish --renew-within 2y
expect_err 'before the last publish at'

# --- the same input, the same bytes -------------------------------------------------------------------

SOURCE_DATE_EPOCH=$start
cp staged-repo/keys/product-* twin/keys/
expect_exit 0 gen twin add beta1.json
expect_exit 0 gen twin add alpha1.json
expect_exit 0 gen twin promote beta 1.0.0 stable
expect_exit 0 gen twin promote alpha 1.0.0 stable
cp -r staged-repo other
expect_exit 0 gen other publish
expect_exit 0 gen twin publish
expect 'two repositories with the same keys and input are alike' diff -r other/tree twin/tree

# --- interrupted --------------------------------------------------------------------------------------

cp -r staged-repo killed
find other/tree -name '*.json' ! -name timestamp.json | while read -r path; do
    mkdir -p "$(dirname "killed${path#other}")"
    cp "$path" "killed${path#other}"
done
expect 'all but the timestamp: the old tree, whole' causeway-gen verify -q killed/tree
expect_exit 0 gen killed publish
expect 'completed, and the same' diff -r other/tree killed/tree
cp -r staged-repo/staged killed/
expect_exit 0 gen killed publish
expect_out 'nothing to publish'
expect 'what was published before is unstaged' test -z "$(find killed/staged -type f)"
for pause in 0.001 0.002 0.003 0.004 0.006 0.008 0.012 0.02 0.03; do
    rm -rf killed
    cp -r staged-repo killed
    killed_after "$pause" causeway-gen -C killed publish -q
    if causeway-gen verify -q killed/tree 2>"$err" >"$out" && gen killed publish -q 2>>"$err" &&
        diff -r other/tree killed/tree >>"$out"; then
        ok "killed after $pause s: whole before, and completed by the next"
    else
        not_ok "killed after $pause s: whole before, and completed by the next"
        diag "$(cat "$err" "$out")"
    fi
done

# --- a tree that was altered is not built on ----------------------------------------------------------

rm -rf killed
cp -r staged-repo killed
sed -i 's/"threshold": 2/"threshold": 1/' killed/tree/metadata/1.targets.json killed/tree/metadata/1.root.json
expect_exit 3 gen killed publish
expect_err '1.root.json|metadata'

done_testing
