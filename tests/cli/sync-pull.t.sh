#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# Pulling from a folder, a web server and a bundle; what is refused, and that a refused pull changes nothing.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

# unchanged WHAT: the site named site is as it was when ./before was written.
unchanged() {
    site_state site >after
    expect "the site is unchanged: $1" cmp -s before after
}

publisher_init
publisher_release gateway 1.0.0
publisher_release tool 1.0.0
publisher_publish

expect_exit 1 causeway-sync -C nowhere pull
site_init site --source "$PWD/nothing-here"
expect_exit 5 causeway-sync -C site pull
expect_err "nothing-here"

# From a folder.
expect_exit 0 causeway-sync -C site pull "$PWD/repo/tree"
expect_out 'complete and genuine: stable serial 1'
expect 'the mirror has the timestamp' cmp -s repo/tree/metadata/timestamp.json site/upstreams/acme/mirror/metadata/timestamp.json
expect 'trust has the timestamp' cmp -s repo/tree/metadata/timestamp.json site/upstreams/acme/trust/timestamp.json
site_state site >before
expect_exit 0 causeway-sync -C site pull "$PWD/repo/tree"
expect_out 'up to date'
unchanged 'pulled twice'
expect_exit 0 causeway-sync -C site --json pull "$PWD/repo/tree"
expect_out '"changed": false'

# A newer state; whatever one byte of what is used is changed, it is refused.
publisher_release gateway 1.1.0
publisher_publish
cp -r repo/tree good
cp -r site site-before
site_init probe
causeway-sync -C probe pull "$PWD/good" >/dev/null
(cd probe/upstreams/acme/mirror && find . -type f ! -name '*.root.json' | sort) >used
(cd site/upstreams/acme/mirror && find . -type f ! -name timestamp.json | sort) >had
comm -23 used had >wanted
while read -r path; do
    rm -rf bad site
    cp -r good bad
    cp -r site-before site
    flip "bad/$path"
    expect_exit 3 causeway-sync -C site pull "$PWD/bad"
    unchanged "a byte of $path"
done <wanted
rm -rf bad site
cp -r good bad
cp -r site-before site
rm bad/targets/gateway/1.1.0/*.bin
expect_exit 7 causeway-sync -C site pull "$PWD/bad"
expect_err 'gateway.bin'
unchanged 'a missing file'
rm bad/metadata/*.gateway.json
expect_exit 7 causeway-sync -C site pull "$PWD/bad"
unchanged 'missing metadata'
rm -rf bad
cp -r good bad
mv bad/targets/gateway/1.1.0 elsewhere
ln -s "$PWD/elsewhere" bad/targets/gateway/1.1.0
expect_exit 3 causeway-sync -C site pull "$PWD/bad"
unchanged 'a linked folder'

# The older tree after the newer one is a replay.
expect_exit 0 causeway-sync -C site pull "$PWD/good"
site_state site >before
mkdir old
cp -r site-before/upstreams/acme/mirror old/tree
expect_exit 3 causeway-sync -C site pull "$PWD/old/tree"
unchanged 'an older tree'

# Time: what has expired stays out, unless the site allows for it; that is logged.
mkdir expired
(cd expired && SOURCE_DATE_EPOCH=$(($(date +%s) - 9 * 86400)) && export SOURCE_DATE_EPOCH && publisher_init &&
    publisher_release gateway 1.0.0 && publisher_publish && site_init site)
site_state expired/site >before-late
expect_exit 4 causeway-sync -C expired/site pull "$PWD/expired/repo/tree"
expect_err 'expired'
site_state expired/site >after-late
expect 'the site is unchanged: expired' cmp -s before-late after-late
sed -i 's/-- grace = .*/grace = { folder = "30d" },/' expired/site/site.lua
expect_exit 0 causeway-sync -C expired/site pull "$PWD/expired/repo/tree"
expect_err 'grace'
expect_exit 0 causeway-sync -C expired/site log
expect_out 'grace'
expect_exit 0 causeway-sync -C expired/site status
expect_out '^grace +acme: metadata [0-9]+ hours past its expiry was let in at .*, from '

# Over the network.
server_start good
url=$(server_url /)
site_init net --source "$url"
server_rules
expect_exit 0 causeway-sync -C net pull
expect_out 'complete and genuine'
server_rules
expect_exit 0 causeway-sync -C net pull
expect 'an unchanged tree costs two requests' test "$(server_requests)" -le 2

# A server whose authority is a private one.
if command -v openssl >/dev/null &&
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 2>/dev/null; then
    server_start good --tls cert.pem key.pem
    expect_exit 3 env -u CURL_CA_BUNDLE -u SSL_CERT_FILE causeway-sync -C net pull "$(server_url /)"
    expect_err 'CURL_CA_BUNDLE'
    expect_exit 0 env CURL_CA_BUNDLE=cert.pem causeway-sync -C net pull "$(server_url /)"
    expect_exit 0 env -u CURL_CA_BUNDLE SSL_CERT_FILE=cert.pem causeway-sync -C net pull "$(server_url /)"
    server_start good
    url=$(server_url /)
else
    skip 'a private authority' 'openssl is not installed'
fi

# The server goes away in the middle of a file: what was finished is not fetched again.
site_init cut --source "$url"
server_rules '{"path": "*gateway.bin", "cut_after": 1000, "reset": true}'
expect_exit 5 causeway-sync -C cut pull
expect 'no timestamp entered' test ! -e cut/upstreams/acme/mirror/metadata/timestamp.json
(cd cut/upstreams/acme/mirror && find targets -type f ! -name '.tmp-*' | sort) >finished
expect 'finished files stay' test -s finished
server_rules
expect_exit 0 causeway-sync -C cut pull
expect 'the cut file was fetched' test "$(server_requests 'gateway\.bin')" -eq 1
fetched_again=0
while read -r path; do
    [ "$(server_requests "/$path")" -eq 0 ] || fetched_again=$((fetched_again + 1))
done <finished
expect 'finished files were not fetched again' test "$fetched_again" -eq 0

# What a killed run left in the inbox is hashed again: whole files are taken up, parts are gone on with, the rest goes.
bin=$(cd good && find targets -name '*.gateway.bin' | grep 1.1.0)
size=$(stat -c %s "good/$bin")
killed() { # NAME: a site whose inbox has what standard input brings
    rm -rf killed
    site_init killed --source "$url"
    inbox=killed/upstreams/acme/mirror/.inbox
    mkdir -p $inbox/3 "killed/upstreams/acme/mirror/$(dirname "$bin")"
    cat >"$inbox/3/$(inbox_name "$bin")"
    echo junk >$inbox/3/junk
    echo junk >"killed/upstreams/acme/mirror/$(dirname "$bin")/.tmp-00000000000000aa"
    server_rules
    expect_exit 0 causeway-sync -C killed pull
    expect "it is as signed: $1" cmp -s "good/$bin" "killed/upstreams/acme/mirror/$bin"
    expect "nothing is left over: $1" test -z "$(find killed -name '.tmp-*')" -a ! -e $inbox
}
killed 'whole' <"good/$bin"
expect 'the finished file was not fetched' test "$(server_requests '1\.1\.0/.*gateway\.bin')" -eq 0
head -c 5000 "good/$bin" >left
killed 'a part' <left
expect 'the rest of the part was fetched' test "$(server_requests 'gateway\.bin.*"range": "bytes=5000-"')" -eq 1
expect 'and nothing else of it' test "$(server_requests '1\.1\.0/.*gateway\.bin')" -eq 1
yes wrong | head -c "$size" >left
killed 'other bytes' <left
yes wrong | head -c 5000 >left
killed 'a part of other bytes' <left
expect 'the whole was fetched after the rest' test "$(server_requests '1\.1\.0/.*gateway\.bin')" -eq 2
(cat "good/$bin" && echo more) >left
killed 'too much' <left

# Somebody else's site.
if [ "$(id -u)" -eq 0 ]; then
    skip 'a site that cannot be written' 'root may write everything'
else
    chmod a-w site site/lock
    expect_exit 1 causeway-sync -C site pull good
    expect_err "unable to write 'lock': permission denied; run this as the user who owns the folder"
    chmod u+w site site/lock
fi

# Hostile or broken servers.
hostile() {
    hostile_code=$1
    hostile_text=$2
    shift 2
    rm -rf site
    site_init site --source "$url"
    site_state site >before
    server_rules "$@"
    expect_exit "$hostile_code" causeway-sync -C site pull
    expect_err "$hostile_text"
    unchanged "$*"
}
hostile 5 'web page \(HTML\)' '{"path": "*.json", "status": 200, "body": "<!DOCTYPE html><html>log in</html>"}'
hostile 3 'timestamp' '{"path": "*timestamp.json", "endless": true}'
hostile 3 'gateway.bin' '{"path": "*gateway.bin", "endless": true}'
hostile 3 'gateway.bin' '{"path": "*gateway.bin", "flip": [500]}'
hostile 5 '' '{"status": 503}'
hostile 7 '1 file of the set is missing: .*gateway.bin' '{"path": "*gateway.bin", "status": 404}'
hostile 7 'timestamp.json' '{"status": 404}'
hostile 1 'redirects' '{"path": "*timestamp.json", "redirect": "/metadata/timestamp.json"}'

# A password in a URL is the server's business, not the log's.
rm -rf site
site_init site --source "http://carrier:hunter2@${url#http://}"
server_rules
expect_exit 0 causeway-sync -C site pull
refute_out 'hunter2'
expect 'nor does the log know it' test "$(grep -c hunter2 site/history.jsonl)" = 0
server_rules '{"path": "*.json", "status": 500}'
expect_exit 5 causeway-sync -C site pull
expect_err "http://127\.0\.0\.1:.*500"
refute_err 'hunter2'

# A server that breaks down after its first answers is no reason not to ask the next source.
rm -rf site
site_init site --source "$url" --source "$PWD/good"
server_rules '{"path": "*snapshot.json", "status": 503}'
expect_exit 0 causeway-sync -C site pull
expect_err '503; trying the next source'
expect_out 'complete and genuine'
server_stop

# The next source is asked when one does not answer.
rm -rf site
site_init site --source 'http://127.0.0.1:9/' --source "/nowhere/*/causeway" --source "$PWD/good"
expect_exit 0 causeway-sync -C site pull
expect_err 'trying the next source'
expect_out 'complete and genuine'

# Whoever holds the online keys cannot bring another set under a serial that the site has seen: TUF's versions all go up, its memory
# of the channel does not give way.
mkdir memory
cd memory || exit 99
publisher_init
publisher_release gateway 1.0.0
publisher_publish
cp -a repo repo-1
publisher_release gateway 1.1.0
publisher_publish
site_init site
expect_exit 0 causeway-sync -C site pull repo/tree
site_state site >before
rm -rf repo
mv repo-1 repo
publisher_release gateway 1.2.0
publisher_publish
publisher_publish --renew-within 3650d
publisher_publish --renew-within 3650d
expect_exit 3 causeway-sync -C site pull repo/tree
expect_err "channel 'stable': serial 2 is not what it was"
unchanged 'another set under a known serial'
cd ..

done_testing
