#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2034,SC2317 # functions and commands that fault_rows calls
# Mending a mirror under faults: each of its files is as it was or right, whatever was tried out in its place, and the next run mends
# the rest.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
FAULT_FAILS=${FAULT_FAILS-change:ENOSPC+ rename:EIO}
FAULT_KILLS=${FAULT_KILLS-keep lost}
CW_FAULT_MAX=${CW_FAULT_MAX:-6}
CW_FAULT_EVERY=1
. "$CW_SRCDIR/tests/fault/lib.sh"

{
    publisher_init
    publisher_release gateway 1.0.0
    publisher_publish
    site_init site
    causeway-sync -C site pull repo/tree
    publisher_release gateway 1.1.0
    publisher_publish
    causeway-sync -C site pull repo/tree
    cp -a site damaged
} >made.out 2>&1
tree=$PWD/repo/tree
good=$PWD/site/upstreams/acme/mirror

# Of the older snapshot the site trusts no copy: the newer one is tried in its place first, and is wrong there.
bad="$(cd "$good" && echo metadata/*.snapshot.json) metadata/timestamp.json"
expect 'there are two snapshots to damage' test "$(echo "$bad" | wc -w)" -eq 3
for file in $bad; do
    printf damaged >"damaged/upstreams/acme/mirror/$file"
done

setup() {
    cp -a damaged "$1/site"
}

check() {
    check_right=0
    for file in $(cd "$good" && find metadata -type f); do
        if cmp -s "$good/$file" "$1/site/upstreams/acme/mirror/$file"; then
            check_right=$((check_right + 1))
        elif [ "$(cat "$1/site/upstreams/acme/mirror/$file")" != damaged ]; then
            echo "$file is neither what it was nor right"
            return
        fi
    done
    if [ "$check_right" -eq "$(find "$good/metadata" -type f | wc -l)" ]; then echo new; else echo old; fi
}

fault_rows repair setup 'causeway-sync -C "$ROOT/site" verify --repair-from "$tree"' check

done_testing
