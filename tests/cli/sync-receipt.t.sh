#!/bin/sh
# SPDX-License-Identifier: ISC
# What a site says of itself, signed: what is in it, that its counter grows, and that nobody changes it unseen.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

publisher_init
publisher_release gateway 1.0.0
publisher_publish
site_init plant-7 --source "$PWD/repo/tree" --platform linux-amd64 --install "$PWD/plant"

# receipt_says FILE PATTERN: is it in what was signed?
# shellcheck disable=SC2317 # called by expect
receipt_says() {
    sed -n 's/.*"payload": "\(.*\)",*$/\1/p' "$1" | base64 -d | grep -q "$2"
}

# Before anything was pulled.
expect_exit 0 causeway-sync -C plant-7 receipt
cp "$out" first.json
expect 'it is the first' receipt_says first.json '"counter": *1,'
expect 'its name is in it' receipt_says first.json '"site": *"plant-7"'
expect 'it holds nothing yet' receipt_says first.json '"files": *{}'

causeway-sync -q -C plant-7 pull
echo 'function decide(set, site) return accept "all" end' >plant-7/policy.lua
causeway-sync -q -C plant-7 apply
mkdir stick
expect_exit 0 causeway-sync -C plant-7 receipt stick
expect_out "receipt 2 is in 'stick/receipts/plant-7.receipt.json': this site holds 2 files"
second=stick/receipts/plant-7.receipt.json
expect 'what runs is in it' receipt_says $second '"product": *"gateway".*"version": *"1.0.0"'
expect 'each artifact is in it' receipt_says $second "$(sha256sum build/gateway-1.0.0/gateway.bin | cut -d' ' -f1)\": *100000"
expect 'the root is in it' receipt_says $second "\"sha256\": *\"$fingerprint\""
expect 'the history is in it' receipt_says $second '"history"'
expect 'nothing but the payload and its signature is in the envelope' test "$(grep -c sig $second)" -ge 1
expect_exit 0 causeway-sync -C plant-7 --json receipt --out third.json
expect_out '"counter": 3'
expect_exit 0 causeway-sync -C plant-7 log
expect_out 'receipt .*counter=3'

# What cannot be written costs no counter.
expect_exit 1 causeway-sync -C plant-7 receipt nowhere
expect_err "'nowhere'"
expect_exit 2 causeway-sync -C plant-7 receipt stick --out third.json
expect_exit 0 causeway-sync -C plant-7 --json receipt stick
expect_out '"counter": 4'

# A site of before there were identities, and one whose last receipt was changed.
rm -r plant-7/keys
expect_exit 0 causeway-sync -C plant-7 receipt stick
expect_exit 0 causeway-sync -C plant-7 status
expect_out '^identity '
flip plant-7/receipts/last.json
expect_exit 3 causeway-sync -C plant-7 receipt stick
expect_err 'receipts/last.json'

done_testing
