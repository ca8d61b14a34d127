#!/bin/sh
# SPDX-License-Identifier: ISC
# causeway-runbook(7): every command of the page is run, on a repository and a site to which that has just happened.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

page=$CW_SRCDIR/gen/causeway-runbook.7

# The commands of one section, as one script.
commands() { # TITLE
    awk -v title="$1" '/^\.S[hs] / { inside = ($0 ~ "^[.]S[hs] " title) } /^\.Ed/ { literal = 0 } inside && literal { gsub(/\\e/, "\\"); print }
        /^\.Bd -literal/ { literal = 1 }' "$page"
}
runs() { # TITLE COMMANDS: all of them succeed, and there are as many as expected
    commands "$1" >commands.sh
    count=$(grep -c '^[a-z]' commands.sh)
    ran=$((ran + count))
    expect "'$1' has commands" test "$count" -ge "$2"
    expect_exit 0 sh -eu commands.sh
}
ran=0

# A month ago it was all well, and the backup was made.
SOURCE_DATE_EPOCH=$(($(date +%s) - 30 * 86400))
export SOURCE_DATE_EPOCH
publisher_init
for version in 1.0.0 1.1.0; do
    publisher_release gateway "$version" 1000
    publisher_publish
done
mv repo vendor
cp -a vendor/tree web
root=vendor/tree/metadata/1.root.json
site_init plant --source "$PWD/web" --platform linux-amd64 --install "$PWD/opt"
printf 'function decide(set, site)\n  return accept "tests take all"\nend\n' >plant/policy.lua
runs 'Before any of them' 2
expect 'the keys are put aside' test -s backup/keys/root-1.key
cp "$root" backup/
unset SOURCE_DATE_EPOCH

# --- keys elsewhere -------------------------------------------------------------------------------------

mkdir alice bob
mv vendor/keys/root-1.key alice/
mv vendor/keys/root-2.key bob/
mv vendor/keys/root-3.key bob/
runs 'When the keys are elsewhere' 7
expect 'the root is renewed' test -s vendor/tree/metadata/2.root.json -a ! -e vendor/ceremony
mv alice/*.key bob/*.key vendor/keys/

# --- expired --------------------------------------------------------------------------------------------

expect_exit 4 causeway-sync -C plant pull
runs 'EXPIRED METADATA' 6
expect_exit 0 causeway-sync -C plant apply
expect 'the site runs it' test -d opt/current/gateway

# --- lost, stolen ---------------------------------------------------------------------------------------

rm vendor/keys/root-1.key vendor/keys/channel-stable.key
runs 'A LOST KEY' 8
expect_exit 0 causeway-gen -C vendor key who
refute_out 'root-1'
expect_exit 0 causeway-sync -C plant pull vendor/tree
runs 'A STOLEN KEY' 7
expect_exit 0 causeway-sync -C plant pull
expect_exit 0 causeway-gen -C vendor key who
refute_out '^product-gateway$'

# --- the folder is lost ---------------------------------------------------------------------------------

cp -a vendor/keys backup/
rm -rf vendor
runs 'A LOST REPOSITORY FOLDER' 6
expect_exit 0 causeway-sync -C plant pull vendor/tree

# --- a bad release --------------------------------------------------------------------------------------

runs 'A BAD RELEASE IN THE FIELD' 7
expect 'the site went back' test -L opt/current/gateway -a "$(readlink opt/current/gateway | grep -c 1.0.0)" -eq 1
expect 'no command of the page was left out' test "$ran" -eq "$(awk '/^\.Ed/ { l = 0 } l && /^[a-z]/ { n++ } /^\.Bd -literal/ { l = 1 } END { print n }' "$page")"

done_testing
