#!/bin/sh
# SPDX-License-Identifier: ISC
# A file that broke off is gone on with: by the next pull, by another mirror, under other validators; what a server is asked for, and that
# no byte comes twice unless it must.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

publisher_init
publisher_release gateway 1.0.0 1000000
publisher_publish
cp -r repo/tree good
rm -r good/deltas # the file is to come as it is
bin=$(cd good && find targets -name '*.gateway.bin')
file=good/$bin
server_start good
url=$(server_url /)

# shellcheck disable=SC2317 # called by run
pull() {
    causeway-sync -C site pull --retry-wait 10ms "$@"
}
# A pull that has 600,000 bytes of the file when the server is too busy for more; a rule may change the first answer.
breaks_off() { # [WORDS]
    rm -rf site
    touch -d '3 hours ago' "$file"
    site_init site --source "$url"
    server_rules "{\"path\": \"*gateway.bin\", \"nth\": 1, \"cut_after\": 600000${1:+, $1}}" '{"path": "*gateway.bin", "status": 503}'
    expect_exit 5 pull
    part=$(find site/upstreams/acme/mirror/.inbox -name '*.part' -size +100k)
    note=${part%.part}.validator
    expect 'what came is kept' test "$(stat -c %s "$part")" -eq 600000
    server_rules
}
completes() { # [ASKED...]: what the next pull asks for, in order, and is answered
    expect_exit 0 pull
    expect 'the file is as signed' cmp -s "$file" "site/upstreams/acme/mirror/$bin"
    expect 'nothing is left in an inbox' test ! -e site/upstreams/acme/mirror/.inbox
    expect_answers "$@"
}
# range, if_range and status of each request for the file.
answers() {
    server_log | python3 -c '
import json, sys
for row in map(json.loads, sys.stdin):
    if row["path"].endswith("gateway.bin"):
        print(row["range"] or "whole", "if" if row["if_range"] else "-", row["status"], sep="/")'
}
expect_answers() {
    if [ "$(answers | tr '\n' ' ')" = "$(printf '%s ' "$@")" ]; then
        ok "asked and answered: $*"
    else
        not_ok "asked and answered: $*"
        diag "but it was: $(answers | tr '\n' ' ')"
    fi
}

# --- the next pull, the same server: if the file is still the same, the rest

breaks_off
expect "the validator is beside the part, and is this server's" grep -Eqx '[0-9a-f]{64} "[0-9a-f]+"' "$note"
expect 'where the server is, nobody reads there' sh -c "! grep -q 127 '$note'"
etag=$(sed 's/.* "//; s/"$//' "$note")
completes bytes=600000-/if/206
expect 'by that validator' test "$(server_requests "\"if_range\": \"..$etag")" -eq 1

# --- another validator for the same bytes, as two servers behind one name have them: what is here is not thrown away

breaks_off
touch "$file"
completes bytes=600000-/if/200 bytes=600000-/-/206

# A connection that never brings the whole: were it begun anew at each other server, it would never end.
rm -rf site
site_init site --source "$url"
server_rules '{"path": "*gateway.bin", "nth": 1, "cut_after": 200000, "headers": {"ETag": "\"one\""}}' \
    '{"path": "*gateway.bin", "header": "If-Range: *", "ignore_range": true, "headers": {"ETag": "\"two\""}, "cut_after": 200000}' \
    '{"path": "*gateway.bin", "headers": {"ETag": "\"three\""}, "cut_after": 200000}'
completes whole/-/200 bytes=200000-/if/200 bytes=200000-/-/206 bytes=400000-/-/206 bytes=600000-/-/206 bytes=800000-/-/206

# Where little is here, the whole is taken: it costs less than another connection.
rm -rf site
site_init site --source "$url"
server_rules '{"path": "*gateway.bin", "nth": 1, "cut_after": 30000, "headers": {"ETag": "\"one\""}}'
completes whole/-/200 bytes=30000-/if/200

# The bytes were others, too: the hash says so, and the whole is fetched, once.
breaks_off '"flip": [1000]'
touch "$file"
completes bytes=600000-/if/200 bytes=600000-/-/206 whole/-/200

# --- another server: its validators are its own

breaks_off
server_stop
server_start good
url=$(server_url /)
sed -i "s|http://127.0.0.1:[0-9]*/|$url|" site/site.lua
completes bytes=600000-/-/206

# --- a note that is none

# shellcheck disable=SC2016 # evaluated below
for damage in 'rm "$note"' ': >"$note"' 'truncate -s -1 "$note"' 'truncate -s 70 "$note"' 'truncate -s 40 "$note"' 'flip "$note"; sed -i "s/^./x/" "$note"' \
    'tr " " "\r" <"$note" >x; mv x "$note"' 'head -c 100000 /dev/zero >"$note"' 'rm "$note"; mkdir "$note"' \
    'mv "$note" x; ln -s "$PWD/x" "$note"' 'rm "$note"; mkfifo "$note"'; do
    breaks_off
    eval "$damage"
    expect_exit 0 pull
    expect "the file is as signed, whatever lies in place of the note: ${damage%%;*}" cmp -s "$file" "site/upstreams/acme/mirror/$bin"
    expect_answers bytes=600000-/-/206
done

# --- and a part that is none: the hash decides

breaks_off
flip "$part"
completes bytes=600000-/if/206 whole/-/200
breaks_off
: >"$part"
completes whole/-/200
breaks_off
rm "$part"
completes whole/-/200
breaks_off
head -c 2000000 /dev/zero >"$part"
completes whole/-/200

# --- servers that answer otherwise

breaks_off
server_rules '{"path": "*gateway.bin", "ignore_range": true}'
completes bytes=600000-/if/200
breaks_off
server_rules '{"path": "*gateway.bin", "range": true, "headers": {"ETag": "\"another\""}}'
completes bytes=600000-/if/206
breaks_off '"flip": [1000]'
server_rules '{"path": "*gateway.bin", "range": true, "headers": {"ETag": "\"another\""}}'
completes bytes=600000-/if/206 whole/-/200
breaks_off
server_rules '{"path": "*gateway.bin", "range": true, "status": 416, "body": "no"}'
completes bytes=600000-/if/416 whole/-/200
breaks_off
server_rules '{"path": "*gateway.bin", "range": true, "headers": {"Content-Range": null}}'
completes bytes=600000-/if/206 whole/-/200

# --- what tells a file from others: no weak ETag; without any, the date of a file that was not changed lately

breaks_off '"headers": {"ETag": "W/\"weak\""}'
expect 'a weak ETag is not kept' test ! -e "$note"
completes bytes=600000-/-/206
breaks_off '"no_etag": true'
expect 'the date is kept' grep -q ' GMT$' "$note"
completes bytes=600000-/if/206
expect 'and sent' test "$(server_requests '"if_range": "[^"]* GMT"')" -eq 1
breaks_off "\"no_etag\": true, \"headers\": {\"Last-Modified\": \"$(LC_ALL=C TZ=GMT date '+%a, %d %b %Y %H:%M:%S GMT')\"}"
expect 'not that of a file of this minute' test ! -e "$note"
completes bytes=600000-/-/206
breaks_off '"no_etag": true, "headers": {"Last-Modified": "some day"}'
completes bytes=600000-/-/206
breaks_off '"headers": {"ETag": "unquoted"}'
completes bytes=600000-/-/206
breaks_off "\"headers\": {\"ETag\": \"\\\"$(printf '%0200d' 0)\\\"\"}"
completes bytes=600000-/-/206

# --- what has no hash yet is joined only to what its server calls the same (a pull fetches metadata ahead, and that only once)

snapshots() { # of a new mirror
    rm -rf copy
    expect_exit 0 causeway-sync tuf mirror --retry-wait 10ms --root good/metadata/1.root.json "$url" copy
    server_log | python3 -c '
import json, sys
for row in map(json.loads, sys.stdin):
    if row["path"].endswith("snapshot.json"):
        print(row["range"] or "whole", "if" if row["if_range"] else "-", row["status"], sep="/", end=" ")' >asked
}
server_rules '{"path": "*snapshot.json", "nth": 1, "cut_after": 100}'
snapshots
expect 'the rest of metadata that is the same' test "$(cat asked)" = 'whole/-/200 bytes=100-/if/206 '
server_rules '{"path": "*snapshot.json", "nth": 1, "cut_after": 100, "headers": {"ETag": null, "Last-Modified": null}}'
snapshots
expect 'metadata without a validator begins anew' test "$(cat asked)" = 'whole/-/200 whole/-/200 '
server_rules '{"path": "*snapshot.json", "nth": 1, "cut_after": 100, "headers": {"ETag": "\"old\""}}'
snapshots
expect 'so does that which changed' test "$(cat asked)" = 'whole/-/200 bytes=100-/if/200 '
server_rules '{"path": "*snapshot.json", "nth": 1, "cut_after": 100}' '{"path": "*snapshot.json", "range": true, "headers": {"ETag": "\"new\""}}'
snapshots
expect 'also where the server does not heed the condition' test "$(cat asked)" = 'whole/-/200 bytes=100-/if/206 whole/-/200 '

server_stop
done_testing
