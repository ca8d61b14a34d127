#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that expect_exit calls
# causeway-gen gc: releases leave that no kept serial has, their files go when no valid snapshot names them, the version is
# remembered for good, and what is staged, promoted or never was stays. Killed anywhere, the next run completes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

gen() {
    causeway-gen -C repo "$@"
}
files() {
    find repo/tree/targets -type f -name "$1" | wc -l
}
# Times of publishing move on; files' own times are of today, so what no signature dates is judged by --keep-for 0s.
day() {
    SOURCE_DATE_EPOCH=$((SOURCE_DATE_EPOCH + $1 * 86400))
}

# Sound but for what expired meanwhile: the publisher's days run ahead of the clock of this test.
sound() {
    gen verify >"$out" 2>"$err"
    ! grep -E '^(bad|missing):' "$out" | grep -v 'expired at'
}

SOURCE_DATE_EPOCH=$(($(date +%s) - 109 * 86400))
export SOURCE_DATE_EPOCH
publisher_init --snapshot-expires 7d
for version in 1.0.0 2.0.0 3.0.0 4.0.0; do
    publisher_release gateway "$version" 1000
    publisher_publish
    day 20
done
publisher_release plc 1.0.0 1000
publisher_publish --renew-within 9y
# Published, but in no channel yet.
sed 's/plc/pump/' catalog.json >pump.json
sed -i 's,build/pump-,build/plc-,; s,build/pump-,build/plc-,; s,/pump\.,/plc.,g' pump.json
expect_exit 0 gen add pump.json
expect_exit 0 gen publish

# --- nothing is old enough ----------------------------------------------------------------------------

expect_exit 0 gen gc --keep-serials 1
refute_out 'leaves'
refute_out 'targets/'
expect 'the tree is sound' sound
expect_exit 0 gen gc
expect_out 'nothing to remove'

# --- two serials are kept -----------------------------------------------------------------------------

day 20
expect_exit 0 gen publish --renew-within 9y
cp -r repo twin
before=$(find repo -type f -exec sha256sum {} + | sort | sha256sum)
expect_exit 0 gen gc --keep-serials 2 --keep-for 0s --dry-run
expect_out '^gateway 1.0.0 leaves, [0-9]+ B: no kept serial has it'
expect_out '^gateway 3.0.0 leaves'
refute_out 'gateway 4.0.0'
refute_out 'pump 1.0.0|targets/pump'
expect 'a dry run changes nothing' test "$before" = "$(find repo -type f -exec sha256sum {} + | sort | sha256sum)"
expect_exit 0 gen gc --keep-serials 2 --keep-for 0s --json
expect_out '"version": "2.0.0"'
expect 'the tree is sound' sound
expect 'their files are there while a valid snapshot names them' test "$(files '*.gateway.bin')" -eq 4
expect_exit 0 gen gc --keep-serials 2 --keep-for 0s --progress=json
expect_out 'nothing to remove'
expect_err '^\{"progress": "looking", "done": ([1-9][0-9]*), "total": \1, "rate": [0-9]+'
day 8
expect_exit 0 gen publish --renew-within 2d
expect_exit 0 gen gc --keep-serials 2 --keep-for 0s
expect_out 'targets/gateway/1.0.0/.*: nothing names it$'
expect 'then they go' test "$(files '*.gateway.bin')" -eq 1
expect 'the manifests stay' test "$(files '*.release.json')" -eq 6
expect 'what no channel had stays' test "$(find repo/tree/targets/pump -type f -name '*.bin' | wc -l)" -eq 1
expect 'the tree is sound' sound
refute_out 'orphan:'
expect_exit 0 gen gc --keep-serials 2 --keep-for 0s
expect_out 'nothing to remove'
expect_exit 0 gen log stable
expect_out 'the record ends here'
expect_out 'signed by channel-stable'
expect 'every root and targets is kept' test "$(find repo/tree/metadata -name '1.root.json' -o -name '1.targets.json' | wc -l)" -eq 2
expect 'superseded metadata went' test ! -e repo/tree/metadata/1.snapshot.json

# --- a version never comes back -----------------------------------------------------------------------

sed 's/plc/gateway/; s/plc/gateway/; s,build/plc-1.0.0/plc,build/gateway-2.0.0/gateway,g' catalog.json >other.json
echo other >>build/gateway-1.0.0/gateway.txt
sed -e 's/plc 1.0.0/gateway 1.0.0/; s/"plc"/"gateway"/; s,plc,gateway,g' catalog.json >again.json
expect_exit 3 gen add again.json
expect_err 'gateway'
expect_exit 7 gen promote gateway 1.0.0 candidate
expect_err 'gc removed the files of gateway 1.0.0, and a version never comes back'
expect_exit 1 gen promote --rollback stable gateway
expect_err 'no other gateway before that is still good, as far back as its record goes'
expect_exit 1 gen promote --rollback stable --serial 1
expect_err 'no longer kept'
site_init site --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C site pull
expect_exit 0 gen verify

# --- what is staged, and what a killed add left -------------------------------------------------------

publisher_release gateway 5.0.0 1000
mkdir -p repo/tree/targets/gateway/6.0.0
echo left >left
hash=$(sha256sum <left | cut -d' ' -f1)
cp left "repo/tree/targets/gateway/6.0.0/$hash.left"
expect_exit 0 gen gc --keep-serials 1
expect 'it may be on its way' test -e "repo/tree/targets/gateway/6.0.0/$hash.left"
expect_exit 0 gen gc --keep-serials 1 --keep-for 0s
expect 'else it goes, with its folder' test ! -e repo/tree/targets/gateway/6.0.0
expect_exit 0 gen publish
expect_out 'gateway 4.0.0 -> 5.0.0'
expect 'the tree is sound' sound
refute_out 'orphan:'

# --- keys, clocks ---------------------------------------------------------------------------------------

mkdir away
mv twin/keys/product-gateway.key away/
before=$(find twin -type f ! -name lock -exec sha256sum {} + | sort | sha256sum)
expect_exit 1 causeway-gen -C twin gc --keep-serials 2 --keep-for 0s
expect_err "role 'gateway' needs 1 of its 1 keys.*'product-gateway'"
expect 'and nothing was removed' test "$before" = "$(find twin -type f ! -name lock -exec sha256sum {} + | sort | sha256sum)"
mv away/product-gateway.key twin/keys/
SOURCE_DATE_EPOCH=$((SOURCE_DATE_EPOCH - 200 * 86400))
expect_exit 4 causeway-gen -C twin gc
expect_err 'the time is before the last publish'
SOURCE_DATE_EPOCH=$((SOURCE_DATE_EPOCH + 200 * 86400))

# Staged changes of keys are another publish's.
keyid=$(grep -A4 '"timestamp": {' twin/tree/metadata/1.root.json | sed -n 's/.*"\([0-9a-f]\{64\}\)".*/\1/p' | head -n 1)
printf '{"_type": "causeway-key-changes", "format": "1.0", "keys": {}, "roles": {"timestamp": {"keyids": ["%s"], "threshold": 1}}}\n' \
    "$keyid" >twin/staged/keys.json
expect_exit 1 causeway-gen -C twin gc --keep-serials 2 --keep-for 0s
expect_err "changes of keys are staged: run 'causeway-gen publish' first"
rm twin/staged/keys.json

# --- killed -------------------------------------------------------------------------------------------

for pause in 0.001 0.003 0.006 0.01 0.02; do
    rm -rf killed
    cp -a twin killed
    causeway-gen -C killed gc --keep-serials 2 --keep-for 0s -q >/dev/null 2>&1 &
    sleep "$pause"
    kill -KILL "$!" 2>/dev/null
    wait "$!" 2>/dev/null
    causeway-gen -C killed verify >"$out" 2>"$err"
    if ! grep -E '^(bad|missing):' "$out" | grep -v 'expired at' &&
        causeway-gen -C killed gc --keep-serials 2 --keep-for 0s >"$out" 2>"$err" &&
        causeway-gen -C killed gc --keep-serials 2 --keep-for 0s | grep -q 'nothing to remove'; then
        ok "killed after $pause s: whole, and completed by the next"
    else
        not_ok "killed after $pause s: whole, and completed by the next"
        diag "$(cat "$err" "$out")"
    fi
done

# --- from hash bins -------------------------------------------------------------------------------------

rm -rf repo build
publisher_init
publisher_release gateway 8.0.0 1000
publisher_publish
publisher_release gateway 9.0.0 1000
publisher_publish
"$CW_SRCDIR/tests/bench/catalog.py" gateway 2 2500 >many.jsonl
expect_exit 0 gen add --no-files many.jsonl
expect_exit 0 gen publish
expect 'the product is in bins' test -n "$(find repo/tree/metadata -name '1.gateway-*.json')"
bins() { # PATH: how many newest bins name it
    find repo/tree/metadata -name '*.gateway-*.json' | sort -t/ -k4 -V | awk -F/ '{ name = $NF; sub(/^[0-9]*[.]/, "", name); last[name] = $0 }
        END { for (name in last) print last[name] }' | xargs grep -l "\"$1\"" | wc -l
}
expect 'a bin names it' test "$(bins gateway/8.0.0/gateway.bin)" -eq 1
expect_exit 0 gen gc --keep-serials 1 --keep-for 0s
expect_out '^gateway 8.0.0 leaves'
expect 'no bin names it' test "$(bins gateway/8.0.0/gateway.bin)" -eq 0
expect 'its manifest stays' test "$(bins gateway/8.0.0/release.json)" -eq 1
expect 'the other release stays' test "$(bins gateway/9.0.0/gateway.bin)" -eq 1
gen verify >"$out" 2>"$err"
refute_out '^bad:|^missing: (metadata|targets/gateway/[89])'
expect_exit 0 gen gc --keep-serials 1 --keep-for 0s
expect_out 'nothing to remove'

# --- any order of commands: all that is kept is whole ---------------------------------------------------

seed=${SEED:-7}
random() { # N: sets $pick to 0..N-1
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    pick=$((seed / 65536 % $1))
}
rm -rf repo build
publisher_init --channel stable --channel candidate --snapshot-expires 1d
made=0
for step in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
    random 6
    case $pick in
    0 | 1)
        made=$((made + 1))
        publisher_release gateway "1.$made.0" 10
        ;;
    2) gen promote gateway "1.$((made > 0 ? made : 1)).0" candidate >/dev/null 2>&1 ;;
    3) gen withdraw gateway "1.$((made > 1 ? made - 1 : 1)).0" --reason bad --drop >/dev/null 2>&1 ;;
    4) gen promote --rollback stable >/dev/null 2>&1 ;;
    5) gen gc --keep-serials 2 --keep-for 0s >/dev/null 2>&1 ;;
    esac
    gen publish >publish.out 2>&1 || rm -f repo/staged/channels/*.json
    [ $((step % 3)) -ne 0 ] || day 2
    sound >problems || diag "seed ${SEED:-7}, step $step, did $pick: $(cat problems)"
done
expect_exit 0 gen publish --renew-within 9y
expect_exit 0 gen gc --keep-serials 2 --keep-for 0s
expect 'after many commands the tree is sound' sound
refute_out 'orphan: metadata'
expect_exit 0 gen log
expect "$made versions were made" test "$made" -ge 4

done_testing
