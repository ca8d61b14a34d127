#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # a function that expect_exit calls
# Keys carried in and out, in the form that other programs read, and what each of them can do.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

expect_exit 0 causeway-gen init --insecure-plain-keys repo
gen() {
    causeway-gen -C repo "$@"
}

expect_exit 2 gen key
expect_exit 2 gen key turn
expect_err "it is 'key list'"
expect_exit 2 gen key undo gateway
expect_err "'key rotate ROLE OLD NEW'.* or 'key undo'$"
expect_exit 2 gen key new
expect_exit 2 gen key new '../up'
expect_exit 0 gen key list
expect_out '^root-1 +[0-9a-f]{16}  here, NOT encrypted'

# Making one.
expect_exit 0 gen key new spare
expect_out "^made key 'spare', keyid [0-9a-f]{64}; it is NOT encrypted"
expect 'both halves are there' test -f repo/keys/spare.key -a -f repo/keys/spare.pub
expect_exit 1 gen key new spare
expect_err "there is a key 'spare' already"

# Out as PEM, and back in under the same name: it is the same key.
expect_exit 0 gen key export spare spare.pem --insecure-plain-keys
expect 'a secret key is for its owner only' test "$(stat -c %a spare.pem)" = 600
expect 'PKCS#8' grep -qx -e '-----BEGIN PRIVATE KEY-----' spare.pem
expect_exit 0 gen key export spare spare.pub.pem --public
expect_exit 1 gen key export spare spare.pem --insecure-plain-keys
expect_err "unable to make 'spare.pem': File exists"
expect_exit 1 gen key export nobody x.pem
expect_err "there is no key 'nobody'"
mv repo/keys/spare.key away
expect_exit 1 gen key export spare x.pem
expect_err "secret half of key 'spare' is not here"
expect_exit 1 gen key import other spare.pem
expect_err "this is key 'spare', which is there already"
expect_exit 0 gen key import spare spare.pem
expect 'it is what was carried away' cmp repo/keys/spare.key away
rm repo/keys/spare.key repo/keys/spare.pub
expect_exit 0 gen key import spare away
expect 'our own files are taken, too' cmp repo/keys/spare.key away

# Encrypted, in both forms.
echo 'correct horse' >pass
echo 'battery staple' >wrong
expect_exit 0 gen key export spare sealed.pem --passphrase-file pass
expect 'an encrypted file' grep -qx -e '-----BEGIN ENCRYPTED PRIVATE KEY-----' sealed.pem
rm repo/keys/spare.key
expect_exit 1 gen key import spare sealed.pem --passphrase-file wrong
expect_err 'sealed.pem: wrong passphrase'
expect 'nothing was taken in' test ! -e repo/keys/spare.key
expect_exit 0 gen key import spare sealed.pem --passphrase-file pass
expect 'the same key' cmp repo/keys/spare.key away
expect_exit 0 causeway-gen init locked --passphrase-file pass --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1
expect_exit 0 causeway-gen -C locked key import borrowed away --passphrase-file pass
expect_out 'keyid [0-9a-f]{64}$'
expect 'and is encrypted there' grep -q sealed locked/keys/borrowed.key
expect_exit 1 causeway-gen -C locked key export borrowed x.pem --passphrase-file wrong
expect_err 'wrong passphrase'

# What is no key, or none that can sign here.
echo 'no key' >bad.pem
expect_exit 3 gen key import bad bad.pem
expect_err 'bad.pem is no private key in PEM'
expect_exit 1 gen key import bad nothing.pem
expect_err "unable to open 'nothing.pem'"

if command -v openssl >/dev/null; then
    openssl pkey -in spare.pem -pubout -out theirs.pub.pem 2>err
    expect 'openssl reads it, and finds the same public half' cmp theirs.pub.pem spare.pub.pem
    openssl pkey -in sealed.pem -passin file:pass -out theirs.pem 2>err
    expect 'openssl decrypts it' cmp theirs.pem spare.pem
    openssl genpkey -algorithm ed25519 -out made.pem 2>err
    expect_exit 0 gen key import made made.pem
    expect_exit 0 gen key export made back.pem --insecure-plain-keys
    expect 'and a key of its making comes back as it was' cmp made.pem back.pem
    openssl genpkey -algorithm ed25519 -aes256 -pass file:pass -out made2.pem 2>err
    expect_exit 0 gen key import made2 made2.pem --passphrase-file pass
    openssl genpkey -algorithm rsa -out rsa.pem 2>err
    expect_exit 3 gen key import rsa rsa.pem
    expect_err 'holds a key of type RSA; only ED25519 keys can sign here'
else
    skip 'keys of openssl' 'openssl is not installed'
fi

# A secret half that is another key's is told before it signs anything, and the right one again is all it takes.
cp repo/keys/timestamp.key kept.key
cp repo/keys/snapshot.key repo/keys/timestamp.key
expect_exit 3 gen publish --renew timestamp
expect_err "'keys/timestamp.pub': its .key and .pub files hold different keys; remove the wrong one"
cp kept.key repo/keys/timestamp.key
expect_exit 0 gen publish --renew timestamp

# Who can do what.
expect_exit 0 gen key who
expect_out '^root-1$'
expect_out '^  root, with 1 of: root-2, root-3$'
expect_out '^  alone  channel stable$'
refute_err "key '.*' could ship"
expect_err 'whoever copies this folder could ship software with the keys that are not encrypted'
for key in root targets; do
    mkdir -p offline && mv repo/keys/$key-[12].key offline/
done
expect_exit 0 gen key who
refute_err 'whoever'
expect_exit 0 causeway-gen -C locked key who
expect_err "key 'targets' could ship software alone: it signs for role 'targets'"
expect_err 'whoever copies this folder and learns the passphrase'
expect_exit 0 causeway-gen -C locked --json key who
expect_out '"ships": "it signs for role'

done_testing
