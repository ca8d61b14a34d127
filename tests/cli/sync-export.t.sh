#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# A bundle: written by one site, taken in by another, changed in every place that can be changed.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

publisher_init
publisher_release gateway 1.0.0
publisher_publish
site_init connected
expect_exit 1 causeway-sync -C connected export stick
expect_err 'nothing was pulled'
expect 'nothing was written' test ! -e stick
causeway-sync -C connected pull "$PWD/repo/tree" >pull.out 2>&1

expect_exit 0 causeway-sync -C connected export stick
expect_out 'may be pulled out'
expect 'sha256sum agrees' sh -c 'cd stick && sha256sum --quiet -c SHA256SUMS'
find stick -type f ! -name '*.html' | sort >listed
expect 'SHA256SUMS names every file but itself and the pages' test "$(wc -l <stick/SHA256SUMS)" -eq $(($(wc -l <listed) - 1))

# Again, and after an interruption.
cp -r stick copy
expect_exit 0 causeway-sync -C connected --json export stick
expect_out '"written": 0'
expect 'exporting twice changes nothing' diff -r stick copy
rm stick/volume-1.json stick/SHA256SUMS stick/metadata/timestamp.json
flip stick/targets/gateway/1.0.0/*.bin
touch stick/targets/gateway/1.0.0/.tmp-0123456789abcdef
expect_exit 0 causeway-sync -C connected export stick
expect 'an interrupted export is completed' sh -c 'cd stick && sha256sum --quiet -c SHA256SUMS && test ! -e targets/gateway/1.0.0/.tmp-*'

# Round trip.
site_init field
expect_exit 0 causeway-sync -C field pull stick
expect_out 'complete and genuine'
expect 'the mirrors are the same' diff -r connected/upstreams/acme/mirror field/upstreams/acme/mirror
expect_exit 0 causeway-sync -C field pull stick
expect_out 'up to date'
expect_exit 0 causeway-sync -C field export second
expect 'a mirror of a mirror carries the same' diff -r -x volume-1.json -x SHA256SUMS -x '*.html' stick second
expect_exit 0 causeway-sync -C field verify
expect_exit 0 causeway-sync -C field verify stick

# Each byte counts.
site_init fresh
site_state fresh >before
while read -r path; do
    rm -rf bad
    cp -r stick bad
    flip "bad/${path#stick/}"
    expect_exit 3 causeway-sync -C fresh pull bad
    expect_err "$(basename "$path" | cut -c1-40)"
    site_state fresh >after
    expect "the site is unchanged: $path" cmp -s before after
    expect_exit 3 causeway-sync -C fresh verify bad
done <listed
while read -r path; do
    case $path in */volume-1.json) continue ;; esac # without its list it is a tree, and a good one
    rm -rf bad
    cp -r stick bad
    rm "bad/${path#stick/}"
    expect_exit 7 causeway-sync -C fresh pull bad
    site_state fresh >after
    expect "the site is unchanged: $path missing" cmp -s before after
done <listed

# What the set does not need is checked too.
publisher_release tool 1.0.0
publisher_publish
causeway-sync -C connected pull "$PWD/repo/tree" >pull.out 2>&1
expect_exit 2 causeway-sync -C connected export stick
expect_err 'another bundle'
echo mine >stick/notes.txt
expect_exit 0 causeway-sync -C connected export stick --replace
expect 'other files are left alone' test -s stick/notes.txt
expect 'nothing else is left' test "$(find stick -type f ! -name "*.html" | wc -l)" -eq $(($(wc -l <stick/SHA256SUMS) + 2))
site_init part --product gateway
rm -rf bad
cp -r stick bad
flip bad/targets/tool/1.0.0/*.bin
expect_exit 3 causeway-sync -C part pull bad
expect_err 'tool.bin'
expect_exit 0 causeway-sync -C part pull stick
expect 'only what is wanted was taken' test ! -e part/upstreams/acme/mirror/targets/tool

# A file that the list and the tree both name is told once, and counted as it is told.
rm -rf bad
cp -r stick bad
rm bad/targets/tool/1.0.0/*.bin
expect_exit 7 causeway-sync -C connected verify bad
expect_out '^bad: .* 0 bad, 1 missing'
mkdir photos
expect_exit 7 causeway-sync -C connected verify photos
expect_err "'photos' has no 'metadata'"
site_init empty
expect_exit 1 causeway-sync -C empty verify
expect_err "run 'causeway-sync pull'"

# Other people's files.
mkdir used
echo mine >used/thesis.txt
expect_exit 2 causeway-sync -C connected export used
expect_err 'thesis.txt'

# A damaged mirror is found, not carried on.
flip connected/upstreams/acme/mirror/targets/gateway/1.0.0/*.bin
expect_exit 3 causeway-sync -C connected verify
expect_out 'bad: .*gateway.bin'
expect_exit 3 causeway-sync -C connected export damaged
expect_err 'damaged'
expect 'nothing looks like a bundle' test ! -e damaged/volume-1.json
rm connected/upstreams/acme/mirror/targets/gateway/1.0.0/*.bin
expect_exit 7 causeway-sync -C connected verify
expect_out 'missing: .*gateway.bin'
expect_exit 0 causeway-sync -C connected pull "$PWD/repo/tree"
expect_exit 0 causeway-sync -C connected verify

# A stick of last month brings nothing, says so, and is no error; beside a newer one it is passed over. A server that goes back is
# still refused.
mkdir month
cd month || exit 99
publisher_init
publisher_release gateway 1.0.0
publisher_publish
site_init connected
causeway-sync -q -C connected pull repo/tree
causeway-sync -q -C connected export media/a-old/causeway
cp -a repo/tree old-tree
publisher_release gateway 1.1.0
publisher_publish
causeway-sync -q -C connected pull repo/tree
causeway-sync -q -C connected export media/b-new/causeway
site_state connected >before
expect_exit 0 causeway-sync -C connected pull media/a-old/causeway
expect_out 'nothing is taken from media/a-old/causeway: it is older than what this site has, stable serial 2'
expect_exit 0 causeway-sync -C connected --json pull media/a-old/causeway
expect_out '"older": true'
expect_exit 3 causeway-sync -C connected pull old-tree
expect_err 'older than the trusted version'
site_state connected >after
expect 'the site is unchanged' cmp -s before after
site_init field --source "$PWD/media/*/causeway"
causeway-sync -q -C field pull media/b-new/causeway
expect_exit 0 causeway-sync -C field pull
expect_out 'up to date: stable serial 2'

# Every stick that is in is looked at: whichever comes first by its name, the newer one is taken; another publisher's is passed over
# with a word.
mkdir other
(cd other && publisher_init && publisher_release pump 1.0.0 && publisher_publish && site_init there &&
    causeway-sync -q -C there pull repo/tree && causeway-sync -q -C there export ../media/a-foreign/causeway)
site_init fresh --source "$PWD/media/*/causeway"
expect_exit 0 causeway-sync -C fresh pull
expect_out 'complete and genuine: stable serial 2'
expect_err 'a-foreign'
expect_exit 0 causeway-sync -C fresh log
expect_out 'pull .*serial=1, source=.*/a-old/causeway'
expect_out 'pull .*serial=2, source=.*/b-new/causeway'
rm -rf media/b-new media/a-old
site_init lone --source "$PWD/media/*/causeway"
expect_exit 3 causeway-sync -C lone pull
expect_err 'a-foreign'
cd ..

done_testing
