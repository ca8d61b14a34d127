#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Prints a JSON Lines catalog of releases whose files' hashes are known: catalog.py PRODUCT RELEASES FILES [FIRST]"""
import hashlib
import sys

product, releases, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
out = sys.stdout
for release in range(first, first + releases):
    version = f"1.{release // 1000}.{release % 1000}"
    listed = ", ".join(
        '{"name": "part-%05d.bin", "sha256": "%s", "length": %d}'
        % (n, hashlib.sha256(f"{version} {n}".encode()).hexdigest(), 1000 + n * 37)
        for n in range(files))
    out.write('{"product": "%s", "version": "%s", "severity": "normal", "builds": [{"platform": "linux-amd64", "files": [%s]}]}\n'
              % (product, version, listed))
