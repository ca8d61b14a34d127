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

# need_npm PACKAGE VERSION: installs it into $npm_dir, or skips the whole test.
need_npm() {
    npm_dir=$CW_BUILDDIR/tests/interop/$(basename "$1")-$2
    command -v node >/dev/null || skip_all "$1 needs node (nodejs)"
    if [ ! -d "$npm_dir/node_modules/$1" ]; then
        command -v npm >/dev/null || skip_all "$1 is installed by npm, which is not here"
        mkdir -p "$npm_dir" && echo '{"private": true}' >"$npm_dir/package.json"
        npm --prefix "$npm_dir" install --ignore-scripts --no-audit --no-fund --no-package-lock \
            "$1@$2" >"$TEST_DIR/npm.log" 2>&1 || {
            diag "$(tail -n 5 "$TEST_DIR/npm.log")"
            rm -rf "$npm_dir"
            skip_all "npm could not install $1 $2"
        }
    fi
}

need_tufjs() {
    need_npm tuf-js "$TUFJS_VERSION"
    export TUFJS_DIR="$npm_dir"
}

need_sigstore() {
    need_npm @sigstore/sign "$SIGSTORE_VERSION"
    export SIGSTORE_DIR="$npm_dir"
}

tufjs() {
    node "$CW_SRCDIR/tests/interop/tufjs.js" "$@"
}

sigstore_sign() {
    node "$CW_SRCDIR/tests/interop/sigstore.js" "$@"
}
