#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# Deliveries: firmware to a device over HTTP, with the example's policy; a device that fails, hangs or lies; a run that is killed meanwhile.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"
command -v python3 >/dev/null || skip_all 'python3 is not installed, so there is no device to deliver to'

token=s3cret-$$

# device N [OPTION...]: starts one in ./plc-N; its port in $port.
device() {
    name=plc-$1
    shift
    mkdir -p "$name"
    rm -f "$name/port"
    [ -e "$name/version" ] || echo none >"$name/version"
    background python3 "$CW_SRCDIR/tests/server/device.py" "$name" "$token" "$@"
    tries=0
    while [ ! -s "$name/port" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ]; then
            echo 'Bail out! the device does not start'
            exit 1
        fi
        sleep 0.05
    done
    port=$(cat "$name/port")
}
device 1
one=$port
device 2
two=$port
mode() { echo "$2" >"plc-$1/mode"; }
runs() { echo "$(cat plc-1/version) $(cat plc-2/version)"; }
firmware() {
    { echo "firmware plc $1" && head -c 300000 /dev/zero; } >"plc-$1.bin"
    ship plc-firmware "$1" "plc-$1.bin" firmware
    sync -q pull
}
next_try() {
    rm -f plc-1/mode plc-2/mode plc-1/log plc-2/log
    sync -q unhold --all 2>/dev/null
}
(umask 077 && echo "$token" >token)

make_repo
printf 'firmware plc 1.0.0\n' >plc-1.0.0.bin
ship plc-firmware 1.0.0 plc-1.0.0.bin firmware
make_site
sync -q pull
printf 'function decide() return accept "all" end\n' >site/policy.lua
expect_exit 6 sync apply
expect_err "held by policy: .*nothing delivers 'plc-firmware/1\.0\.0/plc-1\.0\.0\.bin', which is of kind firmware"
# shellcheck disable=SC2016 # the policy's own words
printf 'function decide() return accept "all" end\nfunction deliver(a) return store("who needs " .. a.name .. " fetches it") end\n' >site/policy.lua
expect_exit 0 sync plan
expect_out 'firmware plc-1\.0\.0\.bin: stays in its folder: who needs plc-1\.0\.0\.bin fetches it'

sed "s,http://plc-1.plant.example,http://127.0.0.1:$one,; s,http://plc-2.plant.example,http://127.0.0.1:$two,
    s,/etc/causeway/plc.token,$TEST_DIR/token,; s,/usr/local/sbin/line-stands-still\",/bin/true\",; s/user = \"plant\", //
    s/daily 01:00-04:00/daily 00:00-24:00/; s/\"5m\"/\"4s\"/; s/\"3m\"/\"4s\"/" "$CW_SRCDIR/lua/examples/firmware.lua" >site/policy.lua
expect_exit 0 sync plan
expect_out "deliver firmware plc-1\.0\.0\.bin, not atomic: PUT http://127\.0\.0\.1:$one/firmware"
expect_out "proven by: GET http://127\.0\.0\.1:$one/version"
expect_out 'taken back by: nothing'

# The token is looked at before anything begins.
chmod o+r token
expect_exit 1 sync apply
expect_err "everyone may read the token .*chmod o-r"
chmod o-r token
mv token away
expect_exit 1 sync apply
expect_err "unable to open '$TEST_DIR/token'"
: >token
chmod 600 token
expect_exit 1 sync apply
expect_err 'the token is empty'
expect 'nothing was begun' test "$(generation)" = none -a ! -e plc-1/log
mv away token

expect_exit 0 sync apply
expect 'both devices run it' test "$(runs)" = '1.0.0 1.0.0'
expect 'they were told who it is' grep -q '^PUT /firmware 19 known' plc-1/log
expect 'they were asked until they had restarted' test "$(grep -c '^GET /version' plc-2/log)" -ge 1

firmware 1.1.0
for bad in '500: HTTP status 500' 'lies: does not contain .running 1\.1\.0' 'cut: PUT .*/firmware' \
    'redirect: HTTP status 307, and no redirect' 'echo: HTTP status 400' 'echo-late: HTTP status 400' 'slow: (timed out|longer than)'; do
    next_try
    mode 2 "${bad%%:*}"
    expect_exit 9 sync apply
    expect_err "plc-firmware 1\.1\.0: deliver.*${bad#*: }"
    expect_err 'generation 1 runs again; what was left is held'
    expect "after a device that does '${bad%%:*}' the other has its old firmware back" test "$(cat plc-1/version)$(generation)" = 1.0.01
    sed -n 's/^PUT.* \([0-9]*\) .*/\1/p' plc-1/log | tr '\n' ' ' >sizes
    expect 'it had the new one first' grep -q '^3000[0-9]* 19 $' sizes
done
expect 'the slow one had taken it, and got it back too' test "$(tail -n 1 plc-2/log)" = 'PUT /firmware 19 known'
expect_exit 0 sync --json log
expect 'the token is nowhere in the site, nor the beginning of it' sh -c '! grep -rq s3c site'
refute_out s3c
expect_out '\.Bearer \*\*\*\*"'
expect_out 'you sent Bearer \*\*\*\*'

# The run is killed while the second device is busy: the next command takes back what was begun.
next_try
mode 2 slow
sed -i 's/"4s"/"20s"/g' site/policy.lua
causeway-sync -C site -q apply >killed 2>&1 &
victim=$!
tries=0
while ! grep -q 'PUT.*3000' plc-2/log 2>/dev/null && [ "$tries" -lt 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
# The devices themselves are told it as an argument; nobody else is.
told=$(for list in /proc/[0-9]*/cmdline; do tr '\0' '\n' <"$list" | grep -x "$token"; done 2>/dev/null | wc -l)
expect 'the token is in no list of processes' test "$told" -eq 2
expect_exit 0 sync status
expect_out 'under way +delivering generation'
kill -9 "$victim"
wait "$victim" 2>/dev/null
rm plc-2/mode
expect_exit 0 sync plan
expect_err 'interrupted while delivering generation .*the one before runs again, and what was left is held'
expect 'both have the old firmware' test "$(runs)" = '1.0.0 1.0.0'
expect 'the generation before runs' test "$(generation)" = 1

next_try
expect_exit 0 sync apply
expect 'a good device gets it' test "$(runs)" = '1.1.0 1.1.0'
expect_exit 0 sync rollback
expect 'a rollback takes it back' test "$(runs)" = '1.0.0 1.0.0'

# Over TLS, to a device whose authority is named, and to one that is somebody else's.
if openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.pem -days 2 -subj /CN=plc -addext \
    subjectAltName=IP:127.0.0.1 2>/dev/null; then
    device 3 --tls tls.pem tls.key
    next_try
    cp site/policy.lua http.lua
    sed -i "s,http://127.0.0.1:$two,https://127.0.0.1:$port," site/policy.lua
    expect_exit 9 sync apply
    expect_err 'deliver .*PUT .https://127.*(certificate|SSL)'
    next_try
    sed -i "s,token_file = TOKEN,&\, ca_file = \"$TEST_DIR/tls.pem\"," site/policy.lua
    sed -i "s,get { host .. \"/version\",&\, ca_file = \"$TEST_DIR/tls.pem\"," site/policy.lua
    sed -i 's/"http:\/\/127[^"]*", //' site/policy.lua
    expect_exit 0 sync apply
    expect 'it has it over TLS' test "$(cat plc-3/version)" = 1.1.0
    expect_exit 0 sync rollback
    expect 'and back' test "$(cat plc-3/version)" = 1.0.0
    cp http.lua site/policy.lua
else
    skip 'a delivery over TLS' 'openssl makes no certificate'
fi

# A token that is not the device's, and a device that is off.
next_try
(umask 077 && echo wrong >token)
expect_exit 9 sync apply
expect_err 'HTTP status 401'
expect_err 'warning: going back, .*undeliver .*HTTP status 401'
next_try
sed -i "s,127.0.0.1:$one,127.0.0.1:1,; s/\"20s\"/\"1s\"/g" site/policy.lua
expect_exit 9 sync apply
expect_err "deliver 'PUT http://127\.0\.0\.1:1/firmware < plc-1\.1\.0\.bin' failed: .*onnect"

# A package by a command, then one that fails: what was done is taken back, the last first; what cannot be is said.
mkdir -p out
printf 'a package\n' >out/a.deb
printf 'another\n' >out/b.deb
cat >catalog.json <<EOF
{"format": "1.0", "products": [{"name": "tools", "releases": [{"version": "1.0.0", "severity": "normal", "notes": "x",
 "builds": [{"platform": "any", "files": [{"file": "out/a.deb", "kind": "package"}, {"file": "out/b.deb", "kind": "package"}]}]}]}]}
EOF
causeway-gen -C repo add catalog.json >ship.log 2>&1
causeway-gen -C repo promote tools 1.0.0 stable >>ship.log 2>&1
causeway-gen -C repo publish >>ship.log 2>&1
next_try
sync -q pull
cat >site/policy.lua <<EOF
function decide() return accept "all" end
local function install(how, file) return run { "$TEST_DIR/dpkg", how, file } end
function deliver(a)
  if a.kind == "firmware" then return store "not now" end
  if a.name == "b.deb" then return install("--install", a.file) end
  return delivery { install("--install", a.file), check = install("--verify", a.file), undo = install("--remove", a.name) }
end
EOF
cat >dpkg <<EOF
#!/bin/sh
echo "\$1 \$CAUSEWAY_STAGE \$(cat "\$2" 2>/dev/null)" >>$TEST_DIR/dpkg.log
case \$2 in */b.deb) exit 2 ;; esac
EOF
chmod +x dpkg
expect_exit 9 sync apply
expect_err "tools 1\.0\.0: deliver '.*/dpkg --install .*/b\.deb' exited with 2"
expect_err "warning: going back, tools 1\.0\.0: undeliver of 'tools/1\.0\.0/b\.deb' is not possible: .* a person must see to it"
expect 'each in its turn' test "$(cat dpkg.log)" = '--install deliver a package
--verify delivered a package
--install deliver another
--remove undeliver '

done_testing
