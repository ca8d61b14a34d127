#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that expect_exit calls
# A product in hash bins whose key is elsewhere: its bins are carried, shown and signed as any other role, from the split on; and what
# comes of it is what a site takes.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

gen() {
    causeway-gen -C repo "$@"
}
sign() { # KEY: carries the folder away, signs, and leaves the copy in ./away/to-sign
    rm -rf away/to-sign
    cp -r repo/ceremony/to-sign away/to-sign
    (cd / && CAUSEWAY_REPO=/nowhere causeway-gen sign "$TEST_DIR/away/to-sign" --progress=json --yes \
        --key "$TEST_DIR/away/$1.key")
}
shows() { # WHAT N: progress over so many bins, to the last of them
    expect_err "^\{\"progress\": \"$1\", .*\"files\": $2, \"files_total\": $2, \"rate\": [0-9]+"
}
bins() { # VERSION: how many bins of that version are in the tree
    find repo/tree/metadata -name "$1.$p-???.json" | wc -l
}
sound() {
    causeway-gen -C repo verify >verify.out 2>&1
    expect "$1" grep -q ': 0 bad, 3000 missing, [0-9]* orphans$' verify.out
}

# Names of bins are long, so there are fewer of them.
p=gateway-$(printf '%090d' 0)
publisher_init
publisher_release "$p" 0.9.0 2000
publisher_publish
mkdir away
mv "repo/keys/product-$p.key" away/first.key

# --- the publish that splits it ------------------------------------------------------------------------------

"$CW_SRCDIR/tests/bench/catalog.py" "$p" 1 3000 >large.jsonl
expect_exit 0 gen add -q --no-files large.jsonl
expect_exit 7 gen publish --progress=json
expect_err 'not published yet: a ceremony was opened'
shows preparing 1024
shows checking 1024
expect_out "^missing for $p: 1 of 'product-$p'$"
expect_out "^missing for 1024 hash bins of $p: 1 of 'product-$p'$"
expect 'nothing was published' test "$(bins 1)" = 0
expect_exit 0 sign first
expect_out '^  its targets go into hash bins, which the same keys sign$'
expect_out "^new 1024 hash bins of $p, good until 20"
expect_out "^  signs '$p/1\.0\.0': 3001 files, "
refute_out "signs no more|CHANGES|'$p/0\.9\.0'"
expect_out "^signed 1024 hash bins of $p with 'product-$p'$"
expect_out '^no signature is missing'
shows checking 1024
shows comparing 1024
shows signing 1024
expect 'no part of a file is left' test -z "$(find away/to-sign -name '.tmp-*')"

# Killed while it is completed, which goes on the next time.
timeout -s KILL 0.3 causeway-gen -C repo publish away/to-sign >killed.out 2>&1
causeway-gen -C repo verify >killed.out 2>&1
expect 'killed, nothing is bad' grep -q ': 0 bad, ' killed.out
causeway-gen -C repo publish away/to-sign >killed.out 2>&1
expect 'the next publish completes it' grep -q 'the ceremony is complete$\|no ceremony is open here$' killed.out
expect 'it is closed' test ! -e repo/ceremony
expect 'now there are 1024 bins' test "$(bins 1)" = 1024
sound 'and all hold'

# --- one more release, which touches three ------------------------------------------------------------------------

publisher_release "$p" 2.0.0 3000
expect_exit 0 gen publish --dry-run
expect_err "a ceremony would be opened: role '$p' needs 1 of its 1 key"
expect_exit 7 gen publish
expect 'what is carried is what it touches' test "$(find repo/ceremony/to-sign/metadata -name "2.$p-???.json" | wc -l)" = 3
expect_exit 0 gen status
expect_out "^missing for 3 hash bins of $p: 1 of 'product-$p'$"
expect_exit 0 causeway-gen sign repo/ceremony/to-sign
expect_out "^next 3 hash bins of $p, good until 20"
expect_out "^  signs '$p/2\.0\.0': 3 files, "
refute_out "signs no more|CHANGES|/(0\.9|1\.0)\.0'"
expect_out "^  $p: 0\.9\.0 -> 2\.0\.0$"
# What is not what was signed is refused, by who signs and by who publishes.
bin=$(cd repo/ceremony/to-sign/metadata && find . -name "2.$p-???.json" | head -n 1)
bin=${bin#./}
cp -r repo/ceremony/to-sign bad
sed -i 's/"expires": "20/"expires": "21/' "bad/metadata/$bin"
expect_exit 3 causeway-gen sign bad
expect_err "'bad': 'metadata/$bin' is not what it was when the ceremony was opened"
expect_exit 3 gen publish bad
expect_err "'metadata/$bin' is not what it was"
rm "bad/metadata/$bin"
expect_exit 7 causeway-gen sign bad
expect_err "'metadata/$bin'"
rm -rf bad
# Another bin in force than the repository's, or another product's key in force, would make the words wrong.
cp -r repo/ceremony/to-sign bad
for bin in bad/trusted/1."$p"-???.json; do
    sed -i 's/"length": \([0-9]\)/"length": 1\1/; s/"expires": "20/"expires": "21/' "$bin"
done
expect_exit 3 causeway-gen sign bad
expect_err "'trusted/1\.$p-...\.json': "
rm -rf bad

# It is published by the ceremony alone, and something else beside it.
publisher_release plc 1.0.0
mv repo/staged/channels kept
rm -f repo/staged/releases/plc@1.0.0.json
"$CW_SRCDIR/tests/bench/catalog.py" "$p" 1 1 | sed 's/1\.0\.0/3.0.0/' >more.jsonl
expect_exit 0 gen add --no-files more.jsonl
expect_exit 1 gen publish
expect_err "role '$p' is in the ceremony that is open"
rm "repo/staged/releases/$p@3.0.0@elsewhere.json"
expect_exit 0 gen publish --renew-within 30d
expect_out '^renewed timestamp$'
expect_exit 0 sign first
# A signature over other bytes does not hold.
cp -r away/to-sign bad
flip_sig=$(find bad/metadata -name "2.$p-???.json" | head -n 1)
digit=$(sed -n 's/^ *"sig": "\(.\).*/\1/p' "$flip_sig" | head -n 1)
sed -i "s/\"sig\": \"$digit/\"sig\": \"$(echo "$digit" | tr '0-9a-f' '1-9a-f0')/" "$flip_sig"
expect_exit 3 gen publish bad
expect_err "role '$p-...': the signature by key [0-9a-f]{16} does not hold"
rm -rf bad
expect_exit 0 gen publish --progress=json away/to-sign
expect_out '^the ceremony is complete$'
shows uniting 3
shows comparing 3
shows publishing 3
refute_err preparing
expect 'three bins have a new version' test "$(bins 2)" = 3
sound 'and all hold'
site_init site --source "$PWD/repo/tree"
expect_exit 0 causeway-sync -C site pull
expect_out 'stable serial 2'
expect_exit 0 causeway-sync -C site verify

# --- another key, which is elsewhere, too -------------------------------------------------------------------------

gen key new second >new.out 2>&1
mv repo/keys/second.key away/
expect_exit 0 gen key rotate "$p" "product-$p" second
expect_exit 7 gen publish
expect_exit 0 sign second
expect_out "^  keys of $p: - 'product-$p' \([0-9a-f]{16}\) \+ 'second' \([0-9a-f]{16}\); still 1 of 1 must sign$"
expect_out "^next 1024 hash bins of $p, good until 20"
refute_out "signs '|signs no more|CHANGES"
expect_exit 0 gen publish away/to-sign
sound 'every bin holds by the new key'
expect_exit 0 causeway-sync -C site pull
expect_exit 0 causeway-sync -C site verify

# --- renewed by name ------------------------------------------------------------------------------------------------

expect_exit 0 gen publish --renew "$p" --dry-run
expect_out "^renewed $p: 1024 bins$"
expect_err 'a ceremony would be opened'

done_testing
