#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2119,SC2317 # strings and functions that fault_rows expands and calls
# backup and restore under faults: a backup is whole or not there, a restored site is whole or not there.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"
# shellcheck disable=SC2034 # for the harness
FAULT_PROGRAM=causeway-sync
FAULT_EXITS='1 5'
. "$CW_SRCDIR/tests/fault/lib.sh"

here=$PWD
make_repo
make_build gateway 1.0.0
ship gateway 1.0.0
make_site
if ! sync -q pull || ! sync -q backup "$here/kept.backup"; then
    echo 'Bail out! the site cannot be set up'
    exit 1
fi

setup_backup() {
    cp -a site "$1/site"
    rm -rf "$1/site/upstreams/acme/mirror"
}

# A backup that is there can be restored, whatever happened while it was made.
check_backup() { # FOLDER [OPTION...]: with what restore needs
    [ -e "$1/new.backup" ] || {
        echo old
        return
    }
    check_file=$1/new.backup
    shift
    rm -rf copy
    if causeway-sync restore "$check_file" copy "$@" >check.out 2>&1; then
        echo new
    else
        cat check.out
    fi
}

fault_rows backup setup_backup 'causeway-sync -C "$ROOT/site" backup "$ROOT/new.backup"' check_backup

# Under a passphrase.
printf 'battery staple\n' >pass

check_locked() {
    if [ -e "$1/new.backup" ] && ! head -n 1 "$1/new.backup" | grep -aq '"causeway-locked"'; then
        echo 'it is not encrypted'
    else
        check_backup "$1" --passphrase-file pass
    fi
}

fault_rows 'backup under a passphrase' setup_backup \
    'causeway-sync -C "$ROOT/site" backup "$ROOT/new.backup" --encrypt --passphrase-file "$here/pass"' check_locked

setup_restore() {
    :
}

check_restore() {
    if [ ! -e "$1/site" ]; then
        echo old
    elif causeway-sync -C "$1/site" log >check.out 2>&1 && grep -q restore check.out &&
        causeway-sync -C "$1/site" status >check.out 2>&1 && ! grep -q '^problem' check.out &&
        [ "$(find "$1/site/upstreams/acme/trust" -type f | wc -l)" -eq "$(find site/upstreams/acme/trust -type f | wc -l)" ]; then
        echo new
    else
        cat check.out
    fi
}

# Once it is there, saying it again is refused, and nothing was lost.
again_restore() {
    [ -e "$ROOT/site" ] || causeway-sync restore "$here/kept.backup" "$ROOT/site"
}

fault_rows restore setup_restore 'causeway-sync restore "$here/kept.backup" "$ROOT/site"' check_restore again_restore

done_testing
