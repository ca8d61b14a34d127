# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# For tests against TUF clients written by others; use after tests/cli/lib.sh.
#
#   need_tufjs              makes tuf-js ready (kept in the build folder), or skips the whole test, saying why
#   tufjs ROOT URL DIR T... a fresh tuf-js client that trusts ROOT fetches targets T... from the tree at URL into DIR
#   need_sigstore           the same for the signer of Sigstore's npm packages
#   sigstore_sign KEY TYPE FILE   prints the bundle that it makes of a payload, signed with a key in PEM

TUFJS_VERSION=3.1.0
SIGSTORE_VERSION=3.1.0

# need_npm PACKAGE VERSION: installs it into $npm_dir, or skips the whole test. Tests that run side by side may do so at once: each
# installs into a folder of its own, and the first one whose folder is complete gives it the name.
need_npm() {
    npm_dir=$CW_BUILDDIR/tests/interop/$(basename "$1")-$2
    npm_new=$npm_dir.new-$$
    command -v node >/dev/null || skip_all "$1 needs node (nodejs)"
    [ ! -d "$npm_dir" ] || return 0
    command -v npm >/dev/null || skip_all "$1 is installed by npm, which is not here"
    mkdir -p "$npm_new" && echo '{"private": true}' >"$npm_new/package.json"
    npm --prefix "$npm_new" install --ignore-scripts --no-audit --no-fund --no-package-lock \
        "$1@$2" >"$TEST_DIR/npm.log" 2>&1 || {
        diag "$(tail -n 5 "$TEST_DIR/npm.log")"
        rm -rf "$npm_new"
        skip_all "npm could not install $1 $2"
    }
    mv -T "$npm_new" "$npm_dir" 2>/dev/null || rm -rf "$npm_new"
}

# One process answers for all clients of a test: loading the packages takes longer than most of what they are asked.
need_tufjs() {
    need_npm tuf-js "$TUFJS_VERSION"
    mkfifo "$tap_dir/tufjs.ask" "$tap_dir/tufjs.answer"
    TUFJS_DIR=$npm_dir node "$CW_SRCDIR/tests/interop/tufjs.js" <"$tap_dir/tufjs.ask" >"$tap_dir/tufjs.answer" &
    tap_children="$tap_children $!"
    exec 8>"$tap_dir/tufjs.ask" 9<"$tap_dir/tufjs.answer"
}

need_sigstore() {
    need_npm @sigstore/sign "$SIGSTORE_VERSION"
    export SIGSTORE_DIR="$npm_dir"
}

tufjs() {
    (IFS='	' && printf '%s\n' "$*") >&8
    while read -r tufjs_kind tufjs_text <&9; do
        case $tufjs_kind in
        out) echo "$tufjs_text" ;;
        err) echo "$tufjs_text" >&2 ;;
        exit) return "$tufjs_text" ;;
        esac
    done
    echo 'tuf-js ended' >&2
    return 99
}

sigstore_sign() {
    node "$CW_SRCDIR/tests/interop/sigstore.js" "$@"
}
