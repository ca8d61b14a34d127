#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that expect_exit calls
# causeway-gen gate and attest: a channel demands attestations, promote says all that is missing, other people's tools sign, and
# what was demanded and given comes to a site with the release.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/cli/attest.sh"

gen() {
    causeway-gen -C repo "$@"
}

publisher_init
attest_key ci
attest_key lab ed25519
attest_key audit rsa
attest_key thief
mkdir build
echo one >build/gw-amd64
echo two >build/gw-arm64
echo '{"bomFormat": "CycloneDX"}' >build/sbom.json
catalog() { # VERSION MORE
    printf '{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "%s", %s "builds": [
 {"platform": "linux-amd64", "files": [{"file": "build/gw-amd64"}]}, {"platform": "linux-arm64", "files": [{"file": "build/gw-arm64"}]}]}]}]}\n' "$@"
}
catalog 1.0.0 '"sbom": "build/sbom.json",' >one.json
catalog 1.1.0 '' >two.json
expect_exit 0 gen add one.json two.json

# --- gate ---------------------------------------------------------------------------------------------

expect_exit 0 gen gate
expect_out 'no channel demands anything'
cp repo/causeway.json before.json
expect_exit 0 gen gate stable --demand test-result --key ci=ci.pub --dry-run
expect_out 'test-result, by 1 of: ci'
expect 'a dry run keeps the configuration' cmp before.json repo/causeway.json
expect_exit 0 gen gate stable --demand test-result --key ci=ci.pub
expect_exit 0 gen gate stable --demand provenance --key ci --key lab=lab.pub --threshold 2
expect_exit 0 gen gate stable --demand provenance --key ci
expect_exit 0 gen gate stable --demand sbom
expect_out '^  test-result, by 1 of: ci$'
expect_out '^  provenance, by 1 of: ci$'
expect_out '^  sbom, in the release itself$'
expect_exit 0 gen gate stable --json
expect_out '"predicate": "provenance"'
refute_out '"lab"'
while IFS='|' read -r code words why; do
    # shellcheck disable=SC2086 # words
    expect_exit "$code" gen gate $words
    expect_err "$why"
done <<'ROWS'
2|stable --demand tests --key ci|'tests' is no predicate: write test-result, provenance, sbom
2|stable --demand https://example.com/p|names no keys
2|stable --demand https://example.com/p --key ci --threshold 2|'threshold' is not between 1 and 1
2|stable --demand https://example.com/p --key ci --key again=ci.pub|'ci' and 'again' are one key
2|stable --key ci|go with '--demand'
2|--demand sbom|name the channel
2|stable --demand sbom --remove sbom|are two commands
1|stable --demand https://example.com/p --key lab|there is no key 'lab'
1|stable --demand https://example.com/p --key lab=none.pub|unable to open 'none.pub'
3|stable --demand https://example.com/p --key lab=lab.pem|is a secret key: give its public half
3|stable --demand https://example.com/p --key lab=build/gw-amd64|is neither PEM
1|stable --demand https://example.com/p --key ci=lab.pub|there is another key 'ci' already
1|nightly --demand sbom|there is no channel 'nightly'
1|stable --remove https://example.com/p|does not demand
ROWS
# Edited by hand, it is read as strictly.
cp repo/causeway.json right.json
while IFS='|' read -r edit why; do
    sed "$edit" right.json >repo/causeway.json
    expect_exit 3 gen status
    expect_err "'causeway.json': $why"
done <<'ROWS'
s/"sbom"/"sboom"/|field 'channels.stable': attestations\[2\]: 'sboom' is no predicate
s/"sbom"/"test-result"/|field 'channels.stable': attestations\[2\]: names no keys
s/"predicate"/"predicat"/|field 'channels.stable': .*unknown field 'predicat' \(did you mean 'predicate'\?\)
s/"attestations"/"attestation"/|field 'channels.stable': unknown field 'attestation' \(did you mean 'attestations'\?\)
s/"provenance"/"test-result"/|field 'channels.stable': attestations\[1\]: 'test-result' is demanded twice
s/^ *"ci"$/"cj"/|field 'channels.stable': attestations\[0\]: 'attestors' has no key 'cj'
s/"stable"/"metadata"/|field 'channels.metadata': channel name 'metadata' is reserved
s/"ecdsa"/"dsa"/|field 'attestors.ci': no known type and scheme
s/BEGIN PUBLIC/BEGIN SECRET/|field 'attestors.ci': is not a public key
s/"channels": {/"channels": 7, "channels": {/|line [0-9]+, column [0-9]+: duplicate object key
ROWS
cp right.json repo/causeway.json

# --- what is missing is said in one go ----------------------------------------------------------------

expect_exit 6 gen promote gateway 1.1.0 stable
expect_err '^stable: test-result: none was given$'
expect_err '^stable: provenance: none was given$'
expect_err "^stable: sbom: the release has none; a catalog names one as 'sbom'$"
expect_err "gateway 1.1.0 lacks what 'stable' demands"
expect 'nothing is staged' test ! -e repo/staged/channels/stable.json
expect_exit 0 gen promote gateway 1.1.0 candidate
rm repo/staged/channels/candidate.json

# --- what is no attestation of this release -----------------------------------------------------------

attest ci test-result '{"result": "PASSED"}' build/gw-amd64 build/gw-arm64 >passed.json
attest ci test-result '{"result": "FAILED", "failedTests": ["boot"]}' build/gw-amd64 build/gw-arm64 >failed.json
attest thief test-result '{"result": "PASSED"}' build/gw-amd64 build/gw-arm64 >stolen.json
attest ci provenance/v1 '{"buildDefinition": {"cost": 1.5}}' build/gw-amd64 >amd64.json
attest ci provenance/v0.2 '{"builder": {"id": "https://example.com"}}' build/gw-arm64 >arm64.json
attest ci test-result '{"result": "PASSED"}' one.json >other.json
sed 's/"sig":"[^"]\{8\}/"sig":"AAAAAAAA/' passed.json >altered.json
echo '{"payloadType": "application/vnd.in-toto+json"}' >broken.json
echo '{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1", "predicate": {}}' >bare.json
expect_exit 3 gen attest gateway 1.0.0 passed.json broken.json other.json one.json bare.json
expect_err "^broken.json: envelope: field 'payload' is missing"
expect_err '^other.json: is about other files: none of its 1 sha256 is that of an artifact of gateway 1.0.0'
expect_err '^one.json: envelope: '
expect_err '^bare.json: is a statement that nobody signed: give the DSSE envelope around it'
expect_err '4 mistakes; nothing was taken in'
expect 'nothing was taken in' test ! -e repo/attestations
expect_exit 1 gen attest gateway 9.9.9 passed.json
expect_err 'there is no gateway 9.9.9'
expect_exit 2 gen attest gateway one passed.json
expect_exit 1 gen attest gateway 1.0.0 none.json
expect_err "unable to open 'none.json'"
expect_exit 0 gen attest --dry-run gateway 1.0.0 passed.json
expect 'a dry run takes nothing in' test ! -e repo/attestations

# --- what does not open the gate ----------------------------------------------------------------------

only() { # FILE...: the attestations of gateway 1.0.0 are these alone
    rm -rf repo/attestations
    expect_exit 0 gen attest gateway 1.0.0 "$@"
}
only stolen.json amd64.json
expect_out 'amd64.json: https://slsa.dev/provenance/v1, about 1 of 2 artifacts'
expect_out 'channel stable: still lacks'
expect_exit 6 gen promote gateway 1.0.0 stable
expect_err "^stable: test-result: 'attestations/gateway@1.0.0/[0-9a-f]{64}.json' is not signed by 'ci'"
expect_err "^stable: provenance: 'gw-arm64' is vouched for by 0 of the 1 keys needed"
refute_err 'sbom'
only altered.json amd64.json arm64.json
expect_exit 6 gen promote gateway 1.0.0 stable
expect_err "^stable: test-result: .* is not signed by 'ci'"
refute_err 'provenance'
only failed.json passed.json amd64.json arm64.json
expect_exit 6 gen promote gateway 1.0.0 stable
expect_err "^stable: test-result: '.*' says FAILED; remove it only if a later run made it void"
attest ci test-result '{"result": "WARNED"}' build/gw-amd64 build/gw-arm64 >warned.json
only warned.json amd64.json arm64.json
expect_exit 6 gen promote gateway 1.0.0 stable
expect_err "^stable: test-result: '.*' says WARNED, which is not PASSED"

# --- what opens it ------------------------------------------------------------------------------------

only passed.json stolen.json warned.json amd64.json arm64.json
expect_out 'channel stable: has all that it demands'
expect_exit 0 gen attest --json gateway 1.0.0 passed.json
expect_out '"new": false'
expect_exit 0 gen promote gateway 1.0.0 stable
kept=repo/attestations/gateway@1.0.0/$(sha256sum <passed.json | cut -d' ' -f1).json
cp "$kept" kept
flip "$kept"
expect_exit 3 gen publish
expect_err 'remove it, and give it again'
rm "$kept"
expect_exit 6 gen publish
expect_err "channel 'stable': gateway 1.0.0 lacks what the channel demands: test-result: "
cp kept "$kept"
expect_exit 0 gen publish
expect_exit 0 gen verify
manifest=$(find repo/tree/targets/channels/stable -name '*.channel.json')
cp "$manifest" channel.json
expect 'three attestations are pinned' test "$(grep -c '"path": "channels/stable/gateway_1.0.0\.' channel.json)" -eq 3
expect 'what was demanded is recorded' grep -q '"demanded"' channel.json
expect 'and whose keys count' grep -q '"attestors"' channel.json
expect 'but not the keys that do not' test "$(grep -c 'BEGIN PUBLIC KEY' channel.json)" -eq 1
expect 'the envelope is published as it was given' cmp passed.json "$(find repo/tree/targets/channels/stable -name '*.gateway_1.0.0.test-result.*.json')"
expect 'the role of the channel signs it' grep -q '"channels/stable/gateway_1.0.0.test-result' repo/tree/metadata/2.stable.json

# --- a site, with a network and without ---------------------------------------------------------------

site_init office --source "$TEST_DIR/repo/tree"
expect_exit 0 causeway-sync -C office pull
expect_exit 0 causeway-sync -C office verify
expect 'a site mirrors the attestations' test "$(find office/upstreams/acme/mirror/targets/channels -name '*gateway_1.0.0*' | wc -l)" -eq 3
expect_exit 0 causeway-sync -C office export stick
expect_exit 0 causeway-sync -C office verify stick
site_init plant --source "$TEST_DIR/stick"
expect_exit 0 causeway-sync -C plant pull
given=$(find plant/upstreams/acme/mirror/targets/channels -name '*gateway_1.0.0.test-result*')
expect 'they come over on a stick' cmp passed.json "$given"
flip "$given"
expect_exit 3 causeway-sync -C plant verify

# --- two of two, and the next release -----------------------------------------------------------------

expect_exit 0 gen gate stable --demand test-result --key ci --key lab=lab.pub --threshold 2
catalog 1.2.0 '"sbom": "build/sbom.json",' >three.json
echo three >build/gw-amd64
expect_exit 0 gen add three.json
attest ci test-result '{"result": "PASSED"}' build/gw-amd64 build/gw-arm64 >ci.json
attest lab test-result '{"result": "PASSED", "url": "https://lab"}' build/gw-amd64 build/gw-arm64 >lab.json
attest ci provenance/v1 '{}' build/gw-amd64 build/gw-arm64 >both.json
expect_exit 0 gen attest gateway 1.2.0 ci.json both.json
expect_exit 6 gen promote gateway 1.2.0 stable
expect_err '^stable: test-result: vouched for by 1 of the 2 keys needed'
expect_exit 0 gen attest gateway 1.2.0 lab.json
expect_exit 0 gen promote gateway 1.2.0 stable
expect_exit 0 gen publish
expect_exit 0 gen verify
refute_out 'no role signs it'
expect 'the role signs what the set names, and no more' test "$(grep -c '"channels/stable/gateway_' repo/tree/metadata/3.stable.json)" -eq 3
expect 'what the set before named stays in the tree' test "$(find repo/tree/targets/channels/stable -name '*gateway_1.0.0*' | wc -l)" -eq 3
expect_exit 0 causeway-sync -C office pull
expect_exit 0 causeway-sync -C office verify

# --- a whole release by its manifest, and another channel ---------------------------------------------

expect_exit 0 gen gate candidate --demand https://example.com/audit/v1 --key audit=audit.pub
expect_exit 0 gen gate candidate --demand sbom --key targets-1
expect_exit 6 gen promote gateway 1.2.0 candidate
expect_err '^candidate: https://example.com/audit/v1: none was given$'
expect_err '^candidate: sbom: none was given$'
expect_exit 0 gen gate candidate --remove sbom
attest audit https://example.com/audit/v1 '{}' "$(find repo/tree/targets/gateway/1.2.0 -name '*.release.json')" >audit.json
expect_exit 0 gen attest gateway 1.2.0 audit.json
expect_out 'audit.json: https://example.com/audit/v1, about 2 of 2 artifacts'
expect_out 'channel candidate: has all that it demands'
# The channel's role signs it: no key of the build, none of targets.
mkdir away
mv repo/keys/product-gateway.key repo/keys/targets-*.key repo/keys/root-*.key away/
expect_exit 0 gen promote gateway 1.2.0 candidate
expect_exit 0 gen publish
mv away/*.key repo/keys/
expect_exit 0 gen verify
expect 'its name is portable' test -n "$(find repo/tree/targets/channels/candidate -name '*.gateway_1.2.0.attestation.*.json')"
expect_exit 0 gen gate candidate --remove https://example.com/audit/v1

# --- demanded no more ---------------------------------------------------------------------------------

for predicate in test-result provenance sbom; do
    expect_exit 0 gen gate stable --remove "$predicate"
done
expect_out 'channel stable demands nothing'
refute_err .
expect 'keys go with the last demand that names them' test "$(grep -c keyval repo/causeway.json)" -eq 0
echo four >build/gw-amd64
catalog 1.3.0 '' >four.json
expect_exit 0 gen add four.json
expect_exit 0 gen promote gateway 1.3.0 stable
expect_exit 0 gen publish
expect_exit 0 gen verify

done_testing
