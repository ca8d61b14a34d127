#!/bin/sh
# SPDX-License-Identifier: ISC
# Attestations that Sigstore's own packages sign open a channel's gate, and tuf-js takes them from the tree as targets.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/interop/lib.sh"
. "$CW_SRCDIR/tests/server/lib.sh"
. "$CW_SRCDIR/tests/cli/attest.sh"

need_sigstore
need_tufjs

echo gateway >gateway.bin
attest_key bench
attest_key other
cat >catalog.json <<'JSON'
{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "1.0.0",
 "builds": [{"platform": "any", "files": [{"file": "gateway.bin"}]}]}]}]}
JSON
expect_exit 0 causeway-gen init --insecure-plain-keys acme
expect_exit 0 causeway-gen -C acme add catalog.json
expect_exit 0 causeway-gen -C acme gate stable --demand test-result --key bench=bench.pub
cat >statement.json <<JSON
{"_type": "https://in-toto.io/Statement/v1",
 "subject": [{"name": "gateway.bin", "digest": {"sha256": "$(sha256sum <gateway.bin | cut -d' ' -f1)"}}],
 "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
 "predicate": {"result": "PASSED", "configuration": [], "passedTests": ["boots", "updates"]}}
JSON

sigstore_sign other.pem application/vnd.in-toto+json statement.json >other.json
expect_exit 0 causeway-gen -C acme attest gateway 1.0.0 other.json
expect_exit 6 causeway-gen -C acme promote gateway 1.0.0 stable
expect_err "is not signed by 'bench'"
sigstore_sign bench.pem application/vnd.in-toto+json statement.json >bundle.json
expect 'Sigstore made a bundle' grep -q '"dsseEnvelope"' bundle.json
expect_exit 0 causeway-gen -C acme attest gateway 1.0.0 bundle.json
expect_exit 0 causeway-gen -C acme promote gateway 1.0.0 stable
expect_exit 0 causeway-gen -C acme publish

server_start acme/tree
name=$(find acme/tree/targets/channels/stable -name '*.gateway_1.0.0.*' | sed 's,.*/[0-9a-f]\{64\}\.,,')
expect_exit 0 tufjs acme/tree/metadata/1.root.json "$(server_url '')" client channels/stable/channel.json "channels/stable/$name"
expect 'tuf-js takes it as it was given' cmp bundle.json "client/targets/channels_stable_$name"
server_stop

done_testing
