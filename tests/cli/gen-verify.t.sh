#!/bin/sh
# SPDX-License-Identifier: ISC
# causeway-gen verify: a flipped byte in any file of a tree is found and the file is named; missing files are told from wrong ones.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

causeway-gen init -q --insecure-plain-keys repo 2>"$err" || exit 1
CAUSEWAY_REPO=repo
export CAUSEWAY_REPO
for version in 1.0.0 1.1.0; do
    echo "gateway $version" >gateway
    echo '{}' >sbom.json
    cat >catalog.json <<END
{"format": "1.0", "products": [{"name": "gateway", "releases": [{"version": "$version", "sbom": "sbom.json",
 "builds": [{"platform": "any", "files": [{"file": "gateway"}]}]}]}]}
END
    if ! { causeway-gen add -q catalog.json && causeway-gen promote -q gateway $version stable && causeway-gen publish -q; }; then
        not_ok "publish $version"
    fi
done

expect_exit 0 causeway-gen verify
expect_out '0 bad, 0 missing'
expect_exit 0 causeway-gen verify --json repo/tree
expect_out '"bad": 0'
expect_exit 0 causeway-gen verify repo
expect_out '0 bad, 0 missing'
mkdir -p copy/tree
expect_exit 7 causeway-gen verify copy
expect_err "'copy' has no 'metadata'"

# Flips the lowest bit of the byte in the middle of a file.
flip() {
    flip_at=$(($(stat -c %s "$1") / 2))
    flip_was=$(od -An -tu1 -j "$flip_at" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %o $((flip_was ^ 1)))" | dd of="$1" bs=1 seek="$flip_at" conv=notrunc status=none
}
find repo/tree -type f | sort >files
while read -r file; do
    cp "$file" kept
    flip "$file"
    run causeway-gen verify
    if [ "$code" -eq 3 ] && grep -Fq "${file#repo/tree/}" "$out"; then
        ok "flipped byte found in ${file#repo/tree/}"
    else
        not_ok "flipped byte found in ${file#repo/tree/}"
        diag "exit code $code: $(cat "$out" "$err")"
    fi
    cp kept "$file"
done <files
expect_exit 0 causeway-gen verify

artifact=$(find repo/tree/targets/gateway/1.1.0 -name '*.gateway')
mv "$artifact" away
expect_exit 7 causeway-gen verify
expect_out "^missing: ${artifact#repo/tree/}"
expect_err '^causeway-gen: 1 file is missing$'
sbom=$(find repo/tree/targets/gateway/1.0.0 -name '*.sbom.json')
flip "$sbom"
expect_exit 3 causeway-gen verify
expect_err '^causeway-gen: 1 file is bad and 1 is missing$'
flip "$sbom"
mv away "$artifact"
flip "$artifact"
expect_exit 3 causeway-gen verify
expect_err '^causeway-gen: 1 file is bad$'
flip "$artifact"
echo stray >repo/tree/targets/gateway/1.0.0/stray
expect_exit 0 causeway-gen verify
expect_out '^orphan: targets/gateway/1.0.0/stray'
rm repo/tree/targets/gateway/1.0.0/stray

# While a key is replaced, all is signed by the old key and the new one before the root that names the new one is there: as a run that is
# killed then leaves it. Signatures by keys that nobody names yet count for nothing, and are no fault; the others have to hold.
expect_exit 0 causeway-gen key new -q timestamp-2 --insecure-plain-keys
expect_exit 0 causeway-gen key rotate -q timestamp timestamp timestamp-2
expect_exit 0 causeway-gen publish -q
cp -r repo/tree between
rm between/metadata/2.root.json
expect 'the timestamp has both signatures' test "$(grep -c '"keyid"' between/metadata/timestamp.json)" = 2
expect_exit 0 causeway-gen verify between
expect_out '0 bad, 0 missing'
expect_exit 0 causeway-gen verify
old=$(sed -n '/"timestamp": {/,/}/s/^ *"\([0-9a-f]\{64\}\)".*/\1/p' between/metadata/1.root.json)
expect 'the old key signed it' grep -q "\"keyid\": \"$old\"" between/metadata/timestamp.json
sed -i "/\"keyid\": \"$old\"/{n;s/\"sig\": \"\(.\)\(.\)/\"sig\": \"\2\1/;}" between/metadata/timestamp.json
if cmp -s between/metadata/timestamp.json repo/tree/metadata/timestamp.json; then
    sed -i "/\"keyid\": \"$old\"/{n;s/\"sig\": \"/\"sig\": \"0/;}" between/metadata/timestamp.json
fi
expect_exit 3 causeway-gen verify between
expect_out '^bad: metadata/timestamp.json: '
rm -r between

causeway-gen init -q --insecure-plain-keys stranger 2>"$err"
expect_exit 3 causeway-gen verify --root stranger/tree/metadata/1.root.json repo/tree
expect_exit 0 causeway-gen verify --root repo/tree/metadata/1.root.json repo/tree
expect_exit 1 causeway-gen verify --root none.json repo/tree
expect_err "unable to read the root 'none.json'"
expect_exit 1 causeway-gen verify nowhere
mkdir empty
run causeway-gen verify empty
expect 'an empty folder is no tree' test "$code" -ne 0

# A folder that is no tree is named as what it is.
mkdir photos
expect_exit 7 causeway-gen verify photos
expect_err "'photos' has no 'metadata'"
refute_out 'files checked'

done_testing
