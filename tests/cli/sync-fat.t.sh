#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119
# Media as they are bought: FAT32 and exFAT know no modes and no links, take names that differ by case for one and keep times to two
# seconds; FAT32 holds no file of 4 GiB. Mounted by the kernel where it can, else by FUSE.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/publisher.sh"
PATH=$PATH:/usr/sbin:/sbin
mnt=$TEST_DIR/mnt
loop=

# Has a process one of the images open? A FUSE program writes its last after the mount is gone.
is_open() {
    find /proc/[0-9]*/fd \( -lname "$TEST_DIR/*.img" -o -lname "${loop:-none}" \) 2>/dev/null | grep -q .
}
unmount() {
    umount "$mnt" 2>/dev/null
    unmount_tries=100
    while is_open && [ "$unmount_tries" -gt 0 ]; do
        sleep 0.1
        unmount_tries=$((unmount_tries - 1))
    done
    [ -z "$loop" ] || losetup -d "$loop"
    loop=
}
fat_status=0
trap 'fat_status=$?; unmount; (exit $fat_status); tap_end' EXIT

# mount_as TYPE ro|rw: the image TYPE.img at $mnt; $how says by whom.
mount_as() {
    how='the kernel'
    loop=$(losetup -f --show "$1.img" 2>/dev/null) || loop=
    [ -z "$loop" ] || { mount -t "$1" -o "$2" "$loop" "$mnt" 2>/dev/null && return; }
    how=FUSE
    case $1 in
    exfat) [ -n "$loop" ] && mount.exfat-fuse -o "$2" "$loop" "$mnt" ;;
    vfat) fusefat -o "$([ "$2" = ro ] && echo ro || echo rw+)" "$1.img" "$mnt" ;;
    esac >mount.out 2>&1 && return
    unmount
    return 1
}

# A file in parts, as FAT's limit makes them too; the longest name that there may be; small files for a pack.
publisher_init
publisher_release gateway 1.0.0
mkdir build/names "$mnt"
long=$(printf '%0175d.bin' 7)
for name in "$long" UPPER.TXT with_line a.b.c.d; do echo "$name" >"build/names/$name"; done
head -c 7000000 /dev/urandom >build/names/image.bin
head -c 70000 build/names/image.bin | split -a 2 -b 1000 - build/names/tile-
files=
for file in build/names/*; do files="$files, {\"file\": \"$file\", \"kind\": \"file\"}"; done
cat >catalog.json <<CATALOG
{"format": "1.0", "products": [{"name": "names", "releases": [{"version": "1.0.0", "severity": "normal", "notes": "",
 "builds": [{"platform": "any", "files": [${files#, }]}]}]}]}
CATALOG
{ causeway-gen -C repo add catalog.json && causeway-gen -C repo promote names 1.0.0 stable && publisher_publish; } >release.out 2>&1 || cat release.out
site_init connected
causeway-sync -q -C connected pull repo/tree

# make_huge: the site ./huge, which holds a file of 4 GiB and 4 bytes, all of them zero.
make_huge() {
    sum=da9edf372dde7426d20625b93bc161e09bb5bfe6542761acd957baef4f4fdcfe
    cat >catalog.json <<CATALOG
{"format": "1.0", "products": [{"name": "image", "releases": [{"version": "1.0.0", "severity": "normal", "notes": "",
 "builds": [{"platform": "any", "files": [{"file": "huge.bin", "kind": "file", "sha256": "$sum", "length": 4294967300}]}]}]}]}
CATALOG
    causeway-gen -C repo add --no-files catalog.json && causeway-gen -C repo promote image 1.0.0 stable && publisher_publish || return
    site_init huge
    mkdir -p huge/upstreams/acme/mirror/targets/image/1.0.0
    truncate -s 4294967300 "huge/upstreams/acme/mirror/targets/image/1.0.0/$sum.huge.bin"
    causeway-sync -q -C huge pull repo/tree
}

for type in vfat exfat; do
    what=$type
    if ! command -v "mkfs.$type" >/dev/null; then
        skip "$type" "mkfs.$type is not installed"
        continue
    fi
    truncate -s 48M $type.img
    if [ $type = vfat ]; then mkfs.vfat -F 32 -s 1 $type.img; else mkfs.exfat $type.img; fi >mkfs.out 2>&1
    if ! mount_as $type rw; then
        skip "$type" 'neither the kernel nor FUSE mounts it here'
        continue
    fi
    what="$type by $how"
    expect_exit 0 causeway-sync -C connected export --volume-size 6M mnt/bundle
    for k in 1 2; do
        expect "$what: volume $k is as its sums say" sh -c "cd mnt/bundle/volume-$k && sha256sum --quiet --strict -c SHA256SUMS"
    done
    expect_exit 0 causeway-sync -C connected --json export --volume-size 6M mnt/bundle
    expect_out '"written": 0'
    flip "$(find mnt/bundle -name '*.tar' | head -n 1)"
    expect_exit 0 causeway-sync -C connected export --volume-size 6M mnt/bundle
    expect_exit 0 causeway-sync -C connected export mnt/whole
    expect_exit 0 causeway-sync -C connected receipt mnt/whole
    # There is no room for everything: that is said before anything is written. FUSE's FAT does not know its room.
    if [ "$what" != 'vfat by FUSE' ]; then
        expect_exit 0 sh -c 'head -c 30000000 /dev/zero >mnt/film.avi'
        expect_exit 8 causeway-sync -C connected export mnt/more
        expect_err "'mnt/more' needs .* more, and has .* left"
    fi
    # What FAT32 cannot hold goes in parts, also to a folder that will be made on it; exFAT holds it.
    [ "$how" = FUSE ] || [ -e huge ] || make_huge >huge.out 2>&1 || cat huge.out
    case $what in
    'vfat by the kernel')
        expect_exit 0 causeway-sync -C huge export --dry-run mnt/new/bundle
        expect_out 'whole .*huge.bin, in 2 parts$'
        ;;
    'exfat by the kernel')
        expect_exit 0 causeway-sync -C huge export --dry-run mnt/new/bundle
        expect_out 'whole .*huge.bin$'
        ;;
    *) skip "$what: a file of more than 4 GiB" 'only the kernel says that it is FAT' ;;
    esac
    unmount
    case $type in
    vfat) ! command -v fsck.vfat >/dev/null || expect "$what: no error in it" sh -c 'fsck.vfat -n vfat.img >fsck.out 2>&1' ;;
    exfat) ! command -v fsck.exfat >/dev/null || expect "$what: no error in it" sh -c 'fsck.exfat -n exfat.img >fsck.out 2>&1' ;;
    esac

    expect "$what: mounted again, to be read" mount_as $type ro
    site_init "volumes-$type"
    expect_exit 7 causeway-sync -C "volumes-$type" pull mnt/bundle/volume-2
    expect_exit 0 causeway-sync -C "volumes-$type" pull mnt/bundle/volume-1
    expect "$what: the mirrors are the same" diff -r connected/upstreams/acme/mirror "volumes-$type/upstreams/acme/mirror"
    site_init "whole-$type"
    expect_exit 0 causeway-sync -C "whole-$type" pull mnt/whole
    expect "$what: the mirrors are the same" diff -r connected/upstreams/acme/mirror "whole-$type/upstreams/acme/mirror"
    expect_exit 0 causeway-sync -C "whole-$type" verify mnt/whole
    expect_exit 0 causeway-sync -C connected export --for mnt/whole --dry-run none
    expect_exit 1 causeway-sync -C connected export --replace mnt/whole2
    expect_err 'Read-only file system|read-only'
    unmount
done

done_testing
