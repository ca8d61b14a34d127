#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Hostile archives and what they are refused for: archives.py DIR CATALOG writes DIR/NAME.tar of each and a
catalog with a product NAME for each, and prints 'NAME<TAB>a part of the reason'."""

import gzip
import io
import json
import os
import sys
import tarfile


def member(name, data=b"x", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def link(name, to, kind=tarfile.SYMTYPE):
    return member(name, b"", type=kind, linkname=to)


def tar(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def patched(at, text):
    """One member whose header is changed at some place, with the checksum made right again."""
    raw = bytearray(tar(member("f")))
    raw[at : at + len(text)] = text
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    return bytes(raw)


def pax(**records):
    return tar(member("f", pax_headers=records))


def sparse(records, data):
    return tar(member("f", data, pax_headers=records))


HOLES = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "f"}
OK = member("ok")
TABLE = {
    "up": (tar(member("../out")), "leads out"),
    "up-inside": (tar(member("a/../../out")), "leads out"),
    "absolute": (tar(member("/tmp/cw-out")), "leads out"),
    "pax-path": (pax(path="../out"), "leads out"),
    "link-absolute": (tar(link("l", "/etc")), "symbolic link that leads out"),
    "link-up": (tar(link("a/l", "../../out")), "symbolic link that leads out"),
    "through-link": (tar(member("d/f"), link("l", "d"), member("l/f")), "beneath a link or a file"),
    "hard-out": (tar(link("h", "/etc/passwd", tarfile.LNKTYPE)), "hard link that leads out"),
    "hard-to-link": (tar(link("l", "ok"), link("h", "l", tarfile.LNKTYPE)), "no earlier file"),
    "hard-to-later": (tar(link("h", "ok", tarfile.LNKTYPE), OK), "no earlier file"),
    "device": (tar(member("d", b"", type=tarfile.BLKTYPE)), "device, pipe or socket"),
    "pipe": (tar(member("p", b"", type=tarfile.FIFOTYPE)), "device, pipe or socket"),
    "set-uid": (tar(member("s", mode=0o4755)), "set-uid"),
    "sticky": (tar(member("s", b"", type=tarfile.DIRTYPE, mode=0o1777)), "sticky"),
    "capabilities": (pax(**{"SCHILY.xattr.security.capability": "\x01"}), "capabilities"),
    "twice": (tar(OK, member("./ok")), "there already"),
    "file-then-folder": (tar(OK, member("ok/f")), "beneath a link or a file"),
    "folder-then-file": (tar(member("ok/f"), member("ok")), "there already"),
    "control-character": (tar(member("a\x1b[31m")), "not printable"),
    "not-utf-8": (patched(0, b"a\xff"), "UTF-8"),
    "deep": (tar(member("d/" * 100 + "f")), "more folders"),
    "long-path": (tar(member("/".join(["d" * 100] * 11))), "at most 1023"),
    "long-name": (tar(member("n" * 300)), "longer than this filesystem takes"),
    "negative-size": (patched(124, b"\xff" * 12), "cannot be read"),
    "huge-size": (patched(124, b"\x80\0\0\0\x7f" + b"\xff" * 7), "the archive"),
    "bomb": (gzip.compress(tar(member("b", bytes(100 << 20))), 9), "more than the allowed"),
    "sparse-bomb": (sparse({**HOLES, "GNU.sparse.realsize": str(1 << 40)}, b"0\n" + bytes(510)), "more than the allowed"),
    "sparse-overlap": (
        sparse({**HOLES, "GNU.sparse.realsize": "8"}, b"2\n4\n4\n0\n4\n".ljust(512, b"\0") + b"abcdefgh"),
        "the archive",
    ),
    "bad-checksum": (tar(OK)[:148] + b"000000\0 " + tar(OK)[156:], "cannot be read"),
    "cut-in-member": (tar(member("f", b"x" * 5000))[:2000], "cannot be read"),
    "cut-between": (tar(OK, member("f"))[:1024], "it was cut off"),
    "no-archive": (b"this is a text\n" * 100, "cannot be read"),
}


def product(name):
    builds = [{"platform": "any", "files": [{"file": os.path.join(sys.argv[1], name + ".tar"), "kind": "archive"}]}]
    return {"name": name, "releases": [{"version": "1.0.0", "builds": builds}]}


def main():
    with open(sys.argv[2], "w", encoding="ascii") as f:
        json.dump({"format": "1.0", "products": [product(name) for name in TABLE]}, f)
    for name, (data, reason) in TABLE.items():
        with open(os.path.join(sys.argv[1], name + ".tar"), "wb") as f:
            f.write(data)
        print(f"{name}\t{reason}")


main()
