#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119,SC2317 # functions that expect_exit calls
# A repository whose secret root keys never were on one machine: made from public halves, signed in a ceremony; and the rehearsal of it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

gen() {
    causeway-gen -C repo "$@"
}
carry() { # MACHINE KEY...
    at=$1
    shift
    rm -rf "$at/to-sign"
    cp -r repo/ceremony/to-sign "$at/to-sign"
    for key; do
        set -- "$@" --key "$at/$key.key"
        shift
    done
    causeway-gen sign "$at/to-sign" --yes --passphrase-file pass "$@"
}

# Five people, each with a root key of their own; two of them have a targets key too.
echo 'correct horse' >pass
for person in alice bob carol dave erin; do
    expect_exit 0 causeway-gen key new "$person" --to "at-$person" --passphrase-file pass
done
expect_out "^made key 'erin', keyid [0-9a-f]{64}$"
expect 'it is for its owner only' test "$(stat -c %a at-erin/erin.key)" = 600
expect_exit 1 causeway-gen key new erin --to at-erin --passphrase-file pass
expect_err "unable to make 'at-erin/erin.key'"
for person in alice bob; do
    causeway-gen key new "$person-targets" --to "at-$person" --passphrase-file pass >key.out 2>&1
done
set -- --insecure-plain-keys --channel stable --root-threshold 3 --root-key at-alice/alice.pub --root-key at-bob/bob.pub \
    --root-key at-carol/carol.pub --root-key at-dave/dave.pub --root-key at-erin/erin.pub --targets-threshold 2 \
    --targets-key at-alice/alice-targets.pub --targets-key at-bob/bob-targets.pub

expect_exit 2 causeway-gen init repo "$@" --root-key at-alice/alice.key
expect_err "'at-alice/alice.key' is a secret key"
expect_exit 1 causeway-gen init repo "$@" --root-key at-nobody/nobody.pub
expect_exit 2 causeway-gen init repo --root-key at-alice/alice.pub --root-threshold 2
expect_err "'--root-threshold' takes 1 to the number of keys \(1\), not 2"
expect_exit 0 causeway-gen init repo "$@"
expect_out "^missing for root: 3 of 'alice', 'bob', 'carol', 'dave', 'erin'$"
expect_out '^missing for targets: 2 of '
expect 'no secret root key is here' test -z "$(find repo/keys -name 'alice*.key')" -a -f repo/keys/alice.pub
expect 'and nothing is public' test -z "$(find repo/tree -type f)"
expect_exit 7 gen key who
expect_err "the tree has no root: where its first ceremony is open"
expect_exit 0 gen status
expect_out '^missing for root: 3 of '
expect_exit 1 causeway-gen init repo "$@"
expect_err 'is a repository already'
expect_exit 1 gen publish --abandon

expect_exit 0 carry at-alice alice alice-targets
expect_out "^a repository's first root, whose content has the sha256 [0-9a-f]{64}$"
expect_out "^  keys of root: .*\+ 'alice' \([0-9a-f]{16}\).*; 3 of 5 must sign$"
expect_out "^  new role 'stable'$"
expect_exit 1 carry at-bob nobody
printf 'wrong\n' >wrong
rm -rf at-bob/to-sign
cp -r repo/ceremony/to-sign at-bob/to-sign
expect_exit 1 causeway-gen sign at-bob/to-sign --yes --passphrase-file wrong --key at-bob/bob.key
expect_err 'at-bob/bob.key.: wrong passphrase'
expect 'and nothing is signed' diff -r repo/ceremony/to-sign at-bob/to-sign
expect_exit 0 carry at-bob bob bob-targets
expect_exit 7 gen publish at-alice/to-sign at-bob/to-sign
expect_out '^missing for root: 1 of '
refute_out 'missing for targets'
expect_exit 0 carry at-dave dave
expect_exit 0 gen publish at-dave/to-sign
expect_out '^fingerprint: [0-9a-f]{64}$'
expect 'it is closed' test ! -e repo/ceremony
expect_exit 0 gen verify
root=repo/tree/metadata/1.root.json
fingerprint=$(sha256sum "$root" | cut -d' ' -f1)

# A product's first release, by those who have targets keys.
publisher_release gateway 1.0.0 1000
expect_exit 7 gen publish
expect_exit 0 carry at-alice alice-targets
expect_exit 0 carry at-bob bob-targets
expect_exit 0 gen publish at-alice/to-sign at-bob/to-sign
site_init site --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C site pull
expect_out 'complete and genuine: stable serial 1'

# The rehearsal leaves nothing, or all of it where it was told to.
mkdir tmp
TMPDIR=$PWD/tmp
export TMPDIR
expect_exit 0 causeway-gen init --rehearse --root-keys 5 --root-threshold 3
expect_out '^\$ causeway-gen sign person-2/to-sign --yes --key person-2/root-2.key'
expect_out '^a client begins with the first root: it verified every role, and trusts root 1$'
expect_out '^a client that trusted what was before refreshes: it verified every role, and trusts root 2$'
expect 'nothing is left of it' test -z "$(ls tmp)"
expect_exit 0 causeway-gen -q init --rehearse --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1 rehearsal
expect 'it says nothing when told to' test ! -s "$out"
expect 'it is kept' test -f rehearsal/vendor/tree/metadata/2.root.json
expect_exit 0 causeway-gen verify rehearsal/vendor/tree
expect_exit 1 causeway-gen init --rehearse rehearsal
expect_err "'rehearsal' is not empty"
expect_exit 0 causeway-gen --json init --rehearse
expect_out '"rehearsed": true'

done_testing
