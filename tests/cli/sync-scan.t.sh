#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# The scanner: shown each artifact once, in the mirror; what is not clean is held; what a policy may say to that; scanning again.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

cat >scanner <<EOF
#!/bin/sh
echo "\$2" >>$TEST_DIR/shown
grep -q -e "\$(cat $TEST_DIR/signature 2>/dev/null || echo no-such)" "\$2" && echo "\$2: Eicar FOUND" && exit 1
grep -q SLOW "\$2" && sleep 30
grep -q ODD "\$2" && echo 'unable to look into it' >&2 && exit 2
echo "\$2: OK"
EOF
chmod +x scanner
shown() { if [ -e shown ]; then wc -l <shown; else echo 0; fi; }

make_repo
echo 'setpoint = 7' >one.cfg
ship tables 1.0.0 one.cfg file
make_site
printf 'function decide(set) return accept("scan: " .. tostring(set.scan)) end\n' >site/policy.lua
expect_exit 2 sync scan
expect_err 'site\.lua names no scanner'
# scan WORDS: what site.lua says of it.
scan() {
    sed -i '/^  scan = /d' site/site.lua
    sed -i "s|^  site = .*|&\n  scan = { $1 },|" site/site.lua
}
scan 'run = { "scanner", "{file}" }'
expect_exit 1 sync pull
expect_err 'site\.lua: scan: run: the command is not an absolute path'
scan "run = { \"$TEST_DIR/scanner\", \"-x\" }"
expect_exit 1 sync pull
expect_err 'no word has \{file\} in it'
scan "run = { \"$TEST_DIR/scanner\", \"{file}\" }, timeot = \"2s\""
expect_exit 1 sync pull
expect_err "scan: unknown field 'timeot' \(did you mean 'timeout'\?\)"
scan "run = { \"$TEST_DIR/scanner\", \"-f\", \"{file}\" }, timeout = \"1s\""

expect_exit 0 sync pull
expect_out 'scanned 1 file: all clean'
expect 'it saw the file in the mirror' grep -qx "$TEST_DIR/site/upstreams/acme/mirror/targets/tables/1\.0\.0/[0-9a-f]*\.one\.cfg" shown
expect_exit 0 sync pull
expect 'once' test "$(shown)" = 1
cp site/scans.json kept.json
sed 's/"clean"/"spotless"/' kept.json >site/scans.json
expect 'a verdict is told by a word of another version' test "$(cmp -s kept.json site/scans.json; echo $?)" -eq 1
expect_exit 6 sync apply
expect_err 'held: .*one\.cfg'
cp kept.json site/scans.json
expect_exit 0 sync apply
expect_out 'accepted by policy: scan: clean'

# Bad, odd, slow: what comes of each.
echo EVIL >two.cfg
echo EVIL >signature
ship tables 1.1.0 two.cfg file
expect_exit 0 sync pull
expect_err "warning: 'tables/1\.1\.0/two\.cfg' was found bad by the scanner: .*Eicar FOUND"
expect_out 'scanned 1 file: what is not clean is held'
expect_exit 6 sync apply
expect_err "held: 'tables/1\.1\.0/two\.cfg' was found bad by the scanner: .*Eicar FOUND"
expect_exit 0 sync update
expect 'what was there still runs' test "$(generation)" = 1
expect_exit 6 sync scan
expect_err '1 file is not clean: sets that have them are held'
expect_exit 0 sync log
expect_out ' scan .*bad=1'
echo ODD >three.cfg
ship tables 1.2.0 three.cfg file
expect_exit 0 sync pull
expect_err "'tables/1\.2\.0/three\.cfg' could not be scanned: the scanner exited with 2: unable to look into it"
expect_exit 6 sync apply
before=$(shown)
expect_exit 0 sync pull
expect 'what could not be told is asked again' test "$(shown)" = $((before + 1))
echo SLOW >four.cfg
ship tables 1.3.0 four.cfg file
expect_exit 0 sync pull
expect_err "'tables/1\.3\.0/four\.cfg' could not be scanned: the scanner took longer than 1 s"

# A policy may take it all the same; another scanner is asked anew.
printf 'function decide(set) return accept { reason = "a person looked", scan = "ignore" } end\n' >site/policy.lua
expect_exit 0 sync apply
expect 'it runs' cmp -s plant/current/tables/four.cfg four.cfg
printf 'function decide(set) return accept { scan = "whatever" } end\n' >site/policy.lua
expect_exit 0 sync policy why tables
echo five >five.cfg
ship tables 1.4.0 five.cfg file
sync -q pull
expect_exit 6 sync apply
expect_err "gate 'scan': there is only \"ignore\""
printf 'function decide(set) return accept("scan: " .. tostring(set.scan)) end\n' >site/policy.lua

# Scanners learn: everything once more, and what was clean may be so no longer.
echo five >signature
expect_exit 0 sync scan
expect_out 'nothing to do: all 1 files were scanned before'
expect_exit 6 sync scan --all
expect_err "'tables/1\.4\.0/five\.cfg' was found bad"
expect_exit 6 sync apply
rm signature
expect_exit 0 sync --json scan --all
expect_out '"scanned": 1'
expect_exit 0 sync apply

# A set that was not scanned waits: here the scanner was named after the pull.
scan ''
sed -i '/^  scan = /d' site/site.lua
echo six >six.cfg
ship tables 1.5.0 six.cfg file
sync -q pull
scan "run = { \"$TEST_DIR/scanner\", \"-f\", \"{file}\" }"
expect_exit 6 sync apply
expect_err "'tables/1\.5\.0/six\.cfg' was not scanned yet: 'causeway-sync scan' does that"
expect_exit 0 sync scan
expect_exit 0 sync apply
# What was a warning is clean no more, once the exit codes say so.
echo ODD >six.cfg
ship tables 1.5.1 six.cfg file
scan "run = { \"$TEST_DIR/scanner\", \"-f\", \"{file}\" }, clean = { 0, 2 }"
expect_exit 0 sync pull
expect_out 'all clean'
scan "run = { \"$TEST_DIR/scanner\", \"-f\", \"{file}\" }, bad = { 1, 2 }"
expect_exit 6 sync apply
expect_err "'tables/1\.5\.1/six\.cfg' was not scanned yet"
expect_exit 6 sync scan
expect_err "'tables/1\.5\.1/six\.cfg' was found bad"

scan "run = { \"/nowhere/scanner\", \"{file}\" }"
echo seven >seven.cfg
ship tables 1.6.0 seven.cfg file
expect_exit 0 sync pull
expect_err "could not be scanned: the scanner exited with 127: unable to run '/nowhere/scanner'"
scan "run = { \"$TEST_DIR/scanner\", \"-f\", \"{file}\" }, user = \"no-such-user\""
expect_exit 1 sync pull
expect_err "scan: there is no user 'no-such-user'"
printf 'broken' >site/scans.json
expect_exit 3 sync plan
expect_err 'scans\.json'
rm site/scans.json
scan "run = { \"$TEST_DIR/scanner\", \"-f\", \"{file}\" }"
expect_exit 0 sync update
expect 'without its memory it is scanned again, and applied' cmp -s plant/current/tables/seven.cfg seven.cfg

# Not every scanner says what it found.
# shellcheck disable=SC2016 # the scanner's own argument
printf '#!/bin/sh\n! grep -q EVIL "$1"\n' >mute
chmod +x mute
scan "run = { \"$TEST_DIR/mute\", \"{file}\" }"
echo EVIL >mute.cfg
ship tables 9.0.0 mute.cfg file
expect_exit 0 sync pull
expect_err "'tables/9\.0\.0/mute\.cfg' was found bad by the scanner: it exited with 1 and said nothing"
done_testing
