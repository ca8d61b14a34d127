#!/bin/sh
# SPDX-License-Identifier: ISC
# A large file from a server that is slow for each connection: it comes in pieces over several, and as before where that cannot be.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

rate=1500000 # bytes a second for each connection
publisher_init
publisher_release gateway 1.0.0 4000000
publisher_publish
rm -rf repo/tree/deltas # of the empty file: not the way that is to be tested
bin=$(cd repo/tree && find targets -name '*.gateway.bin')
size=$(stat -c %s "repo/tree/$bin")
server_start repo/tree
url=$(server_url /)
any='"path": "*gateway.bin"'

# shellcheck disable=SC2317 # called by run
pull() {
    causeway-sync -C site pull --retry-wait 10ms "$@"
}
new_site() {
    rm -rf site
    site_init site --source "$url"
}
whole() {
    expect "the file is as signed: $*" cmp -s "repo/tree/$bin" "site/upstreams/acme/mirror/$bin"
    expect "nothing is left in an inbox: $*" test ! -e site/upstreams/acme/mirror/.inbox
}
pulls() { # SAID [OPTION...]
    pulls_said=$1
    shift
    new_site
    expect_exit 0 pull "$@"
    whole "$pulls_said"
}
# ranges LEAST MOST: so many ranges were asked for
ranges() {
    ranges_asked=$(server_requests 'gateway[.]bin", "range": "')
    expect "$1 to $2 ranges were asked for ($ranges_asked)" test "$ranges_asked" -ge "$1" -a "$ranges_asked" -le "$2"
}
sent() {
    server_log | python3 -c '
import json, sys
print(sum(r["bytes"] for r in map(json.loads, sys.stdin) if r["path"].endswith("gateway.bin")))'
}

server_rules "{$any, \"rate\": $rate}"
pulls 'in pieces'
ranges 4 40
expect 'over several connections' \
    test "$(server_log | grep 'gateway.bin' | grep -o '"connection": [0-9]*' | sort -u | wc -l)" -ge 3
expect 'but no byte twice, save what was on its way when the first transfer ended' test "$(sent)" -le $((size + 1000000))

server_rules
pulls 'a fast server'
ranges 0 0
server_rules "{$any, \"rate\": 2000000}"
pulls 'at a limited rate' --limit-rate 2M
ranges 0 0

# --- where pieces are of no use the rest comes by itself; the server is slow only as long as it takes to find out
slow="$any, \"first\": 1, \"rate\": $rate"
for answer in '"ignore_range": true' '"status": 404' '"status": 416' '"content_range": "bytes 5-6/7"' '"no_etag": true, "status": 403' \
    '"headers": {"ETag": "\"another\""}' '"redirect": "/nowhere"'; do
    server_rules "{$slow}" "{$any, \"range\": true, \"nth\": 1, $answer}" "{$any, \"range\": true, \"nth\": 2, $answer}"
    pulls "ranges are answered with $answer"
    ranges 1 60
done
server_rules "{$slow}" "{$any, \"range\": true, \"first\": 40, \"cut_after\": 50000}"
pulls 'pieces break off'
server_rules "{$slow}" "{$any, \"range\": true, \"first\": 3, \"status\": 503}"
pulls 'a server that is too busy for pieces for a moment'
server_rules "{$slow}" "{$any, \"range\": true, \"first\": 40, \"drop\": true}"
new_site
run pull
expect 'a server that hangs up on every piece' test "$code" -eq 0 -o "$code" -eq 5
server_rules
expect_exit 0 pull
whole 'and is back'
server_rules "{$any, \"first\": 1, \"rate\": $rate, \"cut_after\": 700000}" "{$any, \"rate\": $rate}"
pulls 'the first transfer breaks off while pieces come'

# --- a wrong piece is found out by the hash of the whole, which then comes at a stretch
server_rules "{$slow}" "{$any, \"range\": true, \"flip\": [2500000]}"
pulls 'a wrong piece'
expect 'the whole was sent' test "$(server_requests "gateway[.]bin\", \"range\": null.*\"bytes\": $size")" -eq 1

# --- killed on its way: what is in the file by then is not asked for again
server_rules "{$any, \"rate\": $rate}"
new_site
timeout -s KILL 1.5 causeway-sync -C site pull >/dev/null 2>&1
have=$(find site/upstreams/acme/mirror/.inbox -name '*.part' -size +100k -exec stat -c %s {} +)
sleep 1 # until the server has noticed
expect "a part is here ($have)" test "$have" -gt 500000
server_rules
expect_exit 0 pull
whole 'after a kill'
expect 'only the rest was sent' test "$(sent)" -le $((size - have))

# --- several at a time
for product in hmi plc drive; do
    publisher_release $product 1.0.0 3000000
done
publisher_publish
rm -rf repo/tree/deltas
server_rules "{\"path\": \"*.bin\", \"rate\": $rate}"
new_site
expect_exit 0 pull
for file in $(cd repo/tree && find targets -name '*.bin'); do
    expect "as signed: $file" cmp -s "repo/tree/$file" "site/upstreams/acme/mirror/$file"
done
server_stop

done_testing
