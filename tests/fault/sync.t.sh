#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2317 # strings and functions that fault_rows expands and calls
# causeway-sync under every fault: what runs is the old generation or the new one, whole, and the next command recovers by itself.
# Pulling from a folder and exporting are in sync-pull.t.sh.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-sync
# 5: too many processes, for now.
FAULT_EXITS='1 5'
. "$CW_SRCDIR/tests/fault/lib.sh"

here=$PWD
# Site and install root lie together beneath the folder that is faulted, always at the same place.
ROOT=$fault_dir/root
export ROOT
sync_at() {
    causeway-sync -C "$ROOT/site" "$@"
}

wrong() {
    echo "$1: $(tr '\n' ' ' <"$here/check.out")"
}

# What `current` leads to, so that a file more, less or different shows.
listing() {
    # shellcheck disable=SC2015
    cd -P "$1/current" 2>/dev/null && find -L . -mindepth 1 ! -name .generation.json -printf '%p %y %m\n' | sort &&
        find -L . -type f ! -name .generation.json -exec sha256sum {} + | sort -k2 || echo nothing
}

# keep NAME: remembers the faulted folder as a state to start from, and what runs in it.
keep() {
    cp -a "$ROOT" "$here/$1"
    (listing "$ROOT/plant") >"$here/$1.listing"
}

setup_from() {
    cp -a "$here/$2/." "$1/"
}

# Which of the kept states runs; the history's chain must hold.
running() {
    if ! causeway-sync -C "$1/site" log >"$here/check.out" 2>&1; then
        wrong log
        return
    fi
    (listing "$1/plant") >"$here/now.listing"
    for kept in first one two three; do
        cmp -s "$here/now.listing" "$here/$kept.listing" && echo "$kept" && return
    done
    echo "what runs is neither: $(diff "$here/now.listing" "$here/one.listing" | head -n 3 | tr '\n' ' ')"
}

holds() {
    causeway-sync -C "$1/site" status 2>&1 | grep -c '^hold '
}

# Nothing is under way and nothing was left lying about.
settled() {
    [ ! -e "$1/site/journal.json" ] && [ -z "$(find "$1/site" "$1/plant" -name '.tmp-*')" ]
}

# --- the states to start from -------------------------------------------------------------------------

make_repo
make_build gateway 1.0.0
make_build gateway 1.1.0
make_build gateway 1.2.0
SELFTEST='exit 3' make_build gateway 1.3.0
echo 'setpoint = 7' >table.cfg
ship gateway 1.0.0
ship tables 1.0.0 table.cfg file
fingerprint=$(sha256sum repo/tree/metadata/1.root.json | cut -d' ' -f1)
mkdir -p "$ROOT"
make_site_here() {
    causeway-sync init --root "$here/repo/tree/metadata/1.root.json" --fingerprint "$fingerprint" --upstream acme \
        --source "$here/repo/tree" --channel stable --install "$ROOT/plant" --site plant-7 "$ROOT/site"
}
{
    make_site_here
    cat >"$ROOT/site/policy.lua" <<'POLICY'
function decide(set, site)
  return accept "tests take all"
end

function check(release)
  if release.product == "gateway" then
    return { run { release.dir .. "/bin/selftest", timeout = "5s" } }
  end
  return {}
end
POLICY
    keep empty
    sync_at pull && keep first
    sync_at export "$here/stick-1"
    sync_at apply && keep one
    ship gateway 1.1.0
    sync_at pull && keep before-two
    sync_at export "$here/stick-2"
    sync_at apply && keep two
    ship gateway 1.2.0
    sync_at pull && sync_at apply && keep three
    ship gateway 1.3.0
    sync_at pull && keep before-bad
} >setup.out 2>&1
if [ "$(running "$ROOT")" != three ]; then
    cat setup.out
    echo 'Bail out! the site cannot be set up'
    exit 1
fi

# --- init ---------------------------------------------------------------------------------------------

setup_init() {
    :
}

# A site is there when it can be pulled into.
check_init() {
    rm -rf "$here/copy"
    if [ ! -e "$1/site/site.lua" ]; then
        echo old
    elif [ ! -e "$1/site/policy.lua" ]; then
        echo 'a site without a policy'
    elif cp -a "$1/site" "$here/copy" && causeway-sync -C "$here/copy" pull >"$here/check.out" 2>&1; then
        echo new
    elif grep -q 'nothing is trusted' "$here/check.out"; then
        echo old
    else
        wrong pull
    fi
}

fault_rows init setup_init \
    'causeway-sync init --root "$here/repo/tree/metadata/1.root.json" --fingerprint "$fingerprint" --upstream acme \
    --source "$here/repo/tree" --channel stable --install "$ROOT/plant" --site plant-7 "$ROOT/site"' check_init

# --- pull from a bundle -------------------------------------------------------------------------------

setup_pull() {
    setup_from "$1" one
}

serial() {
    causeway-sync -C "$1" --json status 2>/dev/null | sed -n 's/.*"serial": \([0-9]*\).*/\1/p' | head -n 1
}

# What the site says it holds verifies whole.
check_pull() {
    if ! causeway-sync -C "$1/site" verify >"$here/check.out" 2>&1; then
        wrong verify
        return
    fi
    case $(serial "$1/site") in
    2) echo old ;;
    3) echo new ;;
    *) echo "the site has serial '$(serial "$1/site")'" ;;
    esac
}

fault_rows 'pull a bundle' setup_pull 'causeway-sync -C "$ROOT/site" pull "$here/stick-2"' check_pull

# --- apply --------------------------------------------------------------------------------------------

setup_install() {
    setup_from "$1" first
}

check_install() {
    running "$1" | sed 's/^first$/old/; s/^one$/new/'
}

# Between the switch and the end of its checks a new generation is on trial. If the machine stops there, the next run goes back to
# the old one and holds what was left, since the checks may be what stopped it: then a person lets go, and it is applied.
again_apply() {
    again_code=0
    sync_at apply || again_code=$?
    if [ "$again_code" -eq 6 ]; then
        [ "$(running "$ROOT")" = "$again_before" ] || return
        [ "$(holds "$ROOT")" -eq 1 ] || return
        sync_at unhold --all && sync_at apply || return
    elif [ "$again_code" -ne 0 ]; then
        return "$again_code"
    fi
    settled "$ROOT"
}

again_before=first
FAULT_EXITS='1 5 9'
fault_rows install setup_install 'causeway-sync -C "$ROOT/site" apply' check_install again_apply

setup_upgrade() {
    setup_from "$1" before-two
}

check_upgrade() {
    running "$1" | sed 's/^one$/old/; s/^two$/new/'
}

again_before=one
fault_rows upgrade setup_upgrade 'causeway-sync -C "$ROOT/site" apply' check_upgrade again_apply

# --- adopting what was installed by hand ---------------------------------------------------------------

mkdir hand && tar -C hand -xf out/gateway-1.0.0.tar
setup_adopt() {
    setup_from "$1" first
}

check_adopt() {
    case $(running "$1"):$([ -d "$1/plant/current/gateway" ] && diff -r "$1/plant/current/gateway" "$here/hand" >/dev/null && echo same) in
    first:*) echo old ;;
    *:same) [ ! -e "$1/plant/current/tables" ] && echo new ;;
    *) running "$1" ;;
    esac
}

again_adopt() {
    sync_at adopt gateway "$here/hand" && settled "$ROOT"
}

FAULT_EXITS='1 3 5 9'
fault_rows adopt setup_adopt 'causeway-sync -C "$ROOT/site" adopt gateway "$here/hand"' check_adopt again_adopt
FAULT_EXITS='1 5 9'

# --- an apply whose check fails -----------------------------------------------------------------------

setup_bad() {
    setup_from "$1" before-bad
}

# The new generation runs only while it is on trial.
check_bad() {
    case $(running "$1"):$(holds "$1") in
    three:1) echo new ;;
    three:0 | what*:0) echo old ;;
    what*:1) [ -e "$1/site/journal.json" ] && echo old || echo 'held, but it runs' ;;
    *) running "$1" ;;
    esac
}

cat >bad-apply <<'SH'
#!/bin/sh
# Turns the expected failure into success.
causeway-sync -C "$ROOT/site" apply
code=$?
[ "$code" -eq 9 ] && exit 0
exit "$code"
SH
chmod +x bad-apply

again_bad() {
    again_code=0
    sync_at apply || again_code=$?
    case $again_code in
    6 | 9) settled "$ROOT" ;;
    *) return 1 ;;
    esac
}

FAULT_EXITS='1 5'
fault_plain_tool=$fault_tool
fault_tool=only_sync
only_sync() {
    "$fault_plain_tool" --only causeway-sync "$@"
}
fault_rows 'apply that fails its check' setup_bad '"$here/bad-apply"' check_bad again_bad
fault_tool=$fault_plain_tool

# --- rollback -----------------------------------------------------------------------------------------

setup_rollback() {
    setup_from "$1" three
}

check_rollback() {
    case $(running "$1"):$(holds "$1") in
    three:0 | three:1) echo old ;;
    two:0) [ -e "$1/site/journal.json" ] && echo new || echo 'rolled back without a hold' ;;
    two:1) echo new ;;
    *) echo "$(running "$1"), $(holds "$1") holds" ;;
    esac
}

# Said again after it was interrupted, it is the same rollback; after it was done, one more.
again_rollback() {
    if [ "$(running "$ROOT")" = two ] && [ ! -e "$ROOT/site/journal.json" ]; then
        :
    else
        sync_at rollback || return
    fi
    settled "$ROOT" && [ "$(holds "$ROOT")" -eq 1 ]
}

fault_rows rollback setup_rollback 'causeway-sync -C "$ROOT/site" rollback' check_rollback again_rollback

# --- hold ---------------------------------------------------------------------------------------------

setup_hold() {
    setup_from "$1" one
}

check_hold() {
    if [ "$(running "$1")" != one ]; then
        running "$1"
        return
    fi
    case $(holds "$1") in
    0) echo old ;;
    1) echo new ;;
    *) causeway-sync -C "$1/site" status 2>&1 ;;
    esac
}

fault_rows hold setup_hold 'causeway-sync -C "$ROOT/site" hold gateway 1.1.0' check_hold

# --- approve, and apply of the approved plan ----------------------------------------------------------

{
    rm -rf "$ROOT" && mkdir "$ROOT" && cp -a before-two/. "$ROOT/"
    causeway-sync key new --insecure-plain-keys alice
    cp alice.pub "$ROOT/site/keys/"
    cat >"$ROOT/site/site.lua" <<LUA
return {
  site = "plant-7",
  upstreams = { acme = { sources = { "$here/repo/tree" }, channel = "stable" } },
  install = { root = "$ROOT/plant" },
  approvers = { alice = "keys/alice.pub" },
}
LUA
    sed -i 's/accept "tests take all"/accept { approvals = 1 }/' "$ROOT/site/policy.lua"
    sync_at plan --out "$here/plan.json"
    keep to-approve
    plan=$(sed -n 's/^ "id": "\(.*\)",$/\1/p' plan.json)
    sync_at approve "$plan" --key "$here/alice" && keep approved
} >>setup.out 2>&1

setup_plan() {
    setup_from "$1" to-approve
}

# A plan's file is there whole or not at all: what is in it has its id.
check_plan() {
    if [ ! -e "$1/plan.json" ]; then
        echo old
    elif causeway-sync approve "$1/plan.json" --dry-run >"$here/check.out" 2>&1; then
        echo new
    else
        wrong 'plan.json'
    fi
}

fault_rows 'plan into a file' setup_plan 'causeway-sync -C "$ROOT/site" plan --out "$ROOT/plan.json"' check_plan

# Whatever lies in approvals/ counts or is not there; nothing of it is half.
check_approve() {
    causeway-sync -C "$1/site" status >"$here/check.out" 2>&1
    case $(grep -c '^approved ' "$here/check.out"):$(grep -c '^problem ' "$here/check.out") in
    0:0) echo old ;;
    1:0) echo new ;;
    *) wrong status ;;
    esac
}

fault_rows approve setup_plan 'causeway-sync -C "$ROOT/site" approve "$plan" --key "$here/alice"' check_approve

setup_approved() {
    setup_from "$1" approved
}

again_before=one
FAULT_EXITS='1 5 6 9' # an approval that cannot be read does not count, which a warning says
fault_rows 'apply an approved plan' setup_approved 'causeway-sync -C "$ROOT/site" apply "$here/plan.json"' check_upgrade again_apply
FAULT_EXITS='1 5'

# --- gc -----------------------------------------------------------------------------------------------

setup_gc() {
    setup_from "$1" three
}

# Whatever is gone, what runs and what a rollback goes to are whole, and so is each release that is there at all.
check_gc() {
    if [ "$(running "$1")" != three ] || ! causeway-sync -C "$1/site" verify >"$here/check.out" 2>&1; then
        wrong "$(running "$1"), verify"
        return
    fi
    for release in "$1"/plant/releases/*/*/*/; do
        case $release in
        */gateway/*) [ -x "$release/bin/tool" ] && [ -x "$release/bin/selftest" ] ;;
        *) [ -e "$release/table.cfg" ] ;;
        esac || {
            echo "half of $release"
            return
        }
    done
    [ -d "$1/plant/releases/gateway/1.1.0" ] || {
        echo 'nothing to roll back to'
        return
    }
    [ -d "$1/plant/releases/gateway/1.0.0/any" ] && echo old || echo new
}

again_gc() {
    sync_at gc && settled "$ROOT" && [ ! -d "$ROOT/plant/releases/gateway/1.0.0/any" ]
}

fault_rows gc setup_gc 'causeway-sync -C "$ROOT/site" gc' check_gc again_gc

done_testing
