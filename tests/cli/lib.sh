# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# TAP for shell tests of the commands. A test begins with
#
#   #!/bin/sh
#   . "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
#
# is executable, and ends with done_testing. It starts in an empty folder of its own ($TEST_DIR), which
# goes away at the end (KEEP=1 keeps it), with the programs just built first in PATH. By hand, run it
# from the build folder, or set CW_BUILDDIR.
#
#   ok NAME / not_ok NAME          report one result
#   skip NAME REASON               report one test as skipped
#   skip_all REASON                ends the test: nothing of it can run here
#   diag TEXT...                   a remark in the log
#   run CMD...                     runs CMD; its exit code in $code, its output in $out and $err (files)
#   expect_exit N CMD...           runs CMD and reports whether it exits with N
#   expect_out PATTERN             the last command's stdout has a line that matches (grep -E)
#   expect_err PATTERN             the same for stderr
#   refute_out, refute_err PATTERN no line matches
#   expect NAME CMD...             reports NAME by CMD's success: expect 'is a file' test -f x
#   background CMD...              starts CMD, stopped at the end; its process id in $!
#   can_make_terminal              whether script(1) is there and gets a terminal (in some containers it does not)
#   done_testing                   the plan; the last line of a test
#
# A command that a sanitizer stopped (it exits 99) fails whatever was expected.

CW_SRCDIR=${CW_SRCDIR:?'set CW_SRCDIR to the source folder'}
CW_BUILDDIR=${CW_BUILDDIR:-$(pwd)}
PATH=$CW_BUILDDIR:$CW_BUILDDIR/tests/tools:$PATH
LC_ALL=C.UTF-8
export CW_SRCDIR CW_BUILDDIR PATH LC_ALL
unset CAUSEWAY_REPO CAUSEWAY_SITE SOURCE_DATE_EPOCH

TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/causeway-test.XXXXXX") || exit 99
tap_dir=$(mktemp -d "${TMPDIR:-/tmp}/causeway-tap.XXXXXX") || exit 99
export TEST_DIR
out=$tap_dir/out
err=$tap_dir/err
code=0
tap_count=0
tap_ran='(nothing)'
tap_children=
tap_done=

tap_end() {
    tap_status=$?
    for tap_child in $tap_children; do
        kill "$tap_child" 2>/dev/null
    done
    cd /
    rm -rf "$tap_dir"
    if [ -n "${KEEP:-}" ]; then
        echo "# kept: $TEST_DIR"
    else
        chmod -R u+w "$TEST_DIR" 2>/dev/null
        rm -rf "$TEST_DIR"
    fi
    if [ -z "$tap_done" ]; then
        echo "Bail out! the test ended before done_testing, with $tap_status"
        exit 1
    fi
}
trap tap_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$TEST_DIR" || exit 99

diag() {
    printf '%s\n' "$*" | sed 's/^/# /'
}

# A '#' in a name would begin a TAP directive.
tap_name() {
    printf '%s' "$*" | tr '\n#' ' _'
}

ok() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $(tap_name "$*")"
}

not_ok() {
    tap_count=$((tap_count + 1))
    echo "not ok $tap_count - $(tap_name "$*")"
    return 0
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $(tap_name "$1") # SKIP $2"
}

skip_all() {
    echo "1..0 # SKIP $*"
    tap_done=1
    exit 0
}

can_make_terminal() {
    script -qec true /dev/null </dev/null >/dev/null 2>&1
}

done_testing() {
    echo "1..$tap_count"
    tap_done=1
    exit 0
}

tap_show_run() {
    diag "command: $tap_ran"
    diag "exit code: $code"
    head -n 30 "$out" | sed 's/^/# out: /'
    head -n 30 "$err" | sed 's/^/# err: /'
}

run() {
    tap_ran=$*
    code=0
    "$@" >"$out" 2>"$err" </dev/null || code=$?
}

expect_exit() {
    tap_wanted=$1
    shift
    run "$@"
    if [ "$code" -eq "$tap_wanted" ] && [ "$code" -ne 99 ]; then
        ok "$* exits with $tap_wanted"
    else
        not_ok "$* exits with $tap_wanted"
        tap_show_run
    fi
}

# tap_match FILE WORD PATTERN WANTED-STATUS
tap_match() {
    tap_status=0
    grep -Eq -e "$3" "$1" || tap_status=1
    if [ "$tap_status" -eq "$4" ]; then
        ok "$2 '$3'"
    else
        not_ok "$2 '$3'"
        tap_show_run
    fi
}

expect_out() {
    tap_match "$out" "stdout has" "$1" 0
}

expect_err() {
    tap_match "$err" "stderr has" "$1" 0
}

refute_out() {
    tap_match "$out" "stdout lacks" "$1" 1
}

refute_err() {
    tap_match "$err" "stderr lacks" "$1" 1
}

expect() {
    tap_what=$1
    shift
    if "$@"; then
        ok "$tap_what"
    else
        not_ok "$tap_what"
        diag "failed: $*"
    fi
}

background() {
    "$@" &
    tap_children="$tap_children $!"
}
