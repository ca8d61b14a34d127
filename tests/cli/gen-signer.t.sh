#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # a function that expect_exit calls
# Keys that a program signs with, as an HSM or a KMS would: openssl stands for it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

command -v openssl >/dev/null || skip_all 'openssl is not installed'

gen() {
    causeway-gen -C repo "$@"
}

publisher_init --root-keys 1 --root-threshold 1 --targets-keys 1 --targets-threshold 1
publisher_release gateway 1.0.0
publisher_publish
site_init site --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C site pull

# A signer that says what it was asked for, and one for each kind of key and each form of an answer.
mkdir hsm
openssl genpkey -algorithm ed25519 -out hsm/ed.pem 2>err
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out hsm/ec.pem 2>err
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out hsm/rsa.pem 2>err
for kind in ed ec rsa; do
    openssl pkey -in hsm/$kind.pem -pubout -out hsm/$kind.pub.pem
done
cat >hsm/sign <<'SIGN'
#!/bin/sh
echo "$CAUSEWAY_KEY_NAME $CAUSEWAY_ROLE $CAUSEWAY_KEYID $CAUSEWAY_KEYTYPE $CAUSEWAY_SCHEME" >>"$TEST_DIR/asked"
case $1 in
rsa) set -- "$1" "$2" -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32 ;;
ec) set -- "$1" "$2" -digest sha256 ;;
esac
kind=$1 form=$2
shift 2
openssl pkeyutl -sign -rawin -inkey "$TEST_DIR/hsm/$kind.pem" -in /dev/stdin "$@" >"$TEST_DIR/signature" || exit
case $form in
raw) cat "$TEST_DIR/signature" ;;
hex) od -An -v -tx1 "$TEST_DIR/signature" ;;
base64) base64 "$TEST_DIR/signature" ;;
esac
SIGN
chmod +x hsm/sign

# What is no signer of that key is not taken in.
expect_exit 1 gen key import hsm hsm/ed.pub.pem --signer "$PWD/hsm/nothing"
expect_err "its signer '.*/nothing': is not there"
expect_exit 1 gen key import hsm hsm/ed.pub.pem --signer false
expect_err "its signer 'false': failed with exit code 1"
expect_exit 3 gen key import hsm hsm/ed.pub.pem --signer 'echo hello'
expect_err 'answered 6 bytes, which are no signature by this key'
expect_exit 3 gen key import hsm hsm/ed.pub.pem --signer 'head -c 9000 /dev/zero'
expect_err 'answered more than 8192 bytes'
expect_exit 5 gen key import hsm hsm/ed.pub.pem --signer 'sleep 60' --signer-timeout 1s
expect_err 'did not answer within 1 s'
# shellcheck disable=SC2016 # not to be expanded: there is no shell
expect_exit 3 gen key import hsm hsm/ed.pub.pem --signer 'echo $(touch shell)'
expect 'no shell runs it' test ! -e shell
expect_exit 2 gen key import hsm hsm/ed.pem --signer cat
expect_err "'hsm/ed.pem' is no public half"
expect_exit 2 gen key import hsm hsm/ed.pub.pem --signer ' '
expect_exit 3 gen key import hsm hsm/ed.pub.pem --signer "$PWD/hsm/sign ec raw"
expect_err 'no signature by this key'
expect 'nothing was taken in' test ! -e repo/keys/hsm.pub -a ! -e repo/keys/hsm.signer

# A key of each kind, remembered with its program.
expect_exit 0 gen key import hsm hsm/ed.pub.pem --signer "$PWD/hsm/sign ed raw"
expect_out "^took in key 'hsm', keyid [0-9a-f]{64}; its signer signs with it$"
expect_exit 0 gen key import p256 hsm/ec.pub.pem --signer "$PWD/hsm/sign ec hex"
expect_exit 0 gen key import rsa hsm/rsa.pub.pem --signer "$PWD/hsm/sign rsa base64"
expect_exit 0 gen key list
expect_out '^hsm +[0-9a-f]{16}  with a signer$'
expect_exit 0 gen key export rsa back.pem --public
expect 'the public half comes back as it was' cmp back.pem hsm/rsa.pub.pem
expect_exit 1 gen key export rsa secret.pem
expect_err "secret half of key 'rsa' is not here"

# They take over all roles, while a client goes on refreshing.
rm asked
expect_exit 0 gen key rotate timestamp timestamp hsm
expect_exit 0 gen key rotate stable channel-stable p256
expect_exit 0 gen key rotate targets targets rsa
expect_exit 0 gen key rotate root root p256
expect_exit 0 gen publish
expect 'a signer is told what it signs' grep -Eq '^p256 root [0-9a-f]{64} ecdsa ecdsa-sha2-nistp256$' asked
expect 'and the role of each' grep -Eq '^hsm timestamp [0-9a-f]{64} ed25519 ed25519$' asked
expect_exit 0 causeway-sync -C site pull
mkdir old && mv repo/keys/timestamp.* repo/keys/channel-stable.* repo/keys/targets.* repo/keys/root.* old/
publisher_release gateway 1.1.0
expect_exit 0 gen publish
expect_exit 0 gen publish --renew-within 9y
expect_exit 0 causeway-sync -C site pull
expect_out 'stable serial 2'
expect_exit 0 gen verify --root "$root"
site_init fresh --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C fresh pull

# A signer that breaks, or is made to sign with another key, publishes nothing.
state=$(cat repo/tree/metadata/timestamp.json)
publisher_release gateway 1.2.0
mv hsm/ed.pem hsm/away.pem
expect_exit 1 gen publish
expect_err "unable to sign role 'timestamp': key 'hsm': its signer '.*/sign': failed with exit code"
openssl genpkey -algorithm ed25519 -out hsm/ed.pem 2>err
expect_exit 3 gen publish
expect_err "key 'hsm': .* no signature by this key"
expect 'nothing was published' test "$state" = "$(cat repo/tree/metadata/timestamp.json)"

# For one run only.
mv hsm/away.pem hsm/ed.pem
rm repo/keys/hsm.signer
expect_exit 2 gen publish --signer hsm
expect_err "takes KEY=CMD, not 'hsm'"
expect_exit 1 gen publish --signer "other=$PWD/hsm/sign ed raw"
expect_err "there is no key 'other'"
expect_exit 0 gen publish --signer "hsm=$PWD/hsm/sign ed raw"
expect 'it is not remembered' test ! -e repo/keys/hsm.signer
expect_exit 0 causeway-sync -C site pull

done_testing
