#!/bin/sh
# SPDX-License-Identifier: ISC
# Over a line with a long delay each question costs a round trip. What can be asked at once is: the answer to one question is held
# back, and those that need not wait for it come before it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

late=2 # seconds
publisher_init
publisher_release gateway 1.0.0
publisher_release hmi 1.0.0
publisher_release plc 1.0.0
publisher_publish
server_start repo/tree
url=$(server_url /)

# shellcheck disable=SC2317 # called by run
pull() {
    causeway-sync -C site pull --retry-wait 10ms "$@"
}
# answered PATTERN: the line of the log, which is in the order of the answers
answered() {
    server_log | grep -n "\"path\": \"[^\"]*$1" | head -n 1 | cut -d: -f1
}
# before ONE OTHER: the first was answered before the second
before() {
    expect "'$1' does not wait for '$2'" test "$(answered "$1")" -lt "$(answered "$2")"
}

server_rules "{\"path\": \"*/2.root.json\", \"delay\": $late}" "{\"path\": \"*.targets.json\", \"delay\": $late}" \
    "{\"path\": \"*.gateway.json\", \"delay\": $late}"
site_init site --source "$url"
expect_exit 0 pull
before timestamp.json 2.root.json
before stable.json targets.json
before gateway/1.0.0/ '[0-9]*.gateway.json'
before hmi.json '[0-9]*.gateway.json'
before hmi/1.0.0/ '[0-9]*.gateway.json'
before plc/1.0.0/ '[0-9]*.gateway.json'
expect 'nothing is asked for twice' test -z "$(server_log | grep -o '"path": "[^"]*"' | sort | uniq -d)"

# --- nothing new: what is here is not asked for
server_rules
expect_exit 0 pull
expect 'the next root and the timestamp are' test "$(server_requests)" -eq 2

# --- one new release: its role, manifest and files, and the way to them
publisher_release hmi 1.1.0
publisher_publish
server_rules
expect_exit 0 pull
expect 'no other product is asked for' test "$(server_requests '/(gateway|plc)/|[.](gateway|plc)[.]json')" -eq 0

# --- a site that wants a part of the channel
server_rules
rm -rf site
site_init site --source "$url" --product hmi
expect_exit 0 pull
expect 'no other product is asked for' test "$(server_requests '/(gateway|plc)/|[.](gateway|plc)[.]json')" -eq 0

# --- what was asked at once and broke off is asked again
for path in '*/2.root.json' '*/timestamp.json' '*.stable.json' '*.hmi.json' '*/hmi/1.1.0/*'; do
    server_rules "{\"path\": \"$path\", \"first\": 2, \"drop\": true}"
    rm -rf site
    site_init site --source "$url"
    expect_exit 0 pull
    expect "a server that hangs up on '$path' twice" test -e site/upstreams/acme/mirror/metadata/timestamp.json
done
server_stop

done_testing
