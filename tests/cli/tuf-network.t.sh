#!/bin/sh
# SPDX-License-Identifier: ISC
# A TUF client against hostile servers: what ends the chain of roots and what aborts, endless and slow answers, redirects.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"

new_repo net
sim <<'PY'
r.file("targets", "x", "1234567890")
r.publish("targets")
r.new_root()
PY

# --- the next root: 403 and 404 end the chain, all else aborts

for status in 400 410 429 500 503; do
    server_rules "{\"path\": \"/metadata/2.root.json\", \"status\": $status}"
    refuses "HTTP status $status"
    expect_asked metadata/2.root.json
done
server_rules '{"path": "/metadata/2.root.json", "drop": true}'
refuses '2.root.json'
server_rules '{"path": "/metadata/2.root.json", "cut_after": 100}'
refuses '2.root.json'
holds timestamp none
for status in 403 404; do
    server_rules "{\"path\": \"/metadata/2.root.json\", \"status\": $status}"
    refreshes
    holds root 1
done
server_rules ''
refreshes
holds root 2

# --- a role that is missing is no answer

for file in timestamp 3.snapshot 3.targets; do
    new_repo "missing-$file"
    sim <<'PY'
r.publish("targets")
r.publish("targets")
PY
    server_rules "{\"path\": \"/metadata/$file.json\", \"status\": 404}"
    refuses "$file.json"
    server_rules "{\"path\": \"/metadata/$file.json\", \"status\": 403}"
    refuses "$file.json"
    server_rules ''
    refreshes
done

# --- endless answers end at the bound of each role

new_repo endless
sim <<'PY'
r.hashes = False
r.file("targets", "x", "1234567890")
r.publish("targets")
r.new_root()
PY
server_rules '{"path": "/metadata/2.root.json", "endless": true}'
refuses 'larger than the 512000 bytes'
server_rules '{"path": "/metadata/timestamp.json", "endless": true}'
refuses 'larger than the 16384 bytes'
server_rules '{"path": "/metadata/2.snapshot.json", "endless": true}'
refuses 'larger than the 5000000 bytes'
server_rules '{"path": "/metadata/2.targets.json", "endless": true}'
refuses 'larger than the 5000000 bytes'
server_rules ''
expect_exit 1 tuf --max-timestamp 100 refresh
expect_err 'larger than the 100 bytes'
expect_exit 1 tuf --max-targets 100 refresh
expect_err 'larger than the 100 bytes'
refreshes
server_rules '{"path": "/targets/*", "endless": true}'
refuses_target x 'larger than the 10 bytes'
sim <<'PY'
r.hashes = True
r.publish("targets")
r.snapshot["meta"]["targets.json"]["length"] = 10**12
r.publish()
PY
server_rules ''
refuses 'more than the 5000000 allowed'

# --- slow answers

new_repo slow
expect_seconds() { # FROM: at most ten seconds ago
    expect "it gave up in time" test $(($(date +%s) - $1)) -le 10
}
began=$(date +%s)
server_rules '{"path": "/metadata/timestamp.json", "rate": 20}'
forget_requests
expect_exit 1 tuf --stall-time 2s refresh
expect_seconds "$began"
began=$(date +%s)
server_rules '{"path": "/metadata/timestamp.json", "header_rate": 5}'
expect_exit 1 tuf --stall-time 2s refresh
expect_seconds "$began"
began=$(date +%s)
server_rules '{"path": "/metadata/timestamp.json", "rate": 150}'
expect_exit 1 tuf --max-time 2s refresh
expect_seconds "$began"
began=$(date +%s)
server_rules '{"path": "/metadata/timestamp.json", "stall_after": 10}'
expect_exit 1 tuf --stall-time 2s refresh
expect_seconds "$began"
sim <<'PY'
r.file("targets", "x", "1234567890")
r.publish("targets")
PY
began=$(date +%s)
server_rules '{"path": "/targets/*", "stall_after": 3}'
expect_exit 1 tuf --stall-time 2s --target-name x --target-dir "$client/targets" \
    --target-base-url "$(server_url targets)" download
expect_seconds "$began"
expect "nothing of it is there" test -z "$(ls -A "$client/targets")"
sim <<'PY'
r.file("targets", "x", "1234567890" * 100)
r.publish("targets")
PY
began=$(date +%s)
server_rules '{"path": "/targets/*", "rate": 150}'
expect_exit 1 tuf --max-target-time 2s --target-name x --target-dir "$client/targets" \
    --target-base-url "$(server_url targets)" download
expect_seconds "$began"
expect "nor when it is only too long" test -z "$(ls -A "$client/targets")"
server_rules ''
expect_exit 0 tuf --max-target-time 1m --target-name x --target-dir "$client/targets" \
    --target-base-url "$(server_url targets)" download

# --- redirects

new_repo redirects
server_rules '{"path": "/metadata/timestamp.json", "redirect": "/metadata/timestamp.json"}'
refuses 'redirect'
expect "a circle of redirects ends" test "$(server_requests '')" -le 8
server_rules '{"path": "/metadata/timestamp.json", "redirect": "file:///etc/passwd"}'
refuses 'timestamp.json'
server_rules '{"path": "/metadata/2.root.json", "redirect": "/metadata/2.root.json"}'
refuses 'redirect'
server_rules '{"path": "/metadata/timestamp.json", "first": 1, "redirect": "/metadata/timestamp.json"}'
refreshes

# --- answers that are no files

new_repo odd
server_rules '{"path": "/metadata/timestamp.json", "body": "<html>please log in</html>"}'
refuses 'timestamp'
server_rules '{"path": "/metadata/timestamp.json", "gzip": true}'
refuses 'timestamp'
server_rules '{"path": "/metadata/timestamp.json", "status": 206}'
refuses '206'
server_rules '{"path": "/metadata/timestamp.json", "header_bytes": 2000000}'
refuses 'timestamp'
server_rules ''
refreshes

server_stop
expect_exit 1 tuf refresh
done_testing
