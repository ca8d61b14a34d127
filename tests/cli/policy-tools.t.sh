#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# policy check, test and why: what is right, what is wrong and where, and every example and the man page's own.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

expect_exit 0 causeway-sync policy test "$CW_SRCDIR/lua/examples"
expect_out '^[0-9]+ passed, 0 failed$'
for file in "$CW_SRCDIR"/lua/examples/*.lua; do
    case $file in
    *_spec.lua) ;;
    *)
        expect_exit 0 causeway-sync policy check "$file"
        expect "$(basename "$file") has a spec" test -f "${file%.lua}_spec.lua"
        ;;
    esac
done

# What the man page shows is what runs: each of its blocks says which file of which example it is, or that it is for a shell.
mkdir man
awk '/^\.Bd -literal/ { block = 1; next } block && /^\.\\" shell$/ { block = 0 }
    block && /^\.\\" example / { file = "man/" $3; dir = file; sub(/\/[^\/]*$/, "", dir); system("mkdir -p " dir); block = 0; next }
    block { print "line " NR " begins a block that says nothing of itself"; block = 0 }
    /^\.Ed/ { file = "" } file != "" { gsub(/\\e/, "\\"); print >>file }' "$CW_SRCDIR/lua/causeway-policy.7" >man.out
expect 'every block of the man page is run' test ! -s man.out
# Its policies with actions and deliveries, with what they come to.
cat >man/actions/policy_spec.lua <<'LUA'
policy "policy.lua"
case "an update" {
  releases = { { product = "gateway", version = "1.1.0", from = "1.0.0" } },
  expect = {
    before = { "/usr/local/sbin/line-is-idle" },
    stage = { "/opt/plant/releases/gateway/1.1.0/linux-amd64/bin/migrate --dry-run (as plant)" },
    checks = { "/usr/bin/systemctl restart gateway", "/opt/plant/current/gateway/bin/selftest (as plant)" },
    after = {},
    undo = { "/usr/bin/systemctl restart gateway" },
    deliveries = {},
  },
}
LUA
cat >man/deliveries/policy_spec.lua <<'LUA'
policy "policy.lua"
case "a package and firmware" {
  releases = { { product = "plc", version = "2.0.0", from = "1.0.0", artifacts = {
    { name = "plc.deb", kind = "package" }, { name = "plc.bin", kind = "firmware" } } } },
  expect = { ready = true, deliveries = {
    "/usr/bin/dpkg --install /opt/plant/releases/plc/2.0.0/linux-amd64/plc.deb",
    "PUT http://plc-1.plant.example/firmware < plc.bin" } },
}
LUA
cat >man/removed/policy_spec.lua <<'LUA'
policy "policy.lua"
case "a product leaves" {
  releases = { { product = "gateway", version = "1.1.0", from = "1.0.0" } },
  removed = { "pump" },
  expect = { ready = false, reason = "stop pump first", waits = "one approval" },
}
LUA
for dir in man/*/; do
    if [ -e "$dir/site.lua" ]; then
        mkdir -p "$dir/keys"
        expect_exit 0 causeway-sync -C "$dir" status
        expect_out '^site +plant-7$'
    else
        expect_exit 0 causeway-sync policy check "$dir/policy.lua"
        expect_exit 0 causeway-sync policy test "$dir"
        expect_out '^1 passed, 0 failed$'
    fi
done

# wrong PATTERN LUA: policy check says so.
wrong() {
    printf '%s\n' "$2" >p.lua
    expect_exit 1 causeway-sync policy check p.lua
    expect_err "$1"
}
wrong 'p\.lua:[12]: .*near' 'function decide('
wrong "p\.lua:2: accept: unknown word 'windw' \(did you mean 'window'\?\)" 'function decide()
  return accept { windw = "Sat" } end'
wrong "p\.lua:1: accept: rollout is a number, not a list of texts" 'function decide() return accept { rollout = 5 } end'
wrong "p\.lua:1: decide\(\): gate 'window': .*write it like" 'function decide() return accept { window = "Sat" } end'
wrong "p\.lua:1: rule 'night': gate 'blackout': " 'rule("night", function() return accept { blackout = "Christmas" } end)'
wrong "p\.lua:1: accept: approvals is a string, not a number" 'function decide() return accept { approvals = "alice" } end'
wrong "p\.lua:1: accept: approvals: unknown word 'form' \(did you mean 'from'\?\)" 'function decide() return accept { approvals = { form = "alice" } } end'
wrong "p\.lua:1: decide\(\): gate 'approvals': " 'function decide() return accept { approvals = 0 } end'
wrong "p\.lua:1: accept: approvals: count is not a whole number" 'function decide() return accept { approvals = { count = 1.5 } } end'
wrong "has no function 'decide' and no rule" 'function decied() end'
wrong 'p\.lua:3: .*asked about a downgrade' 'function decide(set)
  if set.releases[1].change ~= "downgrade" then return accept "x" end
  return set.nothing.more end'
wrong "p\.lua:2: run: the command is not an absolute path" 'function decide() return accept "x" end
function check() return { run { "selftest" } } end'
wrong "p\.lua:2: unknown function 'afetr' \(did you mean 'after'\?\)" 'function decide() return accept "x" end
function afetr() end'
wrong "^causeway-sync: p\.lua:1: run: argument 1 is a number" 'function decide() return accept "x" end function check() return { run { "/x", 5 } } end'
wrong "p\.lua:2: put: 'plc-1/firmware' is not a URL like https://.*asked about a package and firmware" 'function decide() return accept "x" end
function deliver(a) if a.kind == "firmware" then return put { "plc-1/firmware" } end end'
wrong "p\.lua:2: delivery: unknown word 'chek' \(did you mean 'check'\?\)" 'function decide() return accept "x" end
function deliver() return delivery { put { "http://x/" }, chek = get { "http://x/" } } end'
wrong "p\.lua:2: put: token_file 'plc.token' is not an absolute path" 'function decide() return accept "x" end
function deliver() return put { "http://x/", token_file = "plc.token" } end'
printf 'function decide() return accept "x" end\nfunction deliver(a) if a.kind == "package" then return store "x" end end\n' >p.lua
expect_exit 0 causeway-sync policy check p.lua
expect_out 'answers all 7 sample questions'
wrong "p\.lua: function 'selftest' is never used: .*the program asks for decide, before" 'function decide() return accept "x" end
function selftest() end'
wrong "p\.lua: function 'restart' is never used" 'function decide() return accept "x" end
-- restart what was changed
function restart() return { run { "/usr/bin/systemctl", "restart", "plc" } } end'
wrong "p\.lua:2: function 'check' is local, so that nobody asks it: write function check, without 'local'" '-- check
local function check() return { run { "/x" } } end
function decide(set) return accept "check and" end
function deliver() return delivery { put { "http://x/" }, check = get { "http://x/" } } end'
wrong "p\.lua:1: function 'decide' is local" 'local function decide() return accept "x" end'
printf 'function decide() return accept "x" end\nfunction restart() end\nfunction check() return restart() end\n' >p.lua
expect_exit 0 causeway-sync policy check p.lua
printf 'local function check(set) return accept "x" end\nfunction decide(set) return check(set) end\n' >p.lua
expect_exit 0 causeway-sync policy check p.lua
printf 'local function stage() return {} end\nfunction decide(set) return accept "x" end\nundo = stage\n' >p.lua
expect_exit 0 causeway-sync policy check p.lua
expect_exit 1 causeway-sync policy check no-such-file.lua
expect_err 'no-such-file\.lua'
expect_exit 2 causeway-sync policy chekc p.lua

mkdir specs
printf 'function decide() return accept "fine" end\n' >specs/p.lua
printf 'policy "p.lua"\ncase "a" { releases = { { product = "x", version = "1.0.0" } }, expect = { verdict = "hold" } }\n' \
    >specs/p_spec.lua
expect_exit 1 causeway-sync policy test specs
expect_out "FAILED p_spec\.lua:2: a: verdict: expected 'hold', got 'accept'"
expect_exit 1 causeway-sync policy test --json specs
expect_out '"ok": false'
# bad PATTERN SPEC: a spec that is wrong itself.
bad() {
    printf '%s\n' "$2" >specs/p_spec.lua
    expect_exit 1 causeway-sync policy test specs
    expect_err "$1"
}
bad "p_spec\.lua:2: .*unknown field 'nwo'" 'policy "p.lua"
case "a" { nwo = "x", releases = { { product = "x", version = "1.0.0" } }, expect = { ready = true } }'
bad "p_spec\.lua:2: .*expects nothing" 'policy "p.lua"
case "a" { releases = { { product = "x", version = "1.0.0" } } }'
bad "p_spec\.lua:1: policy: expected a file" 'policy(5)'
bad 'names no policy, or has no case' 'policy "p.lua"'
bad "p_spec\.lua:2: there is no variable 'alice'; texts have quotes, as in \"alice\"" 'policy "p.lua"
case "a" { approved = { alice }, releases = { { product = "x", version = "1.0.0" } }, expect = { ready = true } }'
bad "p_spec\.lua:2: installed: 'y': '3' is not a version" 'policy "p.lua"
case "a" { installed = { y = "3" }, releases = { { product = "x", version = "1.0.0" } }, expect = { ready = true } }'
bad "'grave' is no severity" 'policy "p.lua"
case "a" { releases = { { product = "x", version = "1.0.0", severity = "grave" } }, expect = { ready = true } }'
rm specs/p_spec.lua
expect_exit 1 causeway-sync policy test specs
expect_err "has no \*_spec\.lua"

# What another vendor's products are at the site.
cat >specs/p.lua <<'LUA'
function decide(set, site)
  local gateway = site.installed.gateway
  if not gateway or not satisfies(gateway, ">=3.0.0") then return hold("the gateway is " .. (gateway or "missing")) end
  return accept "it goes with this gateway"
end
LUA
cat >specs/p_spec.lua <<'LUA'
policy "p.lua"
case "too old" { installed = { gateway = "2.9.0" }, releases = { { product = "plc", version = "1.0.0" } },
  expect = { verdict = "hold", reason = "the gateway is 2.9.0" } }
case "new enough" { installed = { gateway = "3.0.0" }, releases = { { product = "plc", version = "1.0.0", from = "0.9.0" } },
  expect = { ready = true } }
case "none" { releases = { { product = "plc", version = "1.0.0" } }, expect = { reason = "the gateway is missing" } }
LUA
expect_exit 0 causeway-sync policy test specs
expect_out '^3 passed, 0 failed$'

make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site
sync -q pull
cat >site/policy.lua <<'LUA'
rule("dates", function() return accept { reason = "later", not_before = "2099-01-01T00:00:00Z" } end)
rule("silent", function() end)
function decide() return accept "why not" end
LUA
expect_exit 0 sync policy why gateway
expect_out '^gateway \(new\) -> 1\.0\.0, decided with its set$'
expect_out '^  dates: accept: later \(policy\.lua:1\)$'
expect_out '^    waits: not before 2099-01-01T00:00:00Z$'
expect_out '^  silent: no say$'
expect_out '^  decide: accept: why not \(policy\.lua:3\)$'
expect_out '^together: .*not before 2099'
cat >>site/policy.lua <<'LUA'
function stage(r) return { run { r.dir .. "/bin/selftest", user = "plant" } } end
LUA
expect_exit 0 sync policy why gateway
expect_out '^    stage: .*/releases/gateway/1\.0\.0/any/bin/selftest \(as plant\)$'
expect_exit 0 sync policy why --json gateway
expect_out '"rule": "silent"'
expect_exit 1 sync policy why no-such-product
expect_err "'no-such-product' is neither installed"
default_policy
sync -q apply
expect_exit 0 sync policy why gateway
expect_out 'nothing to decide: gateway 1\.0\.0 runs'

# More specs than anybody writes.
mkdir many
(cd many && seq 1001 | sed 's/$/_spec.lua/' | xargs touch)
expect_exit 1 causeway-sync policy test many
expect_err "'many' has more than 1000 \*_spec.lua"

done_testing
