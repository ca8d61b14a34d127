#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Makes a mess beneath a folder, by a seed: creates, writes, cuts, renames, links, removes. For the harness's selftest:
without a sync nothing of it may survive a crash; with one at the end, all of it must.

  mess.py make ROOT               the state before
  mess.py mess ROOT SEED [sync]   the mess
"""
import os
import random
import sys


def make(root):
    for d in ("a", "b", "a/deep", "empty"):
        os.mkdir(f"{root}/{d}")
    for i in range(12):
        with open(f"{root}/{('a', 'b', 'a/deep')[i % 3]}/f{i}", "wb") as f:
            f.write(bytes([65 + i]) * (i * 37))
    os.symlink("a/f0", f"{root}/link")


def things(root):
    found, dirs = [], [root]
    for base, names, files in os.walk(root):
        dirs += [os.path.join(base, n) for n in names if not os.path.islink(os.path.join(base, n))]
        found += [os.path.join(base, n) for n in names + files]
    return sorted(found), sorted(dirs)


def step(rng, root, n):
    found, dirs = things(root)
    new = os.path.join(rng.choice(dirs), f"n{n}")
    old = rng.choice(found) if found else new
    other = rng.choice(found) if found else new
    how = rng.randrange(9)
    if how == 0:
        os.mkdir(new)
    elif how == 1:
        fd = os.open(new if rng.random() < 0.5 else old, os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"x" * rng.randrange(200))
        os.pwrite(fd, b"y" * 10, rng.randrange(300))
        os.close(fd)
    elif how == 2:
        os.close(os.open(old, os.O_WRONLY | os.O_TRUNC))
    elif how == 3:
        os.truncate(old, rng.randrange(300))
    elif how == 4:
        os.rename(old, new)
    elif how == 5:
        os.rename(old, other)
    elif how == 6:
        os.link(old, new, follow_symlinks=False)
    elif how == 7:
        os.unlink(old)
    else:
        os.rmdir(rng.choice(dirs))


def main():
    root = sys.argv[2]
    if sys.argv[1] == "make":
        make(root)
        return
    rng = random.Random(int(sys.argv[3]))
    for n in range(60):
        try:
            step(rng, root, n)
        except OSError:
            pass
    if sys.argv[4:] == ["sync"]:
        os.sync()


main()
