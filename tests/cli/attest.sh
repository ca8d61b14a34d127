# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Attestations as other people's tools make them: signed by openssl over DSSE's encoding. Source it after tests/cli/lib.sh.
#
#   attest_key NAME                       makes NAME.pem, an ECDSA key on P-256 as cosign has them, and NAME.pub
#   attest KEY PREDICATE JSON FILE...     prints an envelope: a statement of that predicate about the files. PREDICATE is
#                                         test-result, or the end of a SLSA type (provenance/v1)

attest_key() {
    if ! openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.pem" 2>/dev/null ||
        ! openssl pkey -in "$1.pem" -pubout -out "$1.pub"; then
        echo 'Bail out! openssl makes no key'
        exit 1
    fi
}

attest() {
    attest_key_name=$1
    case $2 in
    test-result) attest_type=https://in-toto.io/attestation/test-result/v0.1 ;;
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
        "$(base64 -w 0 attest.payload)" "$(openssl dgst -sha256 -sign "$attest_key_name.pem" attest.signed | base64 -w 0)"
}
