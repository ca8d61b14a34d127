#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2317 # functions that fault_rows calls
# The fault harness proves itself on programs with known faults: it lets the right one pass, and catches each wrong one
# by the fault that it is wrong about; as root and as an ordinary user, with a child that is confined.

. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
CW_FAULT_MAX=8
CW_FAULT_EVERY=1
. "$CW_SRCDIR/tests/fault/lib.sh"

# shellcheck disable=SC2034 # used in commands
victim=$CW_BUILDDIR/tests/fault/victim

setup() {
    echo before >"$1/file"
}

check() {
    case $(cat "$1/file") in
    before) echo old ;;
    after) echo new ;;
    *) cat "$1/file" ;;
    esac
}

# Runs rows apart and keeps their TAP, since some are meant to fail.
rows() {
    (
        tap_count=0
        fault_rows "$@"
    ) >"$TEST_DIR/rows" 2>&1
}

passes() {
    rows "$1" setup "$2" check
    if grep -q '^ok .*kill lost' "$TEST_DIR/rows" && ! grep -q '^not ok' "$TEST_DIR/rows"; then
        ok "$1: passes"
        grep '^# .* changes' "$TEST_DIR/rows"
    else
        not_ok "$1: passes"
        sed 's/^/# /' "$TEST_DIR/rows"
    fi
}

# caught HOW FAULTS: the rows that fail for 'victim HOW' are just these.
caught() {
    rows "$1" setup "\"\$victim\" $1 \"\$ROOT/file\" after" check
    found=$(sed -n "s/^not ok [0-9]* - $1: //p" "$TEST_DIR/rows" | sort | tr '\n' ',')
    if [ "$found" = "$2" ]; then
        ok "$1: caught by $2"
    else
        not_ok "$1: caught by $2"
        diag "caught by: $found"
        sed 's/^/# /' "$TEST_DIR/rows"
    fi
}

FAULT_KILLS='keep keep:half lost torn zero'
# shellcheck disable=SC2016 # expanded by fault_rows
{
    passes good '"$victim" good "$ROOT/file" after'
    passes jail '"$victim" jail "$ROOT/file" after'
}
caught no-sync 'kill lost,kill torn,kill zero,'
caught no-dir-sync 'kill lost,'
caught no-rename 'change:ENOSPC+,kill keep,kill keep:half,kill torn,kill zero,write:EIO,'
caught child 'change:ENOSPC+,kill keep,kill keep:half,kill torn,kill zero,write:EIO,'
caught no-check 'change:ENOSPC+,create:ENOSPC,rename:EIO,sync:EIO,write:EIO,'

# snapshot FOLDER: names, kinds, modes, links and contents.
snapshot() {
    (cd "$1" && find . -printf '%p %y %m %n %l\n' && find . -type f -exec sha256sum {} +) | sort
}

# mess N SEED [sync]: prints how the folder differs from before, after a crash at change N.
mess() {
    mess_at=$1
    shift
    rm -rf mess && mkdir mess && python3 "$mess_py" make mess
    snapshot mess >mess-before
    "$fault_tool" kill "$mess_at" lost mess -- python3 "$mess_py" mess mess "$@" >mess-log 2>&1
    snapshot mess | diff mess-before - >mess-diff
}

# all_mess N: nothing of any mess survives a crash at change N. The later seeds make a file over a dangling
# link, and folders in place of removed ones, whose numbers a filesystem gives out again as it likes.
all_mess() {
    for seed in 1 2 3 46 70 141 151 294; do
        mess "$1" "$seed" || {
            diag "seed $seed: $(head -n 10 mess-diff)"
            return 1
        }
    done
}

mess_py=$CW_SRCDIR/tests/fault/mess.py
if command -v python3 >/dev/null; then
    expect 'all that was not synced is undone' all_mess end
    expect 'after a crash in the middle too' all_mess 20
    mess end 1 sync
    snapshot mess >mess-crashed
    rm -rf mess && mkdir mess && python3 "$mess_py" make mess && python3 "$mess_py" mess mess 1
    snapshot mess >mess-whole
    expect 'what was synced is kept' cmp mess-crashed mess-whole
else
    skip 'all that was not synced is undone' 'python3 is not installed'
fi

if [ "$(id -u)" -ne 0 ]; then
    skip 'as an ordinary user' 'this is one already'
elif ! command -v setpriv >/dev/null; then
    skip 'as an ordinary user' 'setpriv is not installed'
else
    # The whole harness with the rights of nobody, in a folder that nobody owns.
    mkdir "$TEST_DIR/nobody" && chown nobody "$TEST_DIR/nobody" && chmod 755 "$TEST_DIR"
    cp "$fault_tool" "$(dirname "$fault_tool")/cw-fault-shim.so" "$victim" "$TEST_DIR/"
    ordinary() {
        fault_tool="setpriv_tool"
        victim=$TEST_DIR/victim
    }
    setpriv_tool() {
        setpriv --reuid nobody --clear-groups "$TEST_DIR/cw-fault" "$@"
    }
    # shellcheck disable=SC2016
    (
        ordinary
        fault_dir=$TEST_DIR/nobody
        setup() {
            echo before >"$1/file"
            chown -R nobody "$1"
        }
        passes 'jail, as nobody' '"$victim" jail "$ROOT/file" after' | sed 's/^ok [0-9]*/ok/'
    ) >"$TEST_DIR/out-nobody"
    if grep -q '^ok' "$TEST_DIR/out-nobody"; then
        ok 'as an ordinary user'
    else
        not_ok 'as an ordinary user'
        cat "$TEST_DIR/out-nobody"
    fi
fi

done_testing
