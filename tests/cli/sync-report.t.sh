#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# verify --report: the evidence of a verification, signed by the site, and what becomes of it when somebody changes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"

publisher_init
publisher_release gateway 1.0.0
publisher_publish
site_init plant
causeway-sync -q -C plant pull "$PWD/repo/tree"

expect_exit 0 causeway-sync -C plant verify --report report.json
expect_exit 0 causeway-sync -C plant verify --report report.html
cat >compare.py <<'END'
import base64, hashlib, html, json, re, sys

report = json.load(open(sys.argv[1]))
page = open(sys.argv[2]).read()
script = re.search(r'<script type="application/json" id="causeway-report">(.*?)</script>', page, re.S)
assert json.loads(script[1])["list"] == report["list"]
shown = html.unescape(re.search(r'<pre id="list">(.*?)</pre>', page, re.S)[1])
assert shown == report["list"]
signed = json.loads(base64.b64decode(report["envelope"]["payload"]))
assert hashlib.sha256(report["list"].encode()).hexdigest() == signed["list"]["sha256"]
assert report["list"].count("\n") == signed["list"]["count"] >= 10
assert {role["role"] for role in signed["roles"]} >= {"root", "timestamp", "snapshot", "targets", "gateway", "stable"}
assert all(role["signed_by"] and role["expires"] for role in signed["roles"])
assert len(signed["keys"]) >= 4
assert "Verification of plant" in page
open("list", "w").write(report["list"])
END
expect 'both forms hold the same' python3 compare.py report.json report.html
expect 'sha256sum takes the list' sh -c 'cd plant && sha256sum --quiet -c ../list'

expect_exit 0 causeway-sync -C plant verify --check-report report.json
expect_out "signed by site 'plant' at .*, identity [0-9a-f]{64}"
expect_exit 0 causeway-sync -C plant verify --check-report report.html
cp plant/keys/identity.pub auditor.pub
expect_exit 0 causeway-sync verify --check-report report.json --key auditor.pub

# Changed: in the list, in what is signed, or by another site.
sed 's/gateway.bin/gateway.bit/' report.json >changed.json
expect_exit 3 causeway-sync -C plant verify --check-report changed.json
expect_err "'changed.json': its list of files is not the one that was signed"
sed 's/"payload": "eyJ/"payload": "eyK/' report.json >changed.json
expect 'the payload was changed' test "$(cmp -s report.json changed.json; echo $?)" -eq 1
expect_exit 3 causeway-sync -C plant verify --check-report changed.json
head -c 1000 report.html >cut.html
expect_exit 3 causeway-sync -C plant verify --check-report cut.html
expect_err 'neither a report nor a page that holds one'
site_init other
expect_exit 3 causeway-sync -C other verify --check-report report.json
expect_exit 1 causeway-sync -C plant verify --check-report nothing.json

# What is bad stands in the report too, and the exit code stays the check's.
flip plant/upstreams/acme/mirror/targets/gateway/1.0.0/*.gateway.bin
expect_exit 3 causeway-sync -C plant verify --report bad.html
expect 'the page names it' grep -q 'bad: .*gateway.bin' bad.html
expect_exit 0 causeway-sync -C plant --json verify --check-report bad.html
expect_out '"bad": 1'

expect_exit 2 causeway-sync -C plant verify --report report.pdf
expect_err 'ends in .json or .html'
expect_exit 2 causeway-sync -C plant verify --report r.json --repair-from repo/tree
expect_exit 2 causeway-sync -C plant verify --key auditor.pub
expect_exit 1 causeway-sync -C plant verify --report nowhere/r.json
expect 'nothing is left behind' test ! -e nowhere

done_testing
