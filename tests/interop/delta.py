# SPDX-License-Identifier: ISC
# A reader of deltas after causeway-delta(5), with zstd(1): delta.py OLD DELTA NEW
import struct
import subprocess
import sys
import zlib

old = open(sys.argv[1], "rb").read()
delta = open(sys.argv[2], "rb").read()
magic, major, minor, flags, at, old_len, new_len, *lens = struct.unpack_from("<8sBBHI5Q", delta)
assert magic == b"CWDELTA\n" and major == 1 and flags < 4
assert old_len == len(old) and at + sum(lens) == len(delta)
if flags:
    old_inside, new_inside, level, memory, head_len = struct.unpack_from("<2QBBH", delta, 56)
    head = delta[76:76 + head_len]
if flags & 1:  # from what a gzip file holds
    old, old_len = zlib.decompress(old, 31), old_inside
    assert old_len == len(old)
if flags & 2:  # to what one holds
    file_len, new_len = new_len, new_inside

streams = []
for length in lens:
    frame = delta[at:at + length]
    streams.append(subprocess.run(["zstd", "-dc"], input=frame, stdout=subprocess.PIPE, check=True).stdout)
    at += length
control, diff, extra = streams
control = iter(control)


def number():
    n = shift = 0
    for byte in control:
        n |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return n
    raise EOFError


new = bytearray()
place = d = e = 0
while len(new) < new_len:
    add, copy, seek = number(), number(), number()
    assert place + add <= old_len
    new += bytes((x + y) & 0xFF for x, y in zip(diff[d:d + add], old[place:place + add]))
    new += extra[e:e + copy]
    d, e = d + add, e + copy
    place += add + (seek // 2 if seek % 2 == 0 else -(seek + 1) // 2)
    assert 0 <= place <= old_len
assert len(new) == new_len and d == len(diff) and e == len(extra) and next(control, None) is None
if flags & 2:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory)
    new = head + packer.compress(new) + packer.flush() + struct.pack("<2I", zlib.crc32(new), len(new) & 0xFFFFFFFF)
    assert len(new) == file_len
open(sys.argv[3], "wb").write(new)
