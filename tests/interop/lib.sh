# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# For tests against TUF clients written by others; use after tests/cli/lib.sh.
#
#   need_tufjs              makes tuf-js ready (kept in the build folder), or skips the whole test, saying why
#   tufjs ROOT URL DIR T... a fresh tuf-js client that trusts ROOT fetches targets T... from the tree at URL into DIR

TUFJS_VERSION=3.1.0

need_tufjs() {
    tufjs_dir=$CW_BUILDDIR/tests/interop/tuf-js-$TUFJS_VERSION
    command -v node >/dev/null || skip_all "tuf-js needs node (nodejs)"
    if [ ! -d "$tufjs_dir/node_modules/tuf-js" ]; then
        command -v npm >/dev/null || skip_all "tuf-js is installed by npm, which is not here"
        mkdir -p "$tufjs_dir" && echo '{"private": true}' >"$tufjs_dir/package.json"
        npm --prefix "$tufjs_dir" install --ignore-scripts --no-audit --no-fund --no-package-lock \
            "tuf-js@$TUFJS_VERSION" >"$TEST_DIR/npm.log" 2>&1 || {
            diag "$(tail -n 5 "$TEST_DIR/npm.log")"
            rm -rf "$tufjs_dir"
            skip_all "npm could not install tuf-js $TUFJS_VERSION"
        }
    fi
    export TUFJS_DIR="$tufjs_dir"
}

tufjs() {
    node "$CW_SRCDIR/tests/interop/tufjs.js" "$@"
}
