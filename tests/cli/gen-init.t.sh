#!/bin/sh
# SPDX-License-Identifier: ISC
# causeway-gen init: what it makes, what it refuses, and that a killed one can be run again.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

# --- plain keys ---------------------------------------------------------------------------------------

expect_exit 0 causeway-gen init --insecure-plain-keys repo
expect_out '^fingerprint: [0-9a-f]{64}$'
expect_out 'move offline'
expect_err 'warning: the secret keys are not encrypted'
fingerprint=$(sed -n 's/^fingerprint: //p' "$out")
expect 'the fingerprint is the root file'\''s sha256' \
    test "$(sha256sum <repo/tree/metadata/1.root.json)" = "$fingerprint  -"
for name in root-1 root-2 root-3 targets-1 targets-2 targets-3 snapshot timestamp channel-candidate channel-stable; do
    expect "key $name has both halves" test -f "repo/keys/$name.key" -a -f "repo/keys/$name.pub"
done
expect 'secret keys are for their owner only' test "$(stat -c %a repo/keys/root-1.key)" = 600
expect 'nothing temporary is left' test -z "$(find repo -name '.tmp-*')"
expect_exit 0 causeway-gen -C repo verify
expect_out '^complete and genuine'
expect_exit 0 causeway-gen -C repo status
expect_out '^nothing is staged$'
expect_out 'channel-stable +here, NOT encrypted'

expect_exit 1 causeway-gen init --insecure-plain-keys repo
expect_err "'repo' is a repository already"

# --- words and numbers --------------------------------------------------------------------------------

expect_exit 0 causeway-gen init --insecure-plain-keys --channel beta --channel lts --root-keys 5 --root-threshold 3 \
    --targets-keys 1 --targets-threshold 1 --channel-keys 2 --channel-threshold 2 --timestamp-expires 36h --json other
expect_out '"fingerprint": "[0-9a-f]{64}"'
expect 'five root keys' test -f other/keys/root-5.key
expect 'one targets key has no number' test -f other/keys/targets.key
expect 'two keys a channel' test -f other/keys/channel-lts-2.key
expect 'the expiry is kept' grep -q '"timestamp": "36h"' other/causeway.json
expect 'root asks for three' sh -c "grep -A12 '\"root\": {' other/tree/metadata/1.root.json | grep -q '\"threshold\": 3'"
expect_exit 0 causeway-gen verify other/tree

refused() { # OPTIONS... MESSAGE: refused as a wrong command line, nothing made
    for refused_message in "$@"; do :; done
    run causeway-gen init --insecure-plain-keys "$@" # the message is taken for DIR
    expect "refused: $refused_message" test "$code" -eq 2
}
refused --root-threshold 4 'more signatures than keys'
refused --targets-keys 0 'no keys'
refused --channel Root 'a reserved name'
refused --channel a/b 'a name with a slash'
refused --channel x --channel X 'two names that differ by case'
refused --root-expires soon 'no duration'
expect 'no folder was made' test ! -e 'no keys'

mkdir -p lost/keys
expect_exit 1 causeway-gen init --insecure-plain-keys lost
expect_err "holds 'keys' but no 'causeway.json'"

# --- interrupted --------------------------------------------------------------------------------------

expect_exit 0 causeway-gen init --insecure-plain-keys whole
mkdir -p killed/.tmp-init
cp -r whole/keys killed/.tmp-init/
expect_exit 0 causeway-gen init --insecure-plain-keys killed
expect 'an unfinished one was started again' test ! -e killed/.tmp-init -a -f killed/causeway.json
expect 'with keys of its own' sh -c '! cmp -s whole/keys/root-1.pub killed/keys/root-1.pub'

mkdir -p moving/.tmp-init
cp -r whole/tree moving/
cp -r whole/keys whole/causeway.json moving/.tmp-init/
expect_exit 0 causeway-gen init --insecure-plain-keys moving
expect_out 'finished the init that was interrupted'
expect 'the keys are the ones it had made' cmp whole/keys/root-1.pub moving/keys/root-1.pub
expect_exit 0 causeway-gen -C moving verify

# --- encrypted ----------------------------------------------------------------------------------------

echo 'correct horse battery staple' >pass
echo 'tr0ub4dor' >wrong
echo "hello" >file
cat >catalog.json <<'END'
{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "1.0.0",
 "builds": [{"platform": "any", "files": [{"file": "file"}]}]}]}]}
END
expect_exit 0 causeway-gen init --passphrase-file pass secret
refute_err 'warning'
expect 'no plain seed is on disk' sh -c '! grep -q \"seed\" secret/keys/*.key'
expect_exit 1 causeway-gen -C secret add --passphrase-file wrong catalog.json
expect_err 'wrong passphrase'
expect 'nothing was staged' test ! -e secret/staged/releases
expect_exit 0 causeway-gen -C secret add --passphrase-file pass catalog.json
expect_exit 1 causeway-gen -C secret publish --passphrase-file wrong
expect_err 'wrong passphrase'
run sh -c 'exec causeway-gen -C secret publish --passphrase-fd 3 3<pass'
expect 'the passphrase from a descriptor' test "$code" -eq 0
expect_exit 0 causeway-gen -C secret status
expect_out 'product-gateway +here, encrypted'
expect_exit 0 causeway-gen -C secret verify

: >empty
expect_exit 1 causeway-gen init --passphrase-file empty nopass
expect_err 'the passphrase is empty'
expect 'no half repository' test ! -e nopass/causeway.json -a ! -e nopass/keys
if command -v setsid >/dev/null; then
    run setsid -w causeway-gen init noterm
    expect 'without a terminal it says what to give' grep -q 'give --passphrase-file or --passphrase-fd' "$err"
else
    skip 'without a terminal it says what to give' 'no setsid'
fi

done_testing
