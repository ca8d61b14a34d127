# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# shellcheck disable=SC2317 # functions of which a test uses some
# For tests of causeway-sync tuf, after tests/cli/lib.sh: a simulated repository (tests/server/tufsim.py) in $repo, served.
#
#   sim <<'PY'                statements for the simulator; a broken one ends the test
#   new_repo NAME             begins another repository, and a client in the folder NAME.client that trusts its first root
#   tuf WORD...               runs the client's verb with its folders and URLs
#   refreshes, refuses [PATTERN]    one result: the refresh succeeds, or exits with 1 saying PATTERN
#   gets T..., refuses_target T [PATTERN]    the same for downloads
#   asked                     prints what was asked for since the last refresh or download, in order, in one line
#   holds ROLE VERSION        one result: the client trusts that version
#   expect_asked WORDS        one result: exactly that was asked for, in this order
#   expect_asked_all WORDS    the same in any order

. "$CW_SRCDIR/tests/server/lib.sh"

sim() {
    python3 "$CW_SRCDIR/tests/server/tufsim.py" "$CW_BUILDDIR/tests/server/tuf-sign" "$repo" >&2 || {
        echo 'Bail out! the simulator failed'
        exit 1
    }
}

new_repo() {
    repo=$TEST_DIR/$1
    client=$TEST_DIR/$1.client
    sim </dev/null
    server_start "$repo"
    server_rules ''
    run causeway-sync tuf --metadata-dir "$client/metadata" init "$repo/metadata/1.root.json"
    [ "$code" -eq 0 ] || not_ok "init"
    mkdir -p "$client/targets"
}

tuf() {
    causeway-sync tuf --metadata-url "$(server_url metadata)" --metadata-dir "$client/metadata" "$@"
}

# The log begins anew; rules stay as they are.
forget_requests() {
    : >"$server_dir/log"
}

asked() {
    server_log | sed -n 's/.*"path": "\([^"]*\)".*/\1/p' | sed 's,^/,,' | tr '\n' ' ' | sed 's/ $//'
}

expect_asked() {
    if [ "$(asked)" = "$*" ]; then
        ok "asked for: $*"
    else
        not_ok "asked for: $*"
        diag "but it was: $(asked)"
    fi
}

expect_asked_all() {
    if [ "$(asked | tr ' ' '\n' | sort)" = "$(printf '%s\n' "$@" | sort)" ]; then
        ok "asked for, in any order: $*"
    else
        not_ok "asked for, in any order: $*"
        diag "but it was: $(asked)"
    fi
}

refreshes() {
    forget_requests
    expect_exit 0 tuf refresh
}

refuses() {
    forget_requests
    expect_exit 1 tuf refresh
    expect_err "${1:-.}"
}

download() {
    for name in "$@"; do
        shift
        set -- "$@" --target-name "$name"
    done
    tuf "$@" --target-dir "$client/targets" --target-base-url "$(server_url targets)" download
}

gets() {
    forget_requests
    expect_exit 0 download "$@"
}

refuses_target() {
    forget_requests
    expect_exit 1 download "$1"
    expect_err "${2:-.}"
}

trusts() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["signed"]["version"])' \
        "$client/metadata/$1.json" 2>/dev/null || echo none
}

holds() {
    if [ "$(trusts "$1")" = "$2" ]; then
        ok "trusts $1 version $2"
    else
        not_ok "trusts $1 version $2"
        diag "but it is: $(trusts "$1")"
    fi
}
