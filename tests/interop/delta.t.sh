#!/bin/sh
# SPDX-License-Identifier: ISC
# What a program in another language, written after causeway-delta(5) alone, makes of our deltas.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

command -v python3 >/dev/null || skip_all "python3 is not installed"
command -v zstd >/dev/null || skip_all "zstd is not installed"
PATH=$CW_BUILDDIR/tests/bench:$PATH

# Two versions of a program with its texts, as archives; and the program alone. The size of its debugging data is no matter here.
mkdir app-1.0 app-1.1
strip -o app-1.0/tool "$CW_BUILDDIR/causeway-sync"
strip -o app-1.1/tool "$CW_BUILDDIR/causeway-gen"
cp "$CW_SRCDIR/README.md" app-1.0/
sed 's/trees/forests/' "$CW_SRCDIR/README.md" >app-1.1/README.md
cp "$CW_SRCDIR/LICENSE" app-1.0/
cp "$CW_SRCDIR/LICENSE" app-1.1/LICENCE
tar -cf 1.tar app-1.0
tar -cf 2.tar app-1.1
: >empty

there_and_back() {
    expect "a delta from $1 to $2 is made" cw-delta make "$1" "$2" delta
    expect "another program reads it" python3 "$CW_SRCDIR/tests/interop/delta.py" "$1" delta new
    expect "and makes $2" cmp "$2" new
}

there_and_back 2.tar 1.tar
there_and_back app-1.0/tool app-1.1/tool
there_and_back app-1.0/README.md app-1.1/README.md
there_and_back 1.tar empty
there_and_back empty app-1.0/README.md
there_and_back app-1.0/LICENSE app-1.1/LICENCE

# Archives compressed by zlib, each in its own way: compared from inside.
python3 - <<'PYTHON'
import gzip
for name, level in (("1", 9), ("2", 6)):
    with open(name + ".tar", "rb") as tar, open(name + ".tar.gz", "wb") as out:
        with gzip.GzipFile(name + ".tar", "wb", level, out, mtime=1) as packed:
            packed.write(tar.read())
PYTHON
there_and_back 1.tar 2.tar
between_tars=$(stat -c %s delta)
there_and_back 1.tar.gz 2.tar.gz
expect 'it is as small as between the archives themselves' test "$(stat -c %s delta)" -le "$((between_tars + 1000))"
there_and_back 2.tar.gz 1.tar
there_and_back 1.tar 2.tar.gz
there_and_back empty 1.tar.gz

done_testing
