#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# The switch as its readers see it: while generations change, `current` always leads to a whole one.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"
command -v python3 >/dev/null || skip_all 'python3 is not installed'

make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site
echo 'function decide() return accept "all" end' >site/policy.lua
sync -q pull
sync -q apply
make_build gateway 1.1.0
ship gateway 1.1.0
sync -q pull
sync -q apply
expect 'two generations are there' test "$(generation)" = 2

# Reads through `current` until told to stop, a moment's rest between; prints reads, failures and the switches it saw.
cat >reader.py <<'PY'
import os, time
reads = failures = switches = 0
last = None
while not os.path.exists("stop"):
    try:
        with open("plant/current/gateway/bin/tool", encoding="ascii") as f:
            text = f.read()
        reads += 1
        failures += not text.endswith(("gateway 1.0.0\n", "gateway 1.1.0\n"))
        switches += last is not None and text != last
        last = text
    except OSError:
        failures += 1
    time.sleep(0.0002)
print(reads, failures, switches)
PY
python3 reader.py >seen &
reader=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    sync -q rollback 1 || diag 'a rollback failed'
    sync -q rollback 2 || diag 'a rollback failed'
done
touch stop
wait "$reader"
read -r reads failures switches <seen
diag "$reads reads, $failures without a working current, $switches switches seen of 20"
expect 'no read failed' test "$failures" -eq 0 -a "$reads" -gt 100
expect 'switches were seen' test "$switches" -ge 10

done_testing
