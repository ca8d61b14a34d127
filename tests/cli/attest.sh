# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Attestations as other people's tools make them: signed by openssl over DSSE's encoding. Source it after tests/cli/lib.sh.
#
#   attest_key NAME [KIND]                makes NAME.pem and NAME.pub: an ECDSA key on P-256 as cosign has them, or ed25519 or rsa
#   attest KEY PREDICATE JSON FILE...     prints an envelope: a statement of that predicate about the files. PREDICATE is
#                                         test-result, the end of a SLSA type (provenance/v1), or a whole type

attest_key() {
    case ${2:-ecdsa} in
    ecdsa) set -- "$1" EC -pkeyopt ec_paramgen_curve:P-256 ;;
    ed25519) set -- "$1" ED25519 ;;
    rsa) set -- "$1" RSA -pkeyopt rsa_keygen_bits:2048 ;;
    esac
    attest_key_name=$1
    shift
    if ! openssl genpkey -out "$attest_key_name.pem" -algorithm "$@" 2>/dev/null ||
        ! openssl pkey -in "$attest_key_name.pem" -pubout -out "$attest_key_name.pub"; then
        echo 'Bail out! openssl makes no key'
        exit 1
    fi
}

# attest_sign KEY FILE: the signature, as each kind of key makes it.
attest_sign() {
    case $(openssl pkey -in "$1.pem" -noout -text | head -n 1) in
    ED25519*) openssl pkeyutl -sign -rawin -inkey "$1.pem" -in "$2" ;;
    *2048*) openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sign "$1.pem" "$2" ;;
    *) openssl dgst -sha256 -sign "$1.pem" "$2" ;;
    esac
}

attest() {
    attest_key_name=$1
    case $2 in
    test-result) attest_type=https://in-toto.io/attestation/test-result/v0.1 ;;
    https:*) attest_type=$2 ;;
    *) attest_type=https://slsa.dev/$2 ;;
    esac
    attest_predicate=$3
    shift 3
    attest_subjects=
    for attest_file; do
        attest_subjects="$attest_subjects${attest_subjects:+, }{\"name\": \"$(basename "$attest_file")\", \"digest\": {\"sha256\": \"$(
            sha256sum <"$attest_file" | cut -d' ' -f1
        )\"}}"
    done
    printf '{"_type": "https://in-toto.io/Statement/v1", "subject": [%s], "predicateType": "%s", "predicate": %s}' \
        "$attest_subjects" "$attest_type" "$attest_predicate" >attest.payload
    {
        printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(wc -c <attest.payload)"
        cat attest.payload
    } >attest.signed
    printf '{"payloadType":"application/vnd.in-toto+json","payload":"%s","signatures":[{"keyid":"","sig":"%s"}]}\n' \
        "$(base64 -w 0 attest.payload)" "$(attest_sign "$attest_key_name" attest.signed | base64 -w 0)"
}
