#!/bin/sh
# SPDX-License-Identifier: ISC
# Pulling over http from servers that break, lie, stall and send elsewhere: what is right comes in, the rest does not, and what is here
# is not fetched again.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

publisher_init
publisher_release gateway 1.0.0
publisher_publish
cp -r repo/tree good
bin=$(cd good && find targets -name '*.gateway.bin')
size=$(stat -c %s "good/$bin")
server_start good
url=$(server_url /)

# Servers fail here at every turn, and are back at once.
# shellcheck disable=SC2317 # called by run
pull() {
    causeway-sync -C site pull --retry-wait 10ms "$@"
}
# A pull into a new site, with one source unless others are named; options follow "--".
pulls() { # CODE [SOURCE...] [-- OPTION...]
    pulls_code=$1
    shift
    rm -rf site
    pulls_sources=
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        pulls_sources="$pulls_sources --source $1"
        shift
    done
    [ $# -eq 0 ] || shift
    # shellcheck disable=SC2086 # words
    site_init site ${pulls_sources:---source $url}
    expect_exit "$pulls_code" pull "$@"
}
whole() {
    expect "the file is as signed: $*" cmp -s "good/$bin" "site/upstreams/acme/mirror/$bin"
    expect "nothing is left in an inbox: $*" test ! -e site/upstreams/acme/mirror/.inbox
}
absent() {
    expect "nothing wrong has its name: $*" test ! -e "site/upstreams/acme/mirror/$bin"
}
# Bytes of the file that the server sent, in so many answers.
sent() {
    server_log | python3 -c '
import json, sys
rows = [r for r in map(json.loads, sys.stdin) if r["path"].endswith("gateway.bin")]
print(sum(r["bytes"] for r in rows), len(rows))'
}

# --- the connection breaks after every n-th byte, by a close and by a reset: no byte is sent twice
for n in 8192 20000; do
    server_rules "{\"path\": \"*gateway.bin\", \"cut_after\": $n}"
    pulls 0
    whole "cut after $n bytes"
    expect "what came is not sent again: $n" test "$(sent)" = "$size $(((size + n - 1) / n))"
done
server_rules '{"path": "*gateway.bin", "first": 3, "cut_after": 5000, "reset": true}'
pulls 0
whole 'reset'
server_rules '{"path": "*gateway.bin", "first": 2, "drop": true}'
pulls 0
whole 'dropped twice'
expect 'it was asked for three times' test "$(server_requests 'gateway\.bin')" -eq 3
server_rules '{"path": "*snapshot.json", "first": 1, "cut_after": 50}'
pulls 0
whole 'metadata cut'

# --- ranges are answered wrongly after a cut
server_rules '{"path": "*gateway.bin", "nth": 1, "cut_after": 5000}' '{"path": "*gateway.bin", "range": true, "ignore_range": true}'
pulls 0
whole '200 to a range'
server_rules '{"path": "*gateway.bin", "nth": 1, "cut_after": 5000}' \
    "{\"path\": \"*gateway.bin\", \"range\": true, \"content_range\": \"bytes 4000-$((size - 1))/$size\"}"
pulls 0
whole 'another range than was asked for'
server_rules '{"path": "*gateway.bin", "nth": 1, "cut_after": 5000}' \
    "{\"path\": \"*gateway.bin\", \"range\": true, \"content_range\": \"bytes 5000-$((size - 1))/$((size + 7))\"}"
pulls 3
expect_err 'larger than'
absent 'another total'
server_rules '{"path": "*gateway.bin", "nth": 1, "cut_after": 5000}' \
    '{"path": "*gateway.bin", "range": true, "headers": {"ETag": "\"another\""}}'
pulls 0
whole 'another ETag with the range'
server_rules '{"path": "*gateway.bin", "nth": 1, "cut_after": 5000}' '{"path": "*gateway.bin", "range": true, "status": 416, "body": "no"}'
pulls 0
whole '416'
server_rules '{"path": "*gateway.bin", "nth": 1, "cut_after": 5000, "flip": [100]}'
pulls 0
whole 'a wrong part is fetched anew'
expect 'by one request more' test "$(server_requests 'gateway\.bin')" -eq 3

# --- lies about the length
for lie in '"length_delta": 10' '"length_delta": -10' '"endless": true' '"length": 3'; do
    server_rules "{\"path\": \"*gateway.bin\", $lie}"
    pulls 3
    absent "$lie"
done

# --- a stall ends, and is gone on with
server_rules '{"path": "*gateway.bin", "first": 1, "stall_after": 6000}'
pulls 0 -- --stall-time 1s
whole 'stall'
expect 'the rest was fetched' test "$(server_requests 'gateway\.bin.*"range": "bytes=6000-".*"status": 206')" -eq 1
expect 'if it was still the same' test "$(server_requests 'gateway\.bin.*"if_range": "\\"')" -eq 1
server_rules '{"path": "*gateway.bin", "first": 1, "rate": 20}'
began=$(date +%s)
pulls 0 -- --stall-time 2s
whole 'a drip'
expect 'a drip is given up, too' test $(($(date +%s) - began)) -le 20

# --- busy servers
server_rules '{"path": "*gateway.bin", "first": 2, "status": 503}'
pulls 0
whole '503'
server_rules '{"path": "*gateway.bin", "first": 1, "status": 429, "headers": {"Retry-After": "1"}}'
began=$(date +%s%N)
pulls 0
whole '429'
expect 'it was left alone as it asked' test $((($(date +%s%N) - began) / 1000000)) -ge 1000
server_rules '{"path": "*gateway.bin", "status": 503, "headers": {"Retry-After": "3600"}}'
began=$(date +%s)
pulls 5
expect 'an hour is not waited for' test $(($(date +%s) - began)) -le 20
expect 'nor is it asked again' test "$(server_requests 'gateway\.bin')" -eq 1

# What will not be otherwise the next time is asked for once.
for status in 403 404 410; do
    server_rules "{\"path\": \"*gateway.bin\", \"status\": $status}"
    pulls "$([ $status = 410 ] && echo 1 || echo 7)"
    expect "$status is not tried again" test "$(server_requests 'gateway\.bin')" -eq 1
    absent "$status"
done

server_rules '{"path": "*gateway.bin", "first": 2, "status": 503}'
began=$(date +%s%N)
pulls 0 -- --retry-wait 200ms
expect 'the second pause is twice the first' test $((($(date +%s%N) - began) / 1000000)) -ge 600
for wait in soon 0ms 2h ms 5x; do
    expect_exit 2 causeway-sync -C site pull --retry-wait $wait
    expect_err '--retry-wait'
    expect_exit 2 causeway-sync -C site update --retry-wait $wait
    expect_err '--retry-wait'
done
server_rules '{"path": "*gateway.bin", "first": 2, "status": 503}'
rm -rf site
site_init site --source "$url"
began=$(date +%s%N)
expect_exit 0 causeway-sync -C site update --retry-wait 200ms
expect 'update waits so, too' test $((($(date +%s%N) - began) / 1000000)) -ge 600

# --- redirects
server_rules '{"path": "*gateway.bin", "redirect": "/'"$bin"'"}'
pulls 1
expect_err 'more than 5 redirects'
expect 'a circle ends' test "$(server_requests 'gateway\.bin')" -eq 6
server_rules '{"path": "*gateway.bin", "first": 1, "redirect": "/'"$bin"'"}'
pulls 0
whole 'one redirect'

# --- killed in the middle: the next pull asks for the rest alone
rm -rf site
site_init site --source "$url"
server_rules '{"path": "*gateway.bin", "rate": 20000}'
causeway-sync -C site pull >killed.out 2>&1 &
victim=$!
part=
tries=0
while [ "$tries" -lt 200 ]; do
    tries=$((tries + 1))
    part=$(find site/upstreams/acme/mirror/.inbox -name '*.part' -size +8k 2>/dev/null | head -n 1)
    [ -z "$part" ] || break
    sleep 0.05
done
kill -9 "$victim"
wait "$victim" 2>/dev/null
have=$(stat -c %s "$part")
server_rules
expect_exit 0 causeway-sync -C site pull
whole 'killed'
expect 'the rest was asked for' test "$(server_requests "gateway\.bin.*\"bytes=$have-\"")" -eq 1
expect 'and nothing else of it' test "$(server_requests 'gateway\.bin.*"rule": 0')" -eq 1

# --- a network that wants a login first
server_rules '{"path": "/metadata/*", "status": 200, "body": "<!DOCTYPE html><html>log in</html>"}'
pulls 5
expect_err 'web page \(HTML\).*login'
server_rules '{"path": "/targets/*gateway.bin", "status": 200, "body": "<html>log in</html>"}'
pulls 5
expect_err "web page \(HTML\) instead of '.*gateway.bin'"
absent 'a login page'
echo '<html>log in</html>' >good/login.html
server_rules '{"path": "*gateway.bin", "redirect": "/login.html"}' '{"path": "/login.html", "headers": {"Content-Type": "text/html"}}'
pulls 5
expect_err "after a redirect to '.*login.html'"
rm good/login.html
server_rules '{"status": 511}'
pulls 5
expect_err 'wants a login'

# --- the rate
server_rules
began=$(date +%s%N)
pulls 0 -- --limit-rate 100K
whole 'a limited rate'
expect 'it took its time' test $((($(date +%s%N) - began) / 1000000)) -ge $(((size - 25000) / 100))
# Told meanwhile: files, bytes, how fast, how long still.
rm -rf site
site_init site --source "$url"
expect_exit 0 causeway-sync -C site --progress=json pull --limit-rate 100K
expect 'a program is told files, bytes, rate and the time left, and where it ended' python3 - "$err" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1]) if line.startswith('{"progress"')]
done = [row["done"] for row in rows]
assert len(rows) >= 4 and done == sorted(done), rows
assert 0 < done[1] < rows[-1]["total"] == done[-1] > 100000, rows
assert rows[-1]["files"] == rows[-1]["files_total"] >= 3, rows
assert all(row["rate"] > 0 for row in rows[1:]) and rows[-1]["seconds_left"] == 0, rows
assert all(abs(row["seconds_left"] - (row["total"] - row["done"]) / row["rate"]) <= 0.51 for row in rows[1:]), rows
PY
rm -rf site
site_init site --source "$url"
cat >terminal.py <<'PY'
import os, pty, re, sys
seen = []
def read(fd):
    seen.append(os.read(fd, 4096))
    return seen[-1]
status = pty.spawn(["causeway-sync", "-C", "site", "pull", "--limit-rate", "50K"], read)
text = b"".join(seen).decode()
bar = r"\[#*\.*\] \d+/\d+ files [\d.]+ KiB/[\d.]+ KiB [\d.]+ KiB/s \d+ s left"
sys.exit(status != 0 or len(re.findall(bar, text)) < 3 or "complete and genuine" not in text)
PY
expect 'so is who sits at a terminal' sh -c 'python3 terminal.py >terminal.out'
expect_exit 2 causeway-sync -C site pull --limit-rate fast
expect_err '500K or 2M'
expect_exit 2 causeway-sync -C site pull --limit-rate 100

# --- several mirrors: what one lacks or has wrong comes from the other, and that is remembered
server_stop
cp -r good bad
flip "bad/$bin"
python3 "$CW_SRCDIR/tests/server/server.py" bad --port-file bad.port 2>/dev/null &
bad_pid=$!
tap_children="${tap_children:-} $bad_pid"
server_start good
url=$(server_url /)
while [ ! -s bad.port ]; do sleep 0.05; done
bad_url=http://127.0.0.1:$(cat bad.port)/
pulls 0 "$bad_url" "$url"
whole 'wrong bytes from the first'
expect_err "warning: $bad_url: .*sha256 differs.*taken elsewhere"
expect 'only that file came from the second' test "$(server_requests .)" -eq 1
expect_exit 0 causeway-sync -C site status
expect_out "source  *$bad_url failed at .*asked last: .*sha256 differs"
expect_exit 0 causeway-sync -C site --json status
expect_out '"why": ".*sha256 differs'
server_rules
expect_exit 0 causeway-sync -C site pull
expect_out 'up to date'
expect 'the one that failed is asked last' test "$(server_requests timestamp.json)" -eq 1
python3 - site/upstreams/acme/sources.json <<'PY'
import json, sys
doc = json.load(open(sys.argv[1]))
for entry in doc["failed"].values():
    entry["time"] = "2020-01-01T00:00:00Z"
json.dump(doc, open(sys.argv[1], "w"))
PY
server_rules
expect_exit 0 causeway-sync -C site pull
expect 'after a day that is forgotten' test "$(server_requests .)" -eq 0
echo damaged >site/upstreams/acme/sources.json
expect_exit 0 causeway-sync -C site pull

rm "bad/$bin"
pulls 0 "$bad_url" "$url"
whole 'missing at the first'
refute_err 'next source'
mv bad/metadata/timestamp.json bad/t
pulls 0 "$bad_url" "$url"
whole 'no metadata at the first'
expect_err 'trying the next source'
mv bad/t bad/metadata/timestamp.json
server_rules '{"path": "*gateway.bin", "flip": [1]}'
pulls 3 "$url" "$bad_url"
expect_err 'sha256 differs'
absent 'wrong everywhere'
cp "good/$bin" "bad/$bin"
flip "bad/$bin"
server_rules '{"path": "*gateway.bin", "status": 503}'
pulls 3 "$bad_url" "$url"
expect_err "warning: $url: .*503"
expect_err 'causeway-sync: upstream.*sha256 differs'
absent 'wrong at the one, nothing from the other'
kill "$bad_pid"
wait "$bad_pid" 2>/dev/null
server_rules
pulls 0 "http://127.0.0.1:9/" "$url"
whole 'nobody there'

# --- how a source is spoken to
site_with() { # a site.lua whose one source is this table
    rm -rf site
    site_init site --source "$url"
    python3 - "$1" <<'PY'
import re, sys
text = open("site/site.lua").read()
text = re.sub(r'"https?://[^"]*"', lambda _: sys.argv[1], text, count=1)
open("site/site.lua", "w").write(text)
PY
}
echo 's3cret-token' >token
site_with "{ url = \"$url\", bearer = \"$PWD/token\" }"
server_rules '{"header": "Authorization: Bearer s3cret-token", "path": "*"}' '{"status": 401}'
expect_exit 0 causeway-sync -C site pull
whole 'a token'
site_with "{ url = \"$url\" }"
expect_exit 1 causeway-sync -C site pull
expect_err '401.*bearer'
site_with "{ url = \"$url\", bearer = \"$PWD/nothing\" }"
expect_exit 1 causeway-sync -C site pull
expect_err "token's file '.*nothing'"
site_with "{ url = \"$url\", netrc = true }"
printf 'machine 127.0.0.1 login carrier password hunter2\n' >.netrc
chmod 600 .netrc
server_rules '{"header": "Authorization: Basic Y2Fycmllcjpod'"W50ZXIy"'", "path": "*"}' '{"status": 401}'
expect_exit 0 env HOME="$PWD" causeway-sync -C site pull
whole '.netrc'
# Another host gets neither.
server_rules '{"header": "Authorization: *", "path": "/elsewhere/*", "status": 500}' '{"path": "/elsewhere/*", "file": "'"$bin"'"}' \
    '{"path": "*gateway.bin", "redirect": "http://localhost:'"$server_port"'/elsewhere/x"}'
site_with "{ url = \"$url\", bearer = \"$PWD/token\" }"
expect_exit 0 causeway-sync -C site pull
whole 'a redirect to another host'
site_with "{ url = \"$url\", bearr = \"/x\" }"
expect_exit 1 causeway-sync -C site pull
expect_err "did you mean 'bearer'"
site_with "{ url = \"$url\", proxy = \"http://127.0.0.1:9\" }"
server_rules
expect_exit 5 pull
expect 'the proxy was asked, not the server' test "$(server_requests .)" -eq 0
# One that answers, which alone knows the way to a host of that name.
sed "s|$url|http://vendor.invalid/|" site/site.lua >through
sed "s|127.0.0.1:9|127.0.0.1:$server_port|" through >site/site.lua
expect_exit 0 pull
whole 'through a proxy'
expect 'the proxy was asked for everything' test "$(server_requests .)" -gt 3
site_with '{ url = "http://vendor.invalid/" }'
expect_exit 0 env http_proxy="http://127.0.0.1:$server_port" causeway-sync -C site pull
whole 'through a proxy of the environment'
site_with "{ url = \"$url\" }"
expect_exit 0 env http_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1 causeway-sync -C site pull
whole 'past a proxy of the environment'
server_stop

# --- a product in hash bins: roles are fetched ahead of their verification, each once, and more of them than a process may open files
rm -rf repo build
publisher_init
mkdir build
i=0
while [ $i -lt 400 ]; do
    echo $i >build/$i.txt
    i=$((i + 1))
done
python3 - >catalog.json <<'PY'
import json
files = [{"file": f"build/{i}.txt", "kind": "file"} for i in range(400)]
print(json.dumps({"format": "1.0", "products": [{"name": "many", "releases": [{"version": "2.0.0", "severity": "normal", "notes": "many",
    "builds": [{"platform": "any", "files": files}]}]}]}))
PY
"$CW_SRCDIR/tests/bench/catalog.py" many 1 3000 >fill.jsonl
expect_exit 0 causeway-gen -C repo add -q --no-files fill.jsonl
expect_exit 0 causeway-gen -C repo add -q catalog.json
expect_exit 0 causeway-gen -C repo promote many 2.0.0 stable
publisher_publish
server_start repo/tree
url=$(server_url /)
bins() { # of the mirror
    find site/upstreams/acme/mirror/metadata -name '*.many-*.json' | wc -l
}
all_there() {
    expect "all files are there: $*" test "$(find site/upstreams/acme/mirror/targets -name '*.txt' | wc -l)" -eq 400
    expect "no role lies there twice: $*" test "$(find site/upstreams/acme/trust -name 'many-*.json' | wc -l)" -eq 0
}
rm -rf site
site_init site --source "$url"
expect_exit 0 sh -c 'ulimit -n 150; exec causeway-sync -C site pull'
all_there 'few descriptors'
expect 'there are more roles than that' test "$(bins)" -gt 200
expect 'each role was asked for once' test "$(server_requests '/1[.]many-[0-9a-f]*[.]json')" -eq "$(bins)"
server_rules
expect_exit 0 pull
expect 'none is asked for again' test "$(server_requests 'many-')" -eq 0
role=$(cd repo/tree/metadata && find . -name '1.many-*.json' | sort | head -n 1)
# shellcheck disable=SC2016 # evaluated below
for damage in 'flip "$copy"' ': >"$copy"' 'rm "$copy"' 'yes | head -c 4000000 >>"$copy"' 'ln -sf /dev/null "$copy"'; do
    copy=site/upstreams/acme/mirror/metadata/$role
    server_rules
    : >site/upstreams/acme/mirror/metadata/.tmp-0123456789abcdef
    eval "$damage"
    expect_exit 0 pull
    expect "a damaged role is made good: $damage" cmp -s "repo/tree/metadata/$role" "$copy"
    expect "and only that one is asked for: $damage" test "$(server_requests 'many-')" -eq 1
done
expect 'what a killed pull left is removed' test -z "$(find site/upstreams/acme/mirror -name '.tmp-*')"
server_rules '{"path": "*.many-*.json", "nth": 3, "status": 503}'
pulls 0
all_there 'a server that is too busy once'
server_rules '{"path": "*.many-*[1-4].json", "first": 2, "cut_after": 100, "reset": true}'
pulls 0
all_there 'roles that break off'
server_rules '{"path": "*.many-*0.json", "flip": [100]}'
pulls 3
expect 'wrong roles are not taken in' test ! -e site/upstreams/acme/mirror/metadata
server_rules '{"path": "*.many-*0.json", "status": 404}'
pulls 7
server_rules '{"path": "*.many-*.json", "delay": 0.1}'
pulls 0
expect 'roles come side by side' test "$(server_log | grep 'many-' | grep -o '"connection": [0-9]*' | sort -u | wc -l)" -ge 8
all_there 'a slow server'
server_rules '{"path": "/targets/*.txt", "delay": 0.02}'
pulls 0
all_there 'a server that is far away'
connections=$(server_log | grep '[.]txt' | grep -o '"connection": [0-9]*' | sort -u | wc -l)
expect "files come side by side, over connections that are kept: $connections" test "$connections" -ge 8 -a "$connections" -le 32
server_rules '{"path": "*.many-*.json", "nth": 7, "redirect": "'"$url"'none"}'
pulls 0
all_there 'one that was sent elsewhere once'
server_stop

done_testing
