#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# A site that is lost is made again from its backup and has forgotten nothing; recover does at once what commands do first.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site
sync -q pull
sync -q apply
cp -a repo/tree old-tree
make_build gateway 1.1.0
ship gateway 1.1.0
sync -q pull
sync -q apply
sync -q hold gateway 9.9.9
expect_exit 0 sync --json status
sed -n 's/.*"serial": *\([0-9]*\).*/\1/p' "$out" | head -n 1 >serial

expect_exit 0 sync recover
expect_out 'nothing was interrupted'
printf '%s' '{"_type": "causeway-journal", "format": "1.0", "state": "staging", "from": 2, "to": 3, "checks": 0}' >site/journal.json
expect_exit 0 sync recover
expect_out 'interrupted while staging generation 3'
expect 'the journal is closed' test ! -e site/journal.json

expect_exit 0 sync backup site.backup
expect 'only its owner may read a backup' test "$(stat -c %a site.backup)" = 600
expect 'a backup is a tar without mirrors' test "$(tar -tf site.backup | grep -c mirror/)" -eq 0
expect 'with what ran' sh -c 'tar -xOf site.backup running.json | grep -q 1.1.0'
expect 'nothing is left of making it' test -z "$(find site -name '.tmp-*')"
expect_exit 1 sync backup nowhere/site.backup
expect_exit 2 causeway-sync restore site.backup site
expect_err "'site' is there already"

# Under a passphrase: nothing of it can be read, and nothing changed without being seen.
printf 'battery staple\n' >pass
printf 'something else\n' >wrong
expect_exit 0 sync backup locked.backup --encrypt --passphrase-file pass
expect_out 'under the passphrase'
expect 'it is no tar, and tells nothing' sh -c '! tar -tf locked.backup 2>/dev/null && ! grep -q plant-7 locked.backup'
expect 'only its owner may read it' test "$(stat -c %a locked.backup)" = 600
expect_exit 2 sync backup other.backup --passphrase-file pass
expect_exit 1 causeway-sync restore locked.backup again --passphrase-file wrong
expect_err "'locked\.backup': .*wrong passphrase"
head -c -1 locked.backup >short.backup
expect_exit 1 causeway-sync restore short.backup again --passphrase-file pass
expect_err 'wrong passphrase, or the file was altered'
expect 'nothing is there of these' test ! -e again -a -z "$(find . -maxdepth 1 -name '.tmp-*')"
expect_exit 0 causeway-sync restore locked.backup again --passphrase-file pass
expect 'it is the same site' cmp site/keys/identity.key again/keys/identity.key
expect_exit 0 causeway-sync -C again log --verify

cp -a site cut-site
sed -i '$d' cut-site/history.jsonl
expect_exit 3 causeway-sync -C cut-site backup cut-site.backup
expect_err 'history\.jsonl'
expect 'and no backup is made' test ! -e cut-site.backup

# The machine is lost.
cp site/keys/identity.pub identity.pub 2>/dev/null || :
rm -rf site
chmod -R u+w plant
rm -rf plant
head -c 3000 site.backup >half
expect_exit 3 causeway-sync restore half site
tar -cf other.tar old-tree/feed.atom 2>/dev/null || tar -cf other.tar serial
expect_exit 3 causeway-sync restore other.tar site
expect_err 'no backup of a site'
expect 'nothing is there of what failed' test ! -e site -a -z "$(find . -maxdepth 1 -name '.tmp-*')"

# A history that was cut is not restored, nor backed up: its end is signed.
mkdir cut
tar -C cut -xf site.backup
sed -i '$d' cut/history.jsonl
tar -C cut -cf cut.backup .
expect_exit 3 causeway-sync restore cut.backup site
expect_err 'lines were cut off'
expect 'nothing of that is there' test ! -e site

expect_exit 0 causeway-sync restore site.backup site
expect_out 'the last generation was 3$'
expect_out "remembers +acme/stable serial $(cat serial)"
expect_out 'what this site saw after that it does not know'
expect_exit 0 sync log
expect_out 'restore'
if [ -e identity.pub ]; then
    expect 'it is the same site' cmp identity.pub site/keys/identity.pub
    expect 'its key is its own' test "$(stat -c %a site/keys/identity.key)" = 600
fi
# An older tree than it had seen is refused still.
expect_exit 3 sync pull "$PWD/old-tree"
expect_exit 0 sync -q pull
expect_exit 0 sync -q apply
expect 'what ran runs again' test "$(plant/current/gateway/bin/tool)" = 'gateway 1.1.0'
expect 'under a number that no line of the history had' test "$(generation)" = 4
expect_exit 0 sync log --verify
expect_exit 0 sync status
expect_out '^hold .*9\.9\.9'

done_testing
