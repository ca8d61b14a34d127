#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A bad line between two network namespaces, for kernels without netem.

  line.py SPACE ADDRESS SPACE ADDRESS MILLISECONDS PERCENT [SEED]

Two TUN devices, one in each namespace, and this program between them: what the first sends comes to the second that much later, and so many of
its packets are lost, each by itself; what the second sends comes to the first at once. Addresses are of IPv4, each other's /24. Says "up" and
the devices' names once both are, and ends when it is told to (SIGTERM), when the devices go too. Needs root and /dev/net/tun.
"""

import collections
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time

PACKET_MAX = 65536
AT_ONCE = 64  # packets of one side before the other is looked at
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def device(name, space, address):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    for words in (["ip", "link", "set", name, "netns", space], ["ip", "-n", space, "addr", "add", address + "/24", "dev", name],
                  ["ip", "-n", space, "link", "set", name, "txqueuelen", "10000", "up"]):
        subprocess.run(words, check=True)
    return fd


def packets(fd):
    for _ in range(AT_ONCE):
        try:
            yield os.read(fd, PACKET_MAX)
        except BlockingIOError:
            return


def send(fd, packet):
    try:
        os.write(fd, packet)
    except OSError:
        pass  # as a full queue loses it


def carry(far, near, delay, loss, rng):
    under_way = collections.deque()  # (when it is due, packet): all are as late, so the first is the next
    while True:
        wait = max(under_way[0][0] - time.monotonic(), 0) if under_way else None
        ready = select.select([far, near], [], [], wait)[0]
        if far in ready:
            due = time.monotonic() + delay
            under_way.extend((due, packet) for packet in packets(far) if rng.random() >= loss)
        if near in ready:
            for packet in packets(near):
                send(far, packet)
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            send(near, under_way.popleft()[1])


def main():
    far, far_address, near, near_address, milliseconds, percent = sys.argv[1:7]
    names = f"cwf{os.getpid()}", f"cwn{os.getpid()}"
    ends = device(names[0], far, far_address), device(names[1], near, near_address)
    print("up", *names, flush=True)
    carry(*ends, float(milliseconds) / 1000, float(percent) / 100, random.Random(*sys.argv[7:8]))


main()
