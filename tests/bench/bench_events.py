#!/usr/bin/python3
"""A thousand event streams, one of which is not read: how late the others (crowd.c) hear of what happens, after the
event's own timestamp and after the first that heard of it; and what becomes of the one. Apps without tasks are changed,
a few a second: with small environments, and with large ones, whose events are heavy.

  bench_events.py [STREAMS [CHANGES]]   1000 and 100 when not said; BUILD=DIR has tests/bench/crowd, by default
                                        build-bench
"""
import os
import socket
import subprocess
import sys
import time
import urllib.parse

from figures import ROOT, Place, cpu_s, load, wait_for

BUILD = os.environ.get("BUILD") or os.path.join(ROOT, "build-bench")
CHANGES_A_SECOND = 5


class Crowd:
    def __init__(self, place, url, streams):
        u = urllib.parse.urlsplit(url)
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests/bench/crowd"), u.hostname, str(u.port), str(streams)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=place.environment(), start_new_session=True)
        place.at_end.append(self.end)
        assert self.line() == ["ready"], "the streams are not there"

    def line(self):
        return self.process.stdout.readline().split()

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()


def subscribe_and_sleep(url):
    u = urllib.parse.urlsplit(url)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect((u.hostname, u.port))
    s.sendall(b"GET /v2/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
    return s


def change(node, changes, padding):
    """As many changes as asked, at a steady pace."""
    began = time.monotonic()
    for n in range(changes):
        app = {"id": f"/a{n % 4}", "cmd": "true", "instances": 0, "env": {"A": "x" * padding, "N": str(n)}}
        assert node.put(f"/v2/apps/a{n % 4}?force=true", app).status in (200, 201)
        time.sleep(max(0, began + (n + 1) / CHANGES_A_SECOND - time.monotonic()))


def told(what, figures):
    median, most, longest = figures
    print(f"  {what:32} median {median:>6} ms   99 % {most:>6} ms   longest {longest:>6} ms", flush=True)


def measure(name, streams, changes, padding):
    place = Place("bench")
    try:
        node = place.node().start()
        slow = subscribe_and_sleep(node.urls["marathon"])
        crowd = Crowd(place, node.urls["marathon"], streams - 1)
        crowd.say("begin")
        assert crowd.line() == ["counting"]
        used = cpu_s([node.pid])
        change(node, changes, padding)
        wait_for(lambda: node.get("/v2/deployments").json == [], "no deployments")
        crowd.say("end")
        events, size = (int(word) for word in crowd.line())
        used = cpu_s([node.pid]) - used
        print(f"{name}: {streams - 1} streams, {events} events of {size / events / 1024:.1f} KiB, "
              f"{1e6 * used / events / (streams - 1):.1f} us of the node for each and stream, {load()}")
        told("after the event's timestamp", crowd.line())
        told("after the first that heard of it", crowd.line())
        counters = node.get("/metrics").json["counters"]
        print(f"  closed because they were too slow: "
              f"{counters['marathon.http.event-streams.closed-slow.counter']['count']}", flush=True)
        slow.close()
    finally:
        place.end()


def main(streams=1000, changes=100):
    measure("small", streams, changes, 10)
    measure("large", streams, changes, 4000)


main(*(int(word) for word in sys.argv[1:]))
