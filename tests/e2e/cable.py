#!/usr/bin/python3
"""A slow cable between two network namespaces: a device in each, and each frame comes later.

  cable.py NAMESPACE DEVICE NAMESPACE DEVICE DELAY_MS JITTER_MS

The devices are there as long as it runs."""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

CLONE_NEWNET, TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x40000000, 0x400454CA, 2, 0x1000


def device(namespace, name):
    inside = os.open("/run/netns/" + namespace, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(inside, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(inside)
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def carry(a, b, delay_ms, jitter_ms):
    under_way, n, other = [], 0, {a: b, b: a}
    while True:
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, _, fd, frame = heapq.heappop(under_way)
            try:
                os.write(fd, frame)
            except OSError:
                pass  # the other end is down
        wait = max(0, under_way[0][0] - now) if under_way else 1
        for fd in select.select([a, b], [], [], wait)[0]:
            try:
                frame = os.read(fd, 65536)
            except OSError:
                continue
            n += 1
            at = time.monotonic() + (delay_ms + random.uniform(0, jitter_ms)) / 1000
            heapq.heappush(under_way, (at, n, other[fd], frame))


carry(device(*sys.argv[1:3]), device(*sys.argv[3:5]), *map(float, sys.argv[5:7]))
