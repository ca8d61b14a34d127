#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2317 # strings and functions that fault_rows expands and calls
# causeway-sync tuf under every fault: each trusted file is the old one or the new one, no target is there in part, a mirror is the one
# before or the next one, and the next run completes it.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"
# One for each of the faults that differ here.
. "$CW_SRCDIR/tests/fault/lib.sh"
if [ -z "${CW_FAULT_ALL:-}${CW_FAULT_CASE:-}" ]; then
    FAULT_FAILS='create:ENOSPC read:EIO write:SHORT change:ENOSPC+ sync:EIO alloc:ENOMEM'
    FAULT_KILLS='keep lost torn'
fi

here=$PWD

# A client and a mirror of the first state; then each of its roles, a key of the root and a target change.
new_repo origin
sim <<'PY'
r.file("targets", "same.txt")
r.file("targets", "f.txt", "the first")
r.delegate("targets", "a", paths=["a/*"])
r.file("a", "a/x.txt")
r.publish("targets", "a")
PY
origin_root=$repo/metadata/1.root.json
export origin_root
mirror_it() {
    causeway-sync tuf mirror --root "$origin_root" "$(server_url '')" "$1" >"$here/said" 2>&1
}
download f.txt same.txt a/x.txt >"$here/said" 2>&1
mirror_it mirror
mkdir old new
cp -a "$client/metadata" "$client/targets" mirror old/
sim <<'PY'
r.file("targets", "f.txt", "the second")
r.file("a", "a/y.txt")
r.top_keys("targets", "targets-2")
r.new_root()
r.publish("targets", "a")
PY
download f.txt a/y.txt >"$here/said" 2>&1
mirror_it mirror
cp -a "$client/metadata" "$client/targets" mirror new/
metadata_url=$(server_url metadata)
targets_url=$(server_url targets)
mirror_url=$(server_url '')
export metadata_url targets_url mirror_url

setup() {
    cp -a "$here/old/." "$1/"
}

# either FOLDER: is every file of it as it was or as it is to be, and none missing that was there? Temporary files are none.
either() {
    (cd "$here/old/$1" && find . -type f) | while read -r file; do
        [ -e "$2/$1/$file" ] || echo "$file is gone"
    done
    (cd "$2/$1" && find . -type f ! -name '.tmp-*' ! -path '*/.inbox/*') | while read -r file; do
        cmp -s "$2/$1/$file" "$here/old/$1/$file" || cmp -s "$2/$1/$file" "$here/new/$1/$file" || echo "$file is neither"
    done
}

# is_new FOLDER ROOT FILE...: are these the new ones?
is_new() {
    folder=$1
    place=$2
    shift 2
    for file in "$@"; do
        cmp -s "$place/$folder/$file" "$here/new/$folder/$file" || return 1
    done
}

check_refresh() {
    either metadata "$1" >"$here/bad"
    if [ -s "$here/bad" ]; then
        tr '\n' ' ' <"$here/bad"
    elif is_new metadata "$1" root.json timestamp.json snapshot.json targets.json; then
        echo new
    else
        echo old
    fi
}

check_download() {
    either metadata "$1" >"$here/bad"
    either targets "$1" >>"$here/bad"
    if [ -s "$here/bad" ]; then
        tr '\n' ' ' <"$here/bad"
    elif is_new targets "$1" f.txt a%2Fy.txt && is_new metadata "$1" root.json timestamp.json snapshot.json targets.json a.json; then
        echo new
    else
        echo old
    fi
}

# With the new timestamp all else must be there; with the note, too.
check_mirror() {
    either mirror "$1" | grep -v 'causeway-mirror.json is gone' >"$here/bad"
    if [ -s "$here/bad" ]; then
        tr '\n' ' ' <"$here/bad"
    elif ! cmp -s "$1/mirror/metadata/timestamp.json" "$here/new/mirror/metadata/timestamp.json"; then
        ! cmp -s "$1/mirror/.causeway-mirror.json" "$here/new/mirror/.causeway-mirror.json" || echo 'noted too early, '
        echo old
    elif [ "$(cd "$1/mirror" && find . -type f ! -name '.tmp-*' ! -path './.inbox/*' ! -name .causeway-mirror.json | sort)" != \
        "$(cd "$here/new/mirror" && find . -type f ! -name .causeway-mirror.json | sort)" ]; then
        echo 'the new timestamp is there, but not all else'
    else
        echo new
    fi
}

fault_rows refresh setup 'causeway-sync tuf --metadata-url "$metadata_url" --metadata-dir "$ROOT/metadata" refresh' check_refresh
fault_rows download setup 'causeway-sync tuf --metadata-url "$metadata_url" --metadata-dir "$ROOT/metadata" --target-name f.txt \
    --target-name a/y.txt --target-dir "$ROOT/targets" --target-base-url "$targets_url" download' check_download
fault_rows mirror setup 'causeway-sync tuf mirror --root "$origin_root" "$mirror_url" "$ROOT/mirror"' check_mirror

done_testing
