#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that expect calls
# Shows each thing that the hostile web server can do, with curl as the client.

. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

command -v curl >/dev/null || skip_all 'curl is not installed'
mkdir -p root/sub
head -c 100000 /dev/urandom >root/big
echo hello >root/sub/hello
server_start root
url=$(server_url big)

# fetch [CURL-OPTION...]: to got; its exit code in $code, the status in $status.
fetch() {
    code=0
    rm -f got
    status=$(curl -sS -o got -D headers -w '%{http_code}' "$@" 2>"$err") || code=$?
}

# whole: is got the file, whole and right?
whole() {
    [ "$code" -eq 0 ] && cmp -s got root/big
}

size() {
    wc -c <"$1" | tr -d ' '
}

fetch "$url"
expect 'serves a file' whole
etag=$(sed -n 's/^ETag: //p' headers | tr -d '\r')
server_rules
fetch "$url" "$(server_url sub/hello)" -o hello
expect 'keeps the connection alive' test "$(server_log | sed 's/.*"connection": \([0-9]*\).*/\1/' | sort -u | wc -l)" -eq 1
expect 'logs exactly two requests' test "$(server_requests)" -eq 2
expect 'logs by pattern' test "$(server_requests '"path": "/big".*"bytes": 100000')" -eq 1
fetch "$(server_url none)"
expect 'answers 404' test "$status" -eq 404
fetch --path-as-is "$(server_url ../../../../etc/passwd)"
expect 'does not leave its folder' test "$status" -eq 404
fetch -I "$url"
expect 'answers HEAD' test "$status:$(grep -c 'Content-Length: 100000' headers)" = 200:1
fetch -T root/sub/hello "$(server_url up)"
expect 'takes PUT' test "$status:$(server_requests '"PUT".*"received": 6')" = 201:1

# Ranges
tail -c +1001 root/big >rest
fetch -H 'Range: bytes=1000-' "$url"
expect 'serves a range' cmp got rest
fetch -H 'Range: bytes=1000-' -H "If-Range: $etag" "$url"
expect 'serves a range if the ETag matches' test "$status" -eq 206
fetch -H 'Range: bytes=1000-' -H 'If-Range: "other"' "$url"
expect 'serves the whole if the ETag does not match' test "$status:$(size got)" = 200:100000
fetch -H 'Range: bytes=100000-' "$url"
expect 'refuses a range beyond the end' test "$status" -eq 416
fetch -H 'If-None-Match: '"$etag" "$url"
expect 'answers 304' test "$status" -eq 304
server_rules '{"ignore_range": true}'
fetch -H 'Range: bytes=1000-' "$url"
expect 'ignores a range' test "$status:$(size got)" = 200:100000
server_rules '{"content_range": "bytes 0-9/10"}'
fetch -H 'Range: bytes=1000-' "$url"
expect 'lies about the range' grep -q 'Content-Range: bytes 0-9/10' headers

# Which requests
server_rules '{"path": "/sub/*", "status": 500}' '{"first": 2, "status": 503, "headers": {"Retry-After": "0"}}'
fetch --retry 3 "$url"
expect 'fails the first two requests only' whole
expect 'which the log tells' test "$(server_requests '"status": 503')" -eq 2
fetch "$(server_url sub/hello)"
expect 'matches paths' test "$status" -eq 500
server_rules '{"nth": 2, "status": 418}'
fetch "$url" && fetch "$url"
expect 'fails the second request' test "$status" -eq 418
fetch "$url"
expect 'and not the third' whole
server_rules '{"from": 2, "status": 403}'
fetch "$url"
expect 'serves the first request' whole
fetch "$url"
expect 'and none from the second on' test "$status" -eq 403
server_rules '{"range": true, "status": 500}'
fetch "$url"
expect 'tells requests with a range from others' whole

# What is answered
server_rules '{"body": "<html>Please log in</html>"}'
fetch "$url"
expect 'plays a captive portal' grep -q 'Content-Type: text/html' headers
server_rules '{"path": "/big", "file": "sub/hello"}'
fetch "$url"
expect 'serves another file' cmp got root/sub/hello
server_rules '{"path": "/away", "redirect": "/big"}' '{"path": "/circle", "redirect": "/circle"}'
fetch -L "$(server_url away)"
expect 'redirects' whole
fetch -L --max-redirs 5 "$(server_url circle)"
expect 'redirects in a circle' test "$code" -eq 47
server_rules '{"flip": [5000]}'
fetch "$url"
expect 'flips one bit' test "$(cmp -l got root/big | wc -l)" -eq 1
fetch -H 'Range: bytes=4990-5010' "$url"
head -c 5011 root/big | tail -c 21 >part
expect 'and in a range at the same place' test "$(cmp -l got part | awk '{ print $1 }')" = 11
server_rules '{"length_delta": 10}'
fetch "$url"
expect 'promises more than it sends' test "$code:$(size got)" = 18:100000
server_rules '{"length_delta": -10}'
fetch "$url"
expect 'sends more than it promised' test "$(size got)" -eq 99990
server_rules '{"gzip": true}'
fetch "$url"
expect 'compresses unasked' test "$(gzip -dc <got | cmp - root/big && echo same)" = same
server_rules '{"endless": true}'
curl -sS "$url" 2>/dev/null | head -c 300000 >got
expect 'never ends' test "$(size got)" -eq 300000

# How it is sent
server_rules '{"cut_after": 1000}'
fetch "$url"
expect 'cuts the connection' test "$code:$(size got)" = 18:1000
server_rules '{"cut_after": 1000, "reset": true}'
fetch "$url"
expect 'resets the connection' test "$code" -ne 0
server_rules '{"drop": true}'
fetch "$url"
expect 'drops the connection' test "$code" -eq 52
expect 'and logs that' test "$(server_requests '"status": 0')" -eq 1
server_rules '{"stall_after": 1000}'
fetch -m 1 "$url"
expect 'stalls' test "$code:$(size got)" = 28:1000
server_rules '{"rate": 5000}'
fetch -m 1 "$url"
expect 'trickles' test "$code:$(($(size got) < 10000)):$(($(size got) > 2000))" = 28:1:1
server_rules '{"delay": 5}'
fetch -m 1 "$url"
expect 'is late' test "$code" -eq 28
server_rules '{"header_rate": 20}'
fetch -m 1 "$url"
expect 'is slow with its headers' test "$code" -eq 28
server_rules '{"header_bytes": 200000}'
fetch "$url"
expect 'sends huge headers' test "$(size headers)" -gt 200000
server_rules '{"close": true}'
fetch "$url" "$url" -o got
expect 'closes the connection after each answer' \
    test "$(server_log | sed 's/.*"connection": \([0-9]*\).*/\1/' | sort -u | wc -l)" -ge 2

# Its end
server_stop
if command -v openssl >/dev/null &&
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 2>/dev/null; then
    server_start root --tls cert.pem key.pem
    url=$(server_url big)
    fetch --cacert cert.pem "$url"
    expect 'serves https' whole
    server_rules '{"cut_after": 1000}'
    fetch --cacert cert.pem "$url"
    expect 'cuts https' test "$code" -ne 0
    server_stop
else
    skip 'serves https' 'openssl is not installed'
fi

rm -f port
sh -c 'python3 "$1" root --port-file port & until [ -s port ]; do sleep 0.05; done' - \
    "$CW_SRCDIR/tests/server/server.py"
sleep 1
fetch "http://127.0.0.1:$(cat port)/"
expect 'ends with its parent' test "$code" -eq 7
rm -f port
python3 "$CW_SRCDIR/tests/server/server.py" root --port-file port --lifetime 0.3
expect 'ends after its lifetime' true

done_testing
