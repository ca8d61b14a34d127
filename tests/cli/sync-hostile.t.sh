#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2119 # make_site may be called without arguments
# Archives that a publisher signed and no site may unpack, each refused with its reason and leaving nothing; and what site.lua can allow.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"
command -v python3 >/dev/null || skip_all 'python3 is not installed'

# Eight of them at a time as products of one set, each decided alone, of which the policy takes the one it names.
mkdir out
python3 "$CW_SRCDIR/tests/data/archives.py" out all.json >table || exit 99
split -l 8 table batch.
for batch in batch.*; do
    rm -rf site plant repo
    make_repo
    python3 - "$batch" <<'PY'
import json, sys
names = [line.split("\t")[0] for line in open(sys.argv[1])]
doc = json.load(open("all.json"))
doc["products"] = [product for product in doc["products"] if product["name"] in names]
json.dump(doc, open("catalog.json", "w"))
PY
    causeway-gen -C repo add catalog.json >gen.log 2>&1
    while IFS='	' read -r name reason; do
        causeway-gen -C repo promote "$name" 1.0.0 stable </dev/null >>gen.log 2>&1 || diag "$(tail -n 1 gen.log)"
    done <"$batch"
    expect "a hostile set is published" causeway-gen -q -C repo publish
    make_site
    sed -i "s/channel = \"stable\",/& independent = { $(awk -F'\t' '{ printf "\"%s\",", $1 }' "$batch") },/" site/site.lua
    expect_exit 0 sync -q pull

    while IFS='	' read -r name reason; do
        printf 'function decide(set)\n  if set.releases[1].product == "%s" then return accept "try" end\n  return hold "not now"\nend\n' \
            "$name" >site/policy.lua
        run sync -q apply
        if [ "$code" -eq 3 ] && grep -Fq -e "$reason" "$err" && [ -z "$(find plant -type f -o -name '.tmp-*' 2>/dev/null)" ] && [ "$(generation)" = none ]; then
            ok "$name is refused: $reason"
        else
            not_ok "$name is refused: $reason"
            tap_show_run
            diag "$(find plant 2>&1)"
        fi
    done <"$batch"
done
expect 'nothing was made outside' test ! -e /tmp/cw-out -a ! -e out/out

# What a good archive has is kept, and what it asks for beyond that if site.lua allows it.
rm -rf site plant repo
make_repo
python3 - <<'PY'
import io, os, tarfile
with tarfile.open("out/good.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    def add(name, data=b"", **fields):
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.uname = len(data), 1000000000, "plcd"
        for key, value in fields.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(data))
    add("bin", type=tarfile.DIRTYPE, mode=0o750)
    add("bin/tool", b"#!/bin/sh\n", mode=0o4755, pax_headers={"SCHILY.xattr.user.made": "here", "SCHILY.xattr.trusted.no": "x"})
    add("bin/same", type=tarfile.LNKTYPE, linkname="bin/tool")
    add("run", type=tarfile.SYMTYPE, linkname="bin/tool")
    add("private", b"secret", mode=0o640)
    hole = (b"2\n0\n4\n8000000\n4\n").ljust(512, b"\0") + b"headtail"
    add("image", hole, pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "image", "GNU.sparse.realsize": "8000004"})
PY
ship good 1.0.0 out/good.tar
make_site
sed -i '/function check/,/^end/d' site/policy.lua
sync -q pull
expect_exit 3 sync -q apply
expect_err "'bin/tool' of the archive has a set-uid"
owner=$(id -u):$(id -g)
sed -i "s|install = {|& set_id = true, modes = true, xattrs = { \"user.*\" }, owner = \"$owner\", owners = { plcd = \"nobody-of-that-name\" },|" site/site.lua
expect_exit 1 sync -q apply
expect_err "there is no user 'nobody-of-that-name' here"
sed -i "s|nobody-of-that-name|$owner|" site/site.lua
expect_exit 0 sync -q apply
here=plant/current/good
expect 'modes are kept, but nobody may write' test "$(stat -L -c %a $here $here/bin $here/bin/tool $here/private | tr '\n' ' ')" = '555 550 4555 440 '
expect 'times are kept' test "$(stat -c %Y $here/private)" = 1000000000
expect 'hard links are' test $here/bin/same -ef $here/bin/tool
expect 'symbolic links are' test "$(readlink $here/run)" = bin/tool
expect 'holes stay holes' test "$(stat -c %s $here/image)" = 8000004 -a "$(stat -c %b $here/image)" -lt 1000
expect 'and what is around them is there' test "$(head -c 4 $here/image)$(tail -c 4 $here/image)" = headtail
got=$(python3 -c 'import os,sys; print(os.listxattr(sys.argv[1]), os.getxattr(sys.argv[1], "user.made"))' $here/bin/tool 2>&1)
case $got in
*"['user.made'] b'here'"*) ok 'attributes that are asked for are kept, others are not' ;;
*"Operation not supported"*) skip 'attributes are kept' "this filesystem has none" ;;
*) not_ok 'attributes that are asked for are kept, others are not' && diag "$got" ;;
esac

# Capabilities are kept where site.lua asks for them by name, whoever the file is given to.
if python3 - "$TEST_DIR/probe" <<'PY'
import os, struct, sys
open(sys.argv[1], "w").close()
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
PY
then
    python3 - <<'PY'
import io, struct, tarfile
with tarfile.open("out/caps.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    info = tarfile.TarInfo("bin/serve")
    info.size, info.mode = 2, 0o755
    value = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0).decode("ascii")
    info.pax_headers = {"SCHILY.xattr.security.capability": value}
    tar.addfile(info, io.BytesIO(b"#!"))
PY
    ship caps 1.0.0 out/caps.tar
    sync -q pull
    expect_exit 3 sync -q apply
    expect_err "'bin/serve' of the archive has capabilities"
    sed -i 's/xattrs = { "user\.\*" }/xattrs = { "user.*", "security.capability" }/' site/site.lua
    expect_exit 0 sync -q apply
    expect 'a capability is kept' test "$(python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "security.capability").hex())' \
        plant/current/caps/bin/serve)" = 0100000200040000000000000000000000000000
else
    skip 'a capability is kept' 'only root can give a file capabilities, and only some filesystems keep them'
fi

sed -i 's/set_id = true/set_id = "yes"/' site/site.lua
expect_exit 1 sync status
expect_err "site.lua:[0-9]+: install: 'set_id' is neither true nor false"

done_testing
