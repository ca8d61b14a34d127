#!/bin/sh
# SPDX-License-Identifier: ISC
# Repositories that other projects publish, served as they are, at the time they were taken: a client from the first root to a
# shellcheck disable=SC2317 # functions that "expect" calls
# target, each metadata file with a byte flipped, and a mirror of it all that serves a client. CW_VECTORS names their folder.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/tuf.sh"

vectors=${CW_VECTORS:-$CW_SRCDIR/../shared/vectors}
[ -d "$vectors" ] || skip_all "'$vectors' is not there; CW_VECTORS may name the folder of real repositories"
command -v faketime >/dev/null || skip_all 'faketime is not installed'
# libfaketime is loaded before a sanitizer's runtime, which need not be first to work.
ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS:-}
export ASAN_OPTIONS

at_that_time() {
    faketime "$(cat "$vector/faketime")" "$@"
}

client() {
    forget_requests
    at_that_time causeway-sync tuf --metadata-url "$(server_url metadata)" --metadata-dir "$1/metadata" \
        --target-name "$target" --target-dir "$1/targets" --target-base-url "$(server_url targets)" download
}

begin() {
    rm -rf "$1"
    causeway-sync -q tuf --metadata-dir "$1/metadata" init "$vector/initial_root.json"
}

mirror() {
    forget_requests
    at_that_time causeway-sync tuf mirror --root "$vector/initial_root.json" --targets "$target" "$(server_url '')" mirror
}

for vector in "$vectors"/*/; do
    vector=${vector%/}
    [ -e "$vector/targetpath" ] || continue
    name=$(basename "$vector")
    target=$(cat "$vector/targetpath")
    diag "$name"
    cp -R "$vector" "$name.copy"
    server_start "$TEST_DIR/$name.copy"

    begin "$name"
    expect_exit 0 client "$name"
    expect "$name: the target is the publisher's" \
        cmp "$name/targets/$(echo "$target" | sed 's,/,%2F,g')" "$(find "$vector/targets" -name "*.$(basename "$target")")"
    for role in root timestamp snapshot targets; do
        file=$(find "$vector/metadata" -name "*.$role.json" -o -name "$role.json" | sort -V | tail -n 1)
        expect "$name: $role is as it was received" cmp "$name/metadata/$role.json" "$file"
    done
    expect_exit 0 client "$name"
    expect "$name: a second run makes two requests" test "$(server_requests '')" -eq 2
    rm -rf mirror
    server_rules ''
    expect_exit 0 mirror
    for file in "$vector"/metadata/*.root.json; do
        expect "$name: the mirror has $(basename "$file")" cmp "$file" "mirror/metadata/$(basename "$file")"
    done
    expect_exit 0 mirror
    expect "$name: a second mirror run makes two requests" test "$(server_requests '')" -eq 2

    begin fresh
    expect_exit 0 client fresh
    for file in $(asked | tr ' ' '\n' | grep 'json$'); do
        [ -e "$vector/$file" ] || continue
        server_rules "{\"path\": \"/$file\", \"flip\": [$(($(stat -c %s "$vector/$file") * 2 / 3))]}"
        begin flipped
        expect_exit 1 client flipped
    done

    server_start "$TEST_DIR/mirror"
    begin fresh
    expect_exit 0 client fresh
    expect "$name: the mirror's target is the publisher's" \
        cmp "fresh/targets/$(echo "$target" | sed 's,/,%2F,g')" "$(find "$vector/targets" -name "*.$(basename "$target")")"
    server_stop
done

done_testing
