#!/bin/sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2016,SC2119,SC2317 # sed scripts; functions that expect calls
# causeway-gen add --from: other tools' output is taken in as it is; what does not hold is named with file and field, what is not
# said is asked for by option, and nothing is half added.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"
. "$CW_SRCDIR/tests/cli/deploy.sh"

make_repo
CAUSEWAY_REPO=$PWD/repo
export CAUSEWAY_REPO
artifact() { # PRODUCT VERSION NAME: the stored file
    find "repo/tree/targets/$1/$2" -name "*.$3"
}
untouched() {
    [ ! -e repo/staged/releases ] && [ -z "$(find repo/tree/targets -type f 2>/dev/null)" ]
}

# --- options ------------------------------------------------------------------------------------------

mkdir empty out
expect_exit 2 causeway-gen add --from tarball out
expect_err "takes dir, sha256sums, github-release, goreleaser or build-info, not 'tarball'"
expect_exit 2 causeway-gen add --product gateway catalog.json
expect_err "'--product' goes with '--from' only"
expect_exit 2 causeway-gen add --from dir out empty
expect_err 'one file or folder at a time'

# --- a folder -----------------------------------------------------------------------------------------

mkdir -p out/bin out/lib/deep
printf '#!/bin/sh\necho gateway\n' >out/bin/tool
printf '#!/bin/sh\nexit 0\n' >out/bin/selftest
chmod 755 out/bin/tool out/bin/selftest
head -c 300000 /dev/zero >out/lib/zeros
echo 'ä' >'out/lib/deep/ä name, with spaces'
chmod 600 out/lib/zeros
ln out/bin/tool out/lib/hard
ln -s ../bin/tool out/lib/soft
long=$(printf 'n%.0s' $(seq 1 150))
echo long >"out/lib/$long"

expect_exit 3 causeway-gen add --from dir out
expect_err '^out: --product: is needed, because dir does not say it'
expect_err '^out: --version: is needed'
expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0 out
expect_err '^out: --version: .*1\.0'
expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0.0 --severity urgent --platform 'a b' --kind package \
    --compress xz out
expect_err '^out: --severity: .*urgent'
expect_err '^out: --compress: takes none, gzip or zstd'
expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0.0 --platform 'a b' --kind package --name 'b:c' out
expect_err '^out: --platform: .*a b'
expect_err '^out: --kind: a packed folder is of kind archive'
expect_err '^out: --name: .*b:c'
expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0.0 empty
expect_err 'is an empty folder'
expect_exit 1 causeway-gen add --from dir --product gateway --version 1.0.0 nowhere
expect_err "'nowhere'.*No such file"
expect_exit 1 causeway-gen add --from dir --product gateway --version 1.0.0 out/bin/tool
expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0.0 repo
expect_err 'is the repository itself, with its keys'
expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0.0 .
expect_err "'repo' is the repository itself"

mkdir bad
mkfifo bad/pipe
ln -s /etc/passwd bad/absolute
ln -s ../../x bad/up
echo x >"bad/$(printf 'latin\377')"
echo x >bad/suid
chmod 4755 bad/suid
expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0.0 bad
expect_err '^bad: pipe: is a device, pipe or socket'
expect_err '^bad: absolute: is a symbolic link that leads out'
expect_err '^bad: up: is a symbolic link that leads out'
expect_err 'latin.*xff: has a name that is not printable UTF-8'
expect_err '^bad: suid: has a set-uid'
expect_err '5 mistakes; nothing was added'
if [ "$(id -u)" -eq 0 ]; then
    skip 'a file that cannot be read' 'root reads all'
else
    mkdir shut
    echo x >shut/secret
    chmod 000 shut/secret
    expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0.0 shut
    expect_err '^shut: secret: cannot be read'
fi

expect_exit 0 causeway-gen add --from dir --product gateway --version 1.0.0 --dry-run out
expect_out 'gateway-1.0.0.tar +any +archive'
expect 'nothing of that was added' untouched

expect_exit 0 causeway-gen add --from dir --product gateway --version 1.0.0 out
tar=$(artifact gateway 1.0.0 gateway-1.0.0.tar)
tar -tf "$tar" >list 2>err.txt
sort -c list 2>/dev/null || LC_ALL=C sort list >sorted
expect 'tar reads it' test ! -s err.txt -a "$(wc -l <list)" -eq 10
mkdir unpacked
expect 'tar unpacks it' tar -xpf "$tar" -C unpacked
expect 'with the same content' diff -r out unpacked
expect 'with the same modes' test "$(cd out && find . -printf '%P %m\n' | sort | tail -n +2)" = "$(cd unpacked && find . -printf '%P %m\n' | sort | tail -n +2)"
expect 'with the link' test "$(readlink unpacked/lib/soft)" = ../bin/tool
expect 'with the hard link' test unpacked/lib/hard -ef unpacked/bin/tool
expect 'owner and time are fixed' test "$(tar --numeric-owner --utc -tvf "$tar" | awk '{ print $2, $(NF < 5 ? NF : 4), $5 }' | grep -c '^0/0 1980-01-01')" -eq 10
if command -v python3 >/dev/null; then
    cat >check.py <<'END'
import sys, tarfile
members = tarfile.open(sys.argv[1]).getmembers()
names = [m.name for m in members]
assert names == sorted(names, key=lambda n: n.encode("utf-8").split(b"/")), names
assert all(m.uid == m.gid == 0 and m.uname == m.gname == "" and m.mtime == 315532800 for m in members)
assert {m.name: m.linkname for m in members if m.islnk()} == {"lib/hard": "bin/tool"}
END
    expect 'python reads it: sorted, nobody'\''s, of one time' python3 check.py "$tar"
else
    skip 'python reads it' 'no python3'
fi

# Another copy, made in another order, at another time, read in another locale, under another name.
mkdir -p copy/lib copy/bin
(cd out && find . -depth -type f ! -name hard ! -name tool | sort -r | while IFS= read -r name; do
    mkdir -p "../copy/$(dirname "$name")" && cp "$name" "../copy/$name" && chmod --reference="$name" "../copy/$name"
done)
cp out/bin/tool copy/lib/hard
ln copy/lib/hard copy/bin/tool
ln -s ../bin/tool copy/lib/soft
touch -d 2001-01-01 copy/bin copy/lib/zeros
expect_exit 0 env LC_ALL=C TZ=Asia/Tokyo causeway-gen add --from dir --product gateway --version 1.0.0 copy
expect_out 'nothing to do'
echo more >>copy/lib/zeros
expect_exit 3 causeway-gen add --from dir --product gateway --version 1.0.0 copy
expect_err '^causeway-gen: gateway 1.0.0: is staged already, and a version never changes.*copy.*sha256 differs'
expect_exit 0 causeway-gen add --from dir --product two --version 1.0.0 --platform linux-amd64 out
expect_exit 0 causeway-gen add --from dir --product two --version 1.0.0 --platform linux-arm64 copy
expect_out 'two 1.0.0: extended, 2 artifacts'
expect 'each under its platform' test -n "$(artifact two 1.0.0 two-1.0.0-linux-arm64.tar)"
for how in gzip zstd; do
    expect_exit 0 causeway-gen add --from dir --product "gateway-$how" --version 1.0.0 --compress "$how" out
    expect_exit 0 causeway-gen add --from dir --product "gateway-$how" --version 1.0.0 --compress "$how" out
    expect_out 'nothing to do'
done
expect 'gzip unpacks it' test "$(gzip -dc "$(artifact gateway-gzip 1.0.0 tar.gz)" | sha256sum)" = "$(sha256sum <"$tar")"
expect_exit 0 env SOURCE_DATE_EPOCH=1700000000 causeway-gen add --from dir --product dated --version 1.0.0 --name dated.tar \
    --notes-file out/bin/tool --severity high --sbom list out
expect 'SOURCE_DATE_EPOCH is the time of all' test "$(tar --utc -tvf "$(artifact dated 1.0.0 dated.tar)" | grep -c '2023-11-14')" -eq 10
expect 'notes, severity and SBOM are in' grep -q '"severity": "high"' repo/staged/releases/dated@1.0.0.json
expect 'the SBOM is there' test -n "$(artifact dated 1.0.0 list)"

# A sparse one is as long as it says; nothing is left when one changes meanwhile.
mkdir changing
truncate -s 200M changing/sparse
background sh -c 'while :; do date +%N >changing/now; done'
expect_exit 3 causeway-gen add --from dir --product changing --version 1.0.0 changing
kill "$!"
expect_err 'changed while it was'
expect 'it is not staged' test ! -e repo/staged/releases/changing@1.0.0.json
expect 'and leaves no temporary file' test -z "$(find repo -name '.tmp-*')"

mkdir -p flat/sub
echo a >flat/plc_linux_amd64.deb
echo b >flat/plc_linux_arm64.deb
echo c >flat/SHA256SUMS
expect_exit 3 causeway-gen add --from dir --each --product plc --version 1.0.0 flat
expect_err '^flat: sub: is a folder'
rmdir flat/sub
expect_exit 0 causeway-gen add --from dir --each --product plc --version 1.0.0 --dry-run flat
expect_out 'plc_linux_amd64.deb +linux-amd64 +package'
expect_out 'SHA256SUMS +left out: a checksum file'
expect_exit 0 causeway-gen add --from dir --each --product plc --version 1.0.0 --include SHA256SUMS --json flat
expect_out '"artifacts": 3'
expect_out '"files": \['

# --- to a site ----------------------------------------------------------------------------------------

expect_exit 0 causeway-gen promote gateway 1.0.0 stable
expect_exit 0 causeway-gen publish
make_site
expect_exit 0 sync pull
expect_exit 0 sync plan
expect_exit 0 sync apply
expect 'the site has the folder' test "$(plant/current/gateway/bin/tool)" = gateway
expect 'with its links' test "$(readlink plant/current/gateway/lib/soft)" = ../bin/tool -a \
    plant/current/gateway/lib/hard -ef plant/current/gateway/bin/tool
expect 'a name beyond ASCII came through' test -f 'plant/current/gateway/lib/deep/ä name, with spaces'

# --- SHA256SUMS ---------------------------------------------------------------------------------------

mkdir -p sums/sub
echo one >sums/one_linux_amd64.tar.gz
echo two >sums/sub/two_windows.zip
echo three >'sums/three\four'
sums() { # [OPTION...]
    (cd sums && sha256sum "$@" one_linux_amd64.tar.gz sub/two_windows.zip 'three\four') >sums/SHA256SUMS
}
for how in --text --binary --tag; do
    sums "$how"
    expect_exit 0 causeway-gen add --from sha256sums --product sums --version 1.0.0 --dry-run \
        --name 'three\four=three' --platform '*windows*=windows-386' sums/SHA256SUMS
    expect_out 'one_linux_amd64.tar.gz +linux-amd64 +archive .*checksum given'
    expect_out 'two_windows.zip +windows-386'
    expect_out 'three +any +file'
done
expect_exit 3 causeway-gen add --from sha256sums --product sums --version 1.0.0 --name 'five=six' --kind '*.rpm=file' sums/SHA256SUMS
expect_err "line 2: the name 'two_windows.zip' says only 'windows' of its platform; give it with --platform"
expect_err "line 3: file name 'three.four' has the character.*--name"
expect_exit 3 causeway-gen add --from sha256sums --product sums --version 1.0.0 --platform any --exclude 'three*' --name 'five=six' \
    --kind '*.rpm=file' sums/SHA256SUMS
expect_err ".*--name: 'five=six' fits no artifact"
expect_err ".*--kind: '\*.rpm=file' fits no artifact"
expect_exit 3 causeway-gen add --from sha256sums --product sums --version 1.0.0 --exclude '*' sums/SHA256SUMS
expect_err 'names no artifact to add; all are left out'
echo changed >sums/one_linux_amd64.tar.gz
expect_exit 3 causeway-gen add --from sha256sums --product sums --version 1.0.0 --platform any --exclude 'three*' sums/SHA256SUMS
expect_err '^causeway-gen: sums/SHA256SUMS: line 1: sums 1.0.0: .*sha256 differs'
expect 'nothing of it is staged' test ! -e repo/staged/releases/sums@1.0.0.json
hex=$(sha256sum <sums/sub/two_windows.zip | cut -d' ' -f1)
cat >sums/BAD <<END
# a list

$hex  ../out/bin/tool
$hex  /etc/passwd
$hex  missing
MD5 (x) = 900150983cd24fb0d6963f7d28e17f72
$hex  sub/two_windows.zip
$hex  sub/TWO_windows.zip
END
cp sums/sub/two_windows.zip sums/sub/TWO_windows.zip
expect_exit 3 causeway-gen add --from sha256sums --product sums --version 1.0.0 --platform any sums/BAD
expect_err "^sums/BAD: line 3: the path '../out/bin/tool' does not lie beneath"
expect_err "^sums/BAD: line 4: the path '/etc/passwd'"
expect_err "^sums/BAD: line 5: unable to find 'sums/missing'"
expect_err "^sums/BAD: line 6: is a checksum of the kind 'MD5'"
expect_err "^sums/BAD: line 8: the name 'TWO_windows.zip' is that of line 7 too"
expect_exit 1 causeway-gen add --from sha256sums --product sums --version 1.0.0 sums/NONE
# As installers' lists have it: the same name in several folders. A pattern with a '/' is of the path.
mkdir sums/cdrom sums/cdrom/gtk
echo info >sums/cdrom/info.tar.gz
echo gtk >sums/cdrom/gtk/info.tar.gz
(cd sums && sha256sum ./cdrom/info.tar.gz ./cdrom/gtk/info.tar.gz) >sums/TWICE
expect_exit 3 causeway-gen add --from sha256sums --product sums --version 2.0.0 sums/TWICE
expect_err "line 2: the name 'info.tar.gz' is that of line 1 too; give it another with --name 'cdrom/gtk/info.tar.gz=NEW'"
expect_exit 0 causeway-gen add --from sha256sums --product sums --version 2.0.0 --dry-run --name 'cdrom/gtk/info.tar.gz=gtk.tar.gz' \
    --kind 'cdrom/*=file' sums/TWICE
expect_out '^  info\.tar\.gz +any +file '
expect_out '^  gtk\.tar\.gz +any +archive '
expect_exit 0 causeway-gen add --from sha256sums --product sums --version 2.0.0 --dry-run --exclude '*/gtk/*' sums/TWICE
expect_out 'would be staged, 1 artifact$'
expect_exit 0 causeway-gen add --from sha256sums --product sums --version 1.0.0 --platform any --exclude 'three*' --exclude 'one*' \
    --files sums sums/SHA256SUMS

# --- GitHub -------------------------------------------------------------------------------------------

mkdir hub
echo linux >hub/gateway_2.0.0_linux_amd64.tar.gz
echo mac >hub/gateway_2.0.0_darwin_arm64.zip
github() { # [SED-SCRIPT]: hub/release.json as GitHub writes it, changed
    sed "${1:-}" >hub/release.json <<END
{"url": "https://api.github.com/repos/acme/gateway-hub/releases/1", "tag_name": "v2.0.0", "draft": false, "prerelease": true,
 "body": "first line\r\nsecond line\r\n",
 "assets": [
  {"name": "gateway_2.0.0_linux_amd64.tar.gz", "state": "uploaded", "size": 6, "label": null, "download_count": 1.5,
   "digest": "sha256:$(sha256sum <hub/gateway_2.0.0_linux_amd64.tar.gz | cut -d' ' -f1)"},
  {"name": "gateway_2.0.0_darwin_arm64.zip", "state": "uploaded", "size": 4, "digest": null},
  {"name": "checksums.txt", "state": "uploaded", "size": 4}
 ]}
END
}
github
expect_exit 0 causeway-gen add --from github-release --dry-run hub/release.json
expect_out '^gateway-hub 2.0.0: would be staged, 2 artifacts'
expect_out 'gateway_2.0.0_linux_amd64.tar.gz +linux-amd64 +archive .*checksum given'
expect_out 'checksums.txt +left out: a checksum file'
expect_err 'prerelease'
hub_case() { # SED-SCRIPT PATTERN
    github "$1"
    expect_exit 3 causeway-gen add --from github-release hub/release.json
    expect_err "$2"
}
hub_case 's/"draft": false/"draft": true/' '^hub/release.json:1: draft: this release is a draft'
hub_case 's/v2.0.0/nightly/' '^hub/release.json:1: tag_name: .*nightly.*--version'
hub_case 's/"size": 6/"size": 7/' "^hub/release.json:4: assets\[0\]: 'hub/gateway_2.0.0_linux_amd64.tar.gz' has 6 bytes where 7 are named"
hub_case 's/"size": 6/"size": -7/' '^hub/release.json:4: assets\[0\]: its size is no number'
hub_case 's/darwin_arm64.zip/darwin_amd64.zip/' '^hub/release.json:6: assets\[1\]: unable to find'
hub_case 's/sha256:\(.\)/sha256:\1\1/' '^hub/release.json:4: assets\[0\]: .*is no sha256'
hub_case 's/"name": "checksums.txt"/"name": 7/' '^hub/release.json:7: assets\[2\].name: is not a string'
hub_case '1s/^/[/; $s/$/]/' 'is a list of 1 releases'
hub_case 's/"assets": \[/"assets": {/' '^hub/release.json:[0-9]+: '
hub_case 's/second/\\u001b[2J/' 'body: .*control character.*--notes-file'
hub_case 's/repos.acme.gateway-hub.releases/x/' '^hub/release.json: --product: is needed, because github-release does not say it'
# As 'gh release view --json tagName,body,isDraft,isPrerelease,url,assets' prints it.
gh='s/"tag_name"/"tagName"/; s/"draft"/"isDraft"/; s/"prerelease"/"isPrerelease"/; s/"digest": null/"digest": ""/
s|https://api.github.com/repos/acme/gateway-hub/releases/1|https://github.com/acme/gateway-hub/releases/tag/v2.0.0|'
github "$gh"
expect_exit 0 causeway-gen add --from github-release --dry-run hub
expect_out '^gateway-hub 2.0.0: would be staged, 2 artifacts'
expect_out 'gateway_2.0.0_linux_amd64.tar.gz +linux-amd64 +archive .*checksum given'
expect_err 'prerelease'
hub_case "$gh; s/\"isDraft\": false/\"isDraft\": true/" '^hub/release.json:1: isDraft: this release is a draft'
hub_case "$gh; s/\"v2.0.0\"/\"nightly\"/" '^hub/release.json:1: tagName: .*nightly.*--version'
# The event that a workflow gets of it holds it.
github '1s/^/{"action": "released", "release": /; $s|$|, "repository": {"name": "gateway-hub"}}|'
expect_exit 0 causeway-gen add --from github-release --dry-run hub
expect_out '^gateway-hub 2.0.0: would be staged, 2 artifacts'
hub_case '1s/^/{"release": /; $s/$/}/; s/"draft": false/"draft": true/' '^hub/release.json:1: release.draft: this release is a draft'
hub_case '1s/^/{"release": /; $s/$/}/; s/"size": 6/"size": 7/' "^hub/release.json:4: release.assets\[0\]: .* has 6 bytes where 7 are named"
hub_case '1s/^/{"release": /; $s/$/}/; s/v2.0.0/nightly/' '^hub/release.json:1: release.tag_name: .*--version'
github "s/sha256:./sha256:$(sha256sum <hub/gateway_2.0.0_linux_amd64.tar.gz | cut -c1 | tr '0-9a-f' '1-9a-f0')/"
expect_exit 3 causeway-gen add --from github-release hub/release.json
expect_err '^causeway-gen: hub/release.json:4: gateway-hub 2.0.0: .*sha256 differs'
expect 'nothing of it is staged' test ! -e repo/staged/releases/gateway-hub@2.0.0.json
github
expect_exit 0 causeway-gen add --from github-release --product hub hub/release.json
expect 'notes have plain lines' grep -q '"notes": "first line\\nsecond line\\n"' repo/staged/releases/hub@2.0.0.json

# --- GoReleaser ---------------------------------------------------------------------------------------

mkdir -p dist/tool_linux_arm_7
echo arm >dist/tool_1.0.0_linux_armv7.tar.gz
echo deb >dist/tool_1.0.0_amd64.deb
echo v3 >dist/tool_v3
echo bin >dist/tool_linux_arm_7/tool
goreleaser() {
    cat <<END
[{"name":"metadata.json","path":"dist/metadata.json","internal_type":30,"type":"Metadata"},
{"name":"tool","path":"dist/tool_linux_arm_7/tool","goos":"linux","goarch":"arm","goarm":"7","internal_type":4,"type":"Binary","extra":{"Binary":"tool"}},
{"name":"tool_1.0.0_linux_armv7.tar.gz","path":"dist/tool_1.0.0_linux_armv7.tar.gz","goos":"linux","goarch":"arm","goarm":"7","internal_type":1,"type":"Archive","extra":{"Checksum":"sha256:$(sha256sum <dist/tool_1.0.0_linux_armv7.tar.gz | cut -d' ' -f1)","Format":"tar.gz"}},
{"name":"tool_1.0.0_amd64.deb","path":"/home/runner/work/tool/dist/tool_1.0.0_amd64.deb","goos":"linux","goarch":"amd64","goamd64":"v1","internal_type":5,"type":"Linux Package","extra":{"Format":"deb"}},
{"name":"tool_v3","path":"dist/tool_v3","goos":"linux","goarch":"amd64","goamd64":"v3","internal_type":2,"type":"Binary"},
{"name":"ghcr.io/acme/tool:1.0.0","path":"ghcr.io/acme/tool:1.0.0","goos":"linux","goarch":"amd64","internal_type":9,"type":"Docker Image"},
{"name":"checksums.txt","path":"dist/checksums.txt","internal_type":12,"type":"Checksum","extra":{}},
{"name":"tool_1.0.0_manifest.json","path":"registry/manifest.json","internal_type":3,"type":"File"},
{"name":"tool.rb","path":"dist/homebrew/Formula/tool.rb","internal_type":16,"type":"Brew Tap","extra":{"BrewConfig":{"name":"tool"}}}]
END
}
mkdir registry
echo '{}' >registry/manifest.json
goreleaser >dist/artifacts.json
expect_exit 3 causeway-gen add --from goreleaser dist/artifacts.json
expect_err '^dist/artifacts.json: --product: is needed, because goreleaser does not say it'
echo '{"project_name":"tool","tag":"v1.0.0","version":"1.0.0","runtime":{"goos":"linux"}}' >dist/metadata.json
expect_exit 0 causeway-gen add --from goreleaser --dry-run dist/artifacts.json
expect_out '^tool 1.0.0: would be staged, 4 artifacts'
expect_out 'tool_1.0.0_manifest.json +any +file'
expect_out "tool.rb +left out: of type 'Brew Tap'"
expect_out 'tool_1.0.0_linux_armv7.tar.gz +linux-armv7 +archive .*checksum given'
expect_out 'tool_1.0.0_amd64.deb +linux-amd64 +package'
expect_out 'tool_v3 +linux-amd64-v3 +file'
expect_out 'tool +left out: a binary that is not released by itself'
expect_out "ghcr.io/acme/tool:1.0.0 +left out: of type 'Docker Image'"
expect_out 'checksums.txt +left out: a checksum file'
expect_exit 0 causeway-gen add --from goreleaser --dry-run --include tool dist/artifacts.json
expect_out '5 artifacts'
expect_exit 0 sh -c 'cd dist && causeway-gen add --from goreleaser --dry-run artifacts.json'
# A folder stands for the list in it.
for folder in dist dist/; do
    expect_exit 0 causeway-gen add --from goreleaser --dry-run "$folder"
    expect_out '^tool 1.0.0: would be staged, 4 artifacts'
done
latin=$(printf 'd\344st')
ln -s dist "$latin"
expect_exit 0 causeway-gen add --from goreleaser --dry-run "$latin"
expect_out '^tool 1.0.0: would be staged, 4 artifacts'
expect_exit 2 causeway-gen add --from goreleaser --dry-run registry
expect_err "'registry' is a folder without 'artifacts.json': give GoReleaser's list in it by its name"
expect_exit 2 causeway-gen add --from github-release dist
expect_err "'dist' is a folder without 'release.json'"
# Other kinds of checksums: those that are known are compared, what cannot be is told.
cp dist/artifacts.json kept.json
for kind in sha224 sha384 sha512; do
    sed "s/sha256:[0-9a-f]*/$kind:$(${kind}sum <dist/tool_1.0.0_linux_armv7.tar.gz | cut -d' ' -f1)/" kept.json >dist/artifacts.json
    expect_exit 0 causeway-gen add --from goreleaser --dry-run dist
    expect_out 'tool_1.0.0_linux_armv7.tar.gz .*  checksum given$'
    sed "s/sha256:[0-9a-f]*/$kind:$(echo other | ${kind}sum | cut -d' ' -f1)/" kept.json >dist/artifacts.json
    expect_exit 3 causeway-gen add --from goreleaser --dry-run dist
    expect_err "tool_1.0.0_linux_armv7.tar.gz': $kind differs"
done
sed 's/sha256:/sha3-256:/' kept.json >dist/artifacts.json
expect_exit 0 causeway-gen add --from goreleaser --dry-run dist
expect_out 'tool_1.0.0_linux_armv7.tar.gz .*  its sha3-256 is not compared$'
expect_err "1 checksum of the kind 'sha3-256' cannot be compared here"
cp kept.json dist/artifacts.json
mv registry/manifest.json kept-manifest.json
expect_exit 3 causeway-gen add --from goreleaser dist/artifacts.json
expect_err "unable to find 'dist/registry/manifest.json'"
mv kept-manifest.json registry/manifest.json
rm dist/tool_1.0.0_amd64.deb
expect_exit 3 causeway-gen add --from goreleaser dist/artifacts.json
expect_err '^dist/artifacts.json:4: \[3\]: unable to find'
echo '{}' >dist/not.json
expect_exit 3 causeway-gen add --from goreleaser dist/not.json
expect_err 'is not an array'
printf '[{"name": "x",\n "type"}]' >dist/not.json
expect_exit 3 causeway-gen add --from goreleaser dist/not.json
expect_err '^dist/not.json:2: '
echo deb >dist/tool_1.0.0_amd64.deb
expect_exit 0 causeway-gen add --from goreleaser dist/artifacts.json
expect_out "^left out: .*, of type 'Docker Image', a checksum file, of type 'Brew Tap'; '--dry-run' shows each$"

# --- build-info ---------------------------------------------------------------------------------------

mkdir -p art/org/acme/plant/3.7.0
echo jar >art/org/acme/plant/3.7.0/plant-3.7.0.jar
echo pom >art/plant-3.7.0.pom
pom_md5=$(md5sum <art/plant-3.7.0.pom | cut -d' ' -f1)
build_info() { # [SED-SCRIPT]
    sed "${1:-}" >art/build-info.json <<END
{"version": "1.0.1", "name": "plant", "number": "28", "started": "2022-01-04T14:36:48.276+0200", "durationMillis": 9762.5,
 "modules": [{"type": "maven", "id": "org.acme:plant:3.7.0", "artifacts": [
   {"name": "plant-3.7.0.jar", "type": "jar", "path": "org/acme/plant/3.7.0/plant-3.7.0.jar",
    "sha256": "$(sha256sum <art/org/acme/plant/3.7.0/plant-3.7.0.jar | cut -d' ' -f1)",
    "sha1": "$(sha1sum <art/org/acme/plant/3.7.0/plant-3.7.0.jar | cut -d' ' -f1)"},
   {"name": "plant-3.7.0.pom", "type": "pom", "path": "org/acme/plant/3.7.0", "md5": "$pom_md5"}]},
  {"id": "org.acme:parent:3.7.0", "dependencies": [{"id": "commons-io:commons-io:1.4", "sha256": "x"}]}]}
END
}
build_info
expect_exit 0 causeway-gen add --from build-info --dry-run art/build-info.json
expect_out '^plant 3.7.0: would be staged, 2 artifacts'
expect_out 'plant-3.7.0.jar +any +file .*checksum given'
build_info 's/plant:3.7.0/plant/'
expect_exit 3 causeway-gen add --from build-info art/build-info.json
expect_err '.*--version: is needed, because build-info does not say it'
build_info 's/org.acme:plant:3.7.0/plant :: staging/' # as Jenkins names a job in a folder
expect_exit 3 causeway-gen add --from build-info art/build-info.json
expect_err '.*--version: is needed, because build-info does not say it'
build_info 's/"sha256": "\(.\)/"sha256": "\1\1/'
expect_exit 3 causeway-gen add --from build-info art/build-info.json
expect_err '^art/build-info.json:3: modules\[0\].artifacts\[0\]: .*is no sha256'
build_info 's/"md5": "/&x/'
expect_exit 3 causeway-gen add --from build-info art/build-info.json
expect_err "^art/build-info.json:6: modules\[0\].artifacts\[1\]: 'x$pom_md5' is no md5 of 32 hexadecimal digits"
build_info "s/$pom_md5/d41d8cd98f00b204e9800998ecf8427e/" # of nothing
expect_exit 3 causeway-gen add --from build-info art/build-info.json
expect_err "plant-3.7.0.pom': md5 differs: expected .*, got $pom_md5"
build_info 's/"sha1": "[^"]*/"sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709/'
expect_exit 3 causeway-gen add --from build-info art/build-info.json
expect_err "plant-3.7.0.jar': sha1 differs: expected "
build_info '1s/^/{"buildInfo": /; $s|$|, "uri": "https://acme.example/api/build/plant/28"}|' # as Artifactory's API answers
expect_exit 0 causeway-gen add --from build-info --dry-run art
expect_out '^plant 3.7.0: would be staged, 2 artifacts'
build_info '1s/^/{"buildInfo": /; $s|$|, "uri": "https://acme.example/api/build/plant/28"}|; s/:3.7.0"/:3.7"/'
expect_exit 3 causeway-gen add --from build-info art/build-info.json
expect_err '^art/build-info.json:2: buildInfo.modules\[0\].id: .*--version'
rm art/plant-3.7.0.pom
build_info
expect_exit 3 causeway-gen add --from build-info art/build-info.json
expect_err '^art/build-info.json:6: modules\[0\].artifacts\[1\]: unable to find'
expect_exit 0 causeway-gen add --from build-info --exclude '*.pom' --kind '*.jar=package' art/build-info.json

expect_exit 0 causeway-gen publish
expect_exit 0 causeway-gen verify
done_testing
