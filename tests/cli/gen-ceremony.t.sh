#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119,SC2317 # functions that expect_exit calls
# Offline signing by carrying: what publish leaves unsigned is signed by people elsewhere, shown to them in words, and completed at home.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

gen() {
    causeway-gen -C repo "$@"
}
# Four machines: each has a part of the keys, and nothing else but what is carried to it.
sign() { # MACHINE KEY...: carries the folder there, signs, and leaves the copy in ./MACHINE/to-sign
    at=$1
    shift
    rm -rf "$at/to-sign"
    cp -r repo/ceremony/to-sign "$at/to-sign"
    for key; do
        set -- "$@" --key "$TEST_DIR/$at/$key.key"
        shift
    done
    (cd / && CAUSEWAY_REPO=/nowhere causeway-gen sign "$TEST_DIR/$at/to-sign" --yes "$@")
}

publisher_init --root-keys 5 --root-threshold 3
publisher_release gateway 1.0.0
publisher_publish
site_init site --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C site pull
mkdir alice bob carol dave
mv repo/keys/root-1.key repo/keys/targets-1.key alice/
mv repo/keys/root-2.key repo/keys/root-3.key repo/keys/targets-2.key bob/
mv repo/keys/root-4.key repo/keys/targets-3.key carol/
mv repo/keys/root-5.key dave/

# --- a new timestamp key and a new root key, 3 of 5 ------------------------------------------------------

gen key new timestamp-2 >new.out 2>&1
gen key new root-6 >new.out 2>&1
mv repo/keys/root-6.key dave/root-6.key
expect_exit 0 gen key rotate timestamp timestamp timestamp-2
expect_exit 0 gen key rotate root root-5 root-6
expect_exit 0 gen publish --dry-run
expect_err 'a ceremony would be opened: role .root. needs 3 of its 5 keys, here are 0'
expect 'it was not' test ! -e repo/ceremony
before=$(cat repo/tree/metadata/timestamp.json)
expect_exit 7 gen publish
expect_err "not published yet: a ceremony was opened, .* carry 'ceremony/to-sign' to those who sign"
expect_out "^missing for root, by the old keys: 3 of 'root-1', 'root-2', 'root-3', 'root-4', 'root-5'$"
expect_out "^missing for root, by the new keys: 3 of 'root-1', 'root-2', 'root-3', 'root-4', 'root-6'$"
expect 'nothing was published' test "$before" = "$(cat repo/tree/metadata/timestamp.json)"
expect 'what was staged is set aside' test ! -e repo/staged/keys.json -a -e repo/ceremony/staged/keys.json
expect_exit 0 gen status
expect_out "^a ceremony is open since .*: carry 'ceremony/to-sign' to those who sign"
expect_out '^missing for root, by the old keys: 3 of '

# What a person is shown, who has nothing but the folder.
cp -r repo/ceremony/to-sign shown
cd shown || exit 99
expect_exit 0 causeway-gen sign .
expect_out "^the root in force is version 1, fingerprint $fingerprint$"
expect_out '^next root, version 2, good until 20'
expect_out "^  keys of root: - 'root-5' \([0-9a-f]{16}\) \+ 'root-6' \([0-9a-f]{16}\); still 3 of 5 must sign$"
expect_out "^  keys of timestamp: - 'timestamp' \([0-9a-f]{16}\) \+ 'timestamp-2' \([0-9a-f]{16}\); still 1 of 1 must sign$"
refute_out 'keys of (snapshot|targets)'
cd ..
expect 'showing changes nothing' diff -r shown repo/ceremony/to-sign

# Who may not, and without a word of yes nobody.
expect_exit 3 causeway-gen sign shown --key alice/targets-1.key --yes
expect_err 'no role of this ceremony wants a signature by this key .keyid [0-9a-f]{16}.; wanted are for root, by the old keys: .root-1., .root-2.*; for root, by the new keys: .root-1., .*.root-6.'
expect_exit 1 causeway-gen sign shown --key nothing.key --yes
expect_err "unable to open 'nothing.key'"
if command -v setsid >/dev/null; then
    expect_exit 2 setsid -w causeway-gen sign shown --key alice/root-1.key
    expect_err 'no terminal to ask whether to sign: give --yes'
else
    skip 'without a terminal' 'setsid is not installed'
fi
expect_exit 0 causeway-gen sign shown --key alice/root-1.key --dry-run
expect_exit 1 causeway-gen sign alice --yes
expect_err "'alice': holds no 'ceremony.json': it is no folder of a ceremony"
expect 'nothing was signed' diff -r shown repo/ceremony/to-sign
if can_make_terminal; then
    printf 'no\n' | script -qec 'causeway-gen sign shown --key alice/root-1.key' /dev/null >asked 2>&1
    expect 'who does not say yes does not sign' grep -q "not signed: the answer was not 'yes'" asked
    expect 'nothing was signed' diff -r shown repo/ceremony/to-sign
    cp -r shown said
    printf 'yes\n' | script -qec 'causeway-gen sign said --key alice/root-1.key' /dev/null >asked 2>&1
    expect 'who says yes does' grep -q "signed root with 'root-1'" asked
    rm -rf said
else
    skip 'asking' "'script' makes no terminal here"
fi

# The online roles are renewed meanwhile, and other things published.
expect_exit 0 gen publish --renew-within 30d
expect_out '^renewed timestamp$'
expect_exit 0 gen publish --renew-within 2y
expect_err 'warning: not renewed: root, which expires at 20[0-9T:-]*Z: it is in the ceremony that is open$'
expect_err "warning: not renewed: targets, which expires at 20[0-9T:-]*Z: role 'targets' needs 2 of its 3 keys"
publisher_release gateway 1.1.0
expect_exit 0 gen publish
expect_err 'published beside the ceremony that is open'
expect_exit 0 causeway-sync -C site pull
expect_out 'stable serial 2'
publisher_release plc 1.0.0
expect_exit 1 gen publish
expect_err "a ceremony is open, and there can be one only: role 'targets' needs 2 of its 3 keys"
mv repo/staged kept-staged
expect_exit 1 gen gc
expect_err 'a ceremony is open'

# In any order, each on its own copy. Altered copies and those of others are refused, by every side.
expect_exit 0 sign bob root-2 root-3
expect_out "^signed root with 'root-2'$"
expect_out "^missing for root, by the old keys: 1 of 'root-1', 'root-4', 'root-5'$"
expect_out "^missing for root, by the new keys: 1 of 'root-1', 'root-4', 'root-6'$"
cp -r bob/to-sign bad
sed -i 's/"threshold": 3/"threshold": 1/' bad/metadata/2.root.json
expect_exit 3 causeway-gen sign bad --key alice/root-1.key --yes
expect_err "'bad': 'metadata/2.root.json' is not what it was when the ceremony was opened"
expect_exit 3 gen publish bad
expect_err "'metadata/2.root.json' is not what it was"
rm -rf bad && cp -r bob/to-sign bad
digit=$(sed -n 's/^ *"sig": "\(.\).*/\1/p' bad/metadata/2.root.json | head -n 1)
sed -i "s/\"sig\": \"$digit/\"sig\": \"$(echo "$digit" | tr '0-9a-f' '1-9a-f0')/" bad/metadata/2.root.json
expect_exit 3 gen publish bad
expect_err "role 'root': the signature by key [0-9a-f]{16} does not hold"
rm -rf bad && cp -r bob/to-sign bad
flip bad/trusted/2.targets.json
expect_exit 3 causeway-gen sign bad --key alice/root-1.key --yes
expect_err "'trusted/2.targets.json' is not what it was"
rm bad/trusted/2.targets.json
expect_exit 7 causeway-gen sign bad --key alice/root-1.key --yes
expect_err "'trusted/2.targets.json' is missing"
rm -rf bad && cp -r bob/to-sign bad
sed -i 's/"composed": "20/"composed": "19/' bad/ceremony.json
expect_exit 3 gen publish bad
expect_err "'bad': is a copy of another ceremony"
cp repo/ceremony/to-sign/metadata/2.root.json was
sed -i 's/"threshold": 3/"threshold": 1/' repo/ceremony/to-sign/metadata/2.root.json
expect_exit 3 gen publish
expect_err "'ceremony/to-sign': 'metadata/2.root.json' is not what it was"
cp was repo/ceremony/to-sign/metadata/2.root.json

expect_exit 7 gen publish bob/to-sign
expect_out "^'bob/to-sign': 2 new signatures$"
expect_out '^missing for root, by the old keys: 1 of '
expect_out '^missing for root, by the new keys: 1 of '
# The key that leaves counts for what is in force, not for what comes.
expect_exit 0 sign dave root-5
expect_exit 7 gen --json publish dave/to-sign
expect_out '"missing": 1'
expect_exit 0 sign alice root-1
expect_out 'no signature is missing'
expect_exit 0 gen publish alice/to-sign
expect_out '^the ceremony is complete$'
expect_out '^published at '
expect 'it is closed' test ! -e repo/ceremony
expect_exit 0 gen verify --root "$root"
expect_exit 0 causeway-sync -C site pull
site_init fresh --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C fresh pull
rm repo/keys/timestamp.key
expect_exit 0 gen publish --renew-within 30d
expect_exit 0 causeway-sync -C site pull

# --- a new product: targets is offline, the product's and the channel's keys are not ---------------------------

rm -rf repo/staged && mv kept-staged repo/staged
# What a daily job does while that waits.
expect_exit 0 gen publish --renew-within 30d
expect_err "warning: what is staged waits for keys that are not here .*: role 'targets' needs 2 of its 3 keys"
expect_out '^renewed timestamp$'
expect 'no ceremony is opened, and what is staged stays' test ! -e repo/ceremony -a -e repo/staged/releases/plc@1.0.0.json
expect_exit 7 gen publish
expect_exit 0 sign alice targets-1
expect_out "^  new role 'plc'$"
expect_out "^  role 'plc' may sign 'plc/\*/\*'$"
expect_out "^  keys of plc: \+ 'product-plc' \([0-9a-f]{16}\); 1 of 1 must sign$"
expect_out "^  signs 'plc/1.0.0': 3 files"
expect_out '^  serial 3$'
expect_out '^  plc: 1.0.0$'
expect_exit 0 sign bob targets-2
expect_exit 0 gen publish alice/to-sign bob/to-sign
expect_exit 0 causeway-sync -C site pull
expect_out 'stable serial 3'

# --- given up, moved on -----------------------------------------------------------------------------------

expect_exit 1 gen publish --abandon
expect_err 'no ceremony is open'
expect_exit 0 gen key threshold targets 3
expect_exit 7 gen publish
expect_exit 0 sign alice root-1 targets-1
expect_exit 7 gen publish alice/to-sign
expect_exit 0 gen key threshold targets 1
expect_exit 1 gen publish --abandon
expect_err "'staged/keys.json' was staged since"
expect_exit 0 gen key undo
expect_exit 0 gen publish --abandon
expect 'what was staged is staged again' test -e repo/staged/keys.json -a ! -e repo/ceremony
expect_exit 0 gen key undo

# Renewing what is offline is asked for by name; a repository that is older, or newer, than the ceremony is told apart.
expect_exit 1 gen publish --renew rooot
expect_err "there is no role 'rooot'"
expect_exit 7 gen publish --renew targets
cp -a repo other
expect_exit 0 sign alice targets-1
expect_out '^  nothing else changes$'
expect_exit 0 sign bob targets-2
expect_exit 0 gen publish alice/to-sign bob/to-sign
cp -a other/ceremony repo/ceremony
expect_exit 0 gen publish alice/to-sign bob/to-sign
expect_out '^the ceremony is complete$'
cp alice/targets-1.key bob/targets-2.key repo/keys/
expect_exit 0 gen publish --renew targets
rm repo/keys/targets-1.key repo/keys/targets-2.key
cp -a other/ceremony repo/ceremony
expect_exit 1 gen publish alice/to-sign bob/to-sign
expect_err "the repository moved on since the ceremony was opened: role 'targets' is at version [0-9]+"
expect_exit 0 gen publish --abandon
expect_exit 0 causeway-sync -C site pull
expect_exit 0 gen verify --root "$root"

# --- another tool signs -----------------------------------------------------------------------------------

# What is to be signed is plain TUF metadata: a tool that knows the specification and a key in PEM will do, and may write the file in its
# own way.
if command -v openssl >/dev/null && command -v python3 >/dev/null; then
    causeway-gen init -q --insecure-plain-keys other-repo 2>err.txt
    expect_exit 0 causeway-gen -C other-repo key import borrowed alice/targets-1.key
    expect_exit 0 causeway-gen -C other-repo key export borrowed targets-1.pem --insecure-plain-keys
    cat >other-tool.py <<'END'
import json, subprocess, sys

def canonical(value):
    if isinstance(value, dict):
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)

path, pem, keyid = sys.argv[1:]
doc = json.load(open(path))
open("to-be-signed", "w").write(canonical(doc["signed"]))
sig = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", pem, "-in", "to-be-signed"], check=True, stdout=subprocess.PIPE).stdout
doc["signatures"].append({"keyid": keyid, "sig": sig.hex()})
json.dump(doc, open(path, "w"))
END
    expect_exit 7 gen publish --renew targets
    rm -rf theirs
    cp -r repo/ceremony/to-sign theirs
    expect_exit 0 python3 other-tool.py "$(echo theirs/metadata/*.targets.json)" targets-1.pem \
        "$(sed -n 's/.*"\([0-9a-f]\{64\}\)": "targets-1".*/\1/p' theirs/ceremony.json)"
    expect_exit 0 causeway-gen sign theirs
    expect_out '^missing for targets: 1 of '
    expect_exit 0 sign bob targets-2
    expect_exit 0 gen publish theirs bob/to-sign
    expect_out "^'theirs': 1 new signature$"
    expect_out '^the ceremony is complete$'
    expect_exit 0 gen verify --root "$root"
    expect_exit 0 causeway-sync -C site pull
else
    skip 'another tool signs' 'no openssl, or no python3'
fi

done_testing
