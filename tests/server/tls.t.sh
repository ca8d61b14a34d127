#!/bin/sh
# SPDX-License-Identifier: ISC
# Pulling over https from a real nginx: HTTP/2 where it is offered, a source's own authority, client certificates, and through a proxy.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
. "$CW_SRCDIR/tests/server/lib.sh"

PATH=$PATH:/usr/sbin:/sbin
command -v nginx >/dev/null || skip_all 'nginx is not installed'
for module in http_ssl_module http_v2_module; do
    nginx -V 2>&1 | grep -q -- "--with-$module" || skip_all "this nginx has no $module"
done

# --- an authority with a server's and a client's certificate, and another authority with a client's
authority() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem"
}
certificate() { # NAME AUTHORITY [EXTENSION]
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" &&
        printf '%s\n' "${3:-extendedKeyUsage=clientAuth}" >"$1.ext" &&
        openssl x509 -req -in "$1.csr" -days 2 -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -extfile "$1.ext" -out "$1.pem"
}
{
    authority ours && authority theirs && certificate carrier ours && certificate stranger theirs &&
        certificate server ours 'subjectAltName=IP:127.0.0.1'
} >openssl.out 2>&1 || {
    cat openssl.out
    echo 'Bail out! openssl made no certificates'
    exit 1
}
cat carrier.key carrier.pem >both.pem
openssl ec -in carrier.key -aes128 -passout pass:secret -out locked.key 2>/dev/null

# --- three servers: with HTTP/2, without, and one that wants a client's certificate
publisher_init
publisher_release gateway 1.0.0
publisher_publish
python3 -c '
import socket
held = [socket.socket() for _ in range(3)]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))' >ports
read -r new old closed <ports
cat >nginx.conf <<CONF
daemon off;
pid $PWD/nginx.pid;
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
worker_processes 1;
events { worker_connections 128; }
http {
    log_format wire '\$server_port \$server_protocol \$ssl_client_verify \$status \$connection \$uri';
    access_log $PWD/access.log wire;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    ssl_certificate $PWD/server.pem;
    ssl_certificate_key $PWD/server.key;
    root $PWD/repo/tree;
    server { listen 127.0.0.1:$new ssl http2; }
    server { listen 127.0.0.1:$old ssl; }
    server { listen 127.0.0.1:$closed ssl http2; ssl_client_certificate $PWD/ours.pem; ssl_verify_client on; }
}
CONF
nginx -c "$PWD/nginx.conf" -p "$PWD" -e "$PWD/nginx.error" &
nginx_pid=$!
tap_children="${tap_children:-} $nginx_pid"
tries=0
until curl -s -o /dev/null --cacert ours.pem "https://127.0.0.1:$new/"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || ! kill -0 "$nginx_pid" 2>/dev/null; then
        echo "Bail out! nginx did not start: $(tail -n 1 nginx.error)"
        exit 1
    fi
    sleep 0.05
done
until [ -s access.log ]; do # nginx logs a request once it is answered
    sleep 0.01
done

pulls() { # CODE PORT WORDS: a new site whose one source has these words beside its URL
    rm -rf site
    : >access.log
    site_init site --source "https://127.0.0.1:$2/"
    python3 - "$2" "$3" <<'PY'
import re, sys
text = open("site/site.lua").read()
source = '{ url = "https://127.0.0.1:%s/", %s }' % (sys.argv[1], sys.argv[2])
open("site/site.lua", "w").write(re.sub(r'"https://[^"]*"', lambda _: source, text, count=1))
PY
    expect_exit "$1" env -u CURL_CA_BUNDLE -u SSL_CERT_FILE causeway-sync -C site pull --retry-wait 10ms
}
came() { # PATTERN: every request was logged like that, and there were some
    expect "every request was '$1'" test "$(grep -c . access.log)" -gt 3 -a "$(grep -vcE "$1" access.log)" -eq 0
}
ca="ca = \"$PWD/ours.pem\""

# --- HTTP/2 where it is offered, else HTTP/1.1; the source's own authority in both
pulls 0 "$new" "$ca"
came '^[0-9]+ HTTP/2.0 NONE (200|404)'
expect 'the files shared a few connections' test "$(cut -d ' ' -f 5 access.log | sort -u | wc -l)" -le 4
pulls 0 "$old" "$ca"
came '^[0-9]+ HTTP/1.1 NONE (200|404)'

# --- another authority, or none that knows the server
pulls 3 "$new" "ca = \"$PWD/theirs.pem\""
expect_err "https://127.0.0.1:$new/.*certificate.*the source's ca in site.lua"
pulls 3 "$new" ''
expect_err "certificate.*CURL_CA_BUNDLE, or as the source's ca in site.lua"
expect 'it was asked for nothing' test ! -s access.log
pulls 1 "$new" "ca = \"$PWD/nowhere.pem\""
expect_err "$PWD/nowhere.pem"
rm -rf site
site_init site --source "https://127.0.0.1:$new/"
expect_exit 0 env CURL_CA_BUNDLE="$PWD/ours.pem" causeway-sync -C site pull

# --- client certificates: the right one passes, with its key beside it or in it
pulls 0 "$closed" "$ca, cert = \"$PWD/carrier.pem\", key = \"$PWD/carrier.key\""
came '^[0-9]+ HTTP/2.0 SUCCESS (200|404)'
pulls 0 "$closed" "$ca, cert = \"$PWD/both.pem\""
came ' SUCCESS (200|404)'
# none, and one of another authority
pulls 1 "$closed" "$ca"
expect_err "HTTP status 400.*a client's certificate.*cert in site.lua"
pulls 1 "$closed" "$ca, cert = \"$PWD/stranger.pem\", key = \"$PWD/stranger.key\""
expect_err "HTTP status 400.*a client's certificate.*cert in site.lua"
expect 'nothing was taken' test ! -e site/upstreams/acme/mirror/metadata
# what is no pair, is not there, or wants a passphrase that nobody can type
pulls 1 "$closed" "$ca, cert = \"$PWD/carrier.pem\", key = \"$PWD/stranger.key\""
expect_err "$PWD/stranger.key"
pulls 1 "$closed" "$ca, cert = \"$PWD/nowhere.pem\""
expect_err "$PWD/nowhere.pem"
pulls 1 "$closed" "$ca, cert = \"$PWD/carrier.pem\", key = \"$PWD/locked.key\""
expect_err "$PWD/locked.key"

# --- through a proxy: a tunnel, in which only the proxy's own password is for the proxy
server_start repo
pulls 0 "$closed" "$ca, cert = \"$PWD/both.pem\", proxy = \"http://carrier:hunter2@127.0.0.1:$server_port\""
came '^[0-9]+ HTTP/2.0 SUCCESS (200|404)'
expect 'all went through the tunnel' test "$(server_requests CONNECT)" -ge 1 -a "$(server_requests GET)" -eq 0
server_rules '{"method": "CONNECT", "header": "Proxy-Authorization: Basic Y2Fycmllcjpod'"W50ZXIy"'"}' '{"status": 407}'
pulls 0 "$new" "$ca, proxy = \"http://carrier:hunter2@127.0.0.1:$server_port\""
came '^[0-9]+ HTTP/2.0 NONE (200|404)'
server_rules '{"method": "CONNECT", "status": 407}'
pulls 1 "$new" "$ca, proxy = \"http://127.0.0.1:$server_port\""
expect_err 'HTTP status 407: the proxy wants a login'
expect 'what it will say again is not tried again' test "$(server_requests CONNECT)" -le 3 # two ahead of their time
server_rules '{"method": "CONNECT", "status": 403}'
pulls 1 "$new" "$ca, proxy = \"http://127.0.0.1:$server_port\""
expect_err 'the proxy refuses to pass it on: HTTP status 403'
server_rules '{"method": "CONNECT", "first": 3, "status": 503}'
pulls 0 "$new" "$ca, proxy = \"http://127.0.0.1:$server_port\""
server_rules '{"method": "CONNECT", "status": 503}'
pulls 5 "$new" "$ca, proxy = \"http://127.0.0.1:$server_port\""
echo 's3cret-token' >token
server_rules '{"header": "Authorization: *", "status": 500}'
pulls 0 "$new" "$ca, bearer = \"$PWD/token\", proxy = \"http://127.0.0.1:$server_port\""
server_rules
pulls 0 "$new" "$ca, proxy = \"\""
expect 'an empty one is none' test "$(server_requests)" -eq 0
server_stop

kill "$nginx_pid"
wait "$nginx_pid" 2>/dev/null
done_testing
