#!/usr/bin/python3
"""How long nobody can write when the leader of three goes: killed with -9, or asked to end, while one
client writes through a member that does not lead. Beside it the same of three members of Debian's
etcd-server, as it comes, and with our heartbeat and election times.

  bench_failover.py [TIMES [TIMES_OF_ETCD]]   20 of each kind when not said, 8 of etcd's
  TMPDIR=DIR                                  where all keep their files: on a real disk

killed   until a write that began afterwards was answered
ended    the longest that one answer came after another, until the old leader was gone

The goals are DESIGN 11's: killed 400 ms in the median, 800 at the 99th percentile; ended 50 ms.
"""
import http.client
import json
import math
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

from figures import Etcd, Place, leader_of, load, masters, wait_for

ROLES = ["leader", "voter", "voter"]
AFTERWARDS = 20  # writes that are waited for once the old leader is gone
GIVE_UP_S = 1  # of one write: then the client tries again, on another connection


class Writer(threading.Thread):
    """One client on one connection, which writes again and again; when it began and was answered."""

    def __init__(self, url, request):
        super().__init__(daemon=True)
        self.url, self.request = urllib.parse.urlsplit(url), request
        self.done, self.refused, self.ending = [], 0, False
        self.start()

    def run(self):
        connection, n = None, 0
        while not self.ending:
            began, n = time.monotonic(), n + 1
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=GIVE_UP_S)
                connection.request(*self.request(n), headers={"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                good = 200 <= answer.status < 300
            except (OSError, http.client.HTTPException):
                connection, good = None, False
            if good:
                self.done.append((began, time.monotonic()))
            else:
                self.refused += 1
                time.sleep(0.001)

    def wait_more(self, more):
        need = len(self.done) + more
        wait_for(lambda: len(self.done) >= need, f"{more} more writes")

    def end(self):
        self.ending = True
        self.join()

    def until_next_ms(self, since):
        return min(done for began, done in self.done if began >= since) * 1000 - since * 1000

    def longest_ms(self, since):
        times = [done for _, done in self.done]
        return max(b - a for a, b in zip(times, times[1:]) if b >= since) * 1000


class Ours:
    """Three masters, to be ended and started again."""

    def __init__(self, place):
        self.name = "mesolith"
        self.nodes = masters(place, 3, log="error")

    def leader_and_another(self):
        leader, others = leader_of(self.nodes)
        return leader, others[0]

    @staticmethod
    def url(node):
        return node.urls["chronos"]

    @staticmethod
    def request(n):
        return "POST", "/scheduler/iso8601", json.dumps(
            {"name": f"job{n % 100}", "command": "true", "schedule": "R/2099-01-01T00:00:00Z/P1D"})

    @staticmethod
    def signal(node, number):
        node.process.send_signal(number)
        node.process.wait()
        node.process.stdout.close()

    def start_again(self, node):
        node.start()

        def caught_up():
            items = self.nodes[0].get("/api/nodes").json["items"]
            return sorted(n["role"] for n in items) == ROLES and node.get("/v2/leader").status == 200
        wait_for(caught_up, f"{node.name} votes again")


class Theirs:
    """The same of etcd; a node is its member's number."""

    def __init__(self, place, name, *flags):
        self.name = name
        self.etcd = Etcd(place, 3, name, *flags)

    def leader_and_another(self):
        leader = self.etcd.leader()
        return leader, (leader + 1) % 3

    def url(self, i):
        return self.etcd.urls[i]

    @staticmethod
    def request(n):
        return "POST", "/v3/kv/put", json.dumps({"key": "am9i", "value": "dHJ1ZQ=="})

    def signal(self, i, number):
        self.etcd.processes[i].send_signal(number)
        self.etcd.processes[i].wait()

    def start_again(self, i):
        self.etcd.start_again(i)


def one(cluster, number):
    """What one end of the leader cost, in ms."""
    leader, another = cluster.leader_and_another()
    writer = Writer(cluster.url(another), cluster.request)
    try:
        writer.wait_more(AFTERWARDS)
        at = time.monotonic()
        cluster.signal(leader, number)
        writer.wait_more(AFTERWARDS)
    finally:
        writer.end()
    cluster.start_again(leader)
    return writer.until_next_ms(at) if number == signal.SIGKILL else writer.longest_ms(at)


def show(name, kind, costs):
    costs = sorted(costs)

    def part(p):
        return costs[max(0, math.ceil(p * len(costs)) - 1)]
    print(f"{name:10} {kind:7} {len(costs):5} {costs[0]:8.0f} {part(0.5):8.0f} {part(0.9):8.0f} "
          f"{part(0.99):8.0f} {costs[-1]:8.0f}", flush=True)


def main(times, times_of_etcd):
    place = Place("failover")
    try:
        clusters = [(Ours(place), times)]
        if shutil.which("etcd") and times_of_etcd > 0:
            clusters += [(Theirs(place, "etcd"), times_of_etcd),
                         (Theirs(place, "etcd-tuned", "--heartbeat-interval", "40", "--election-timeout", "250"),
                          times_of_etcd)]
        kind = subprocess.run(["stat", "-f", "-c", "%T", place.folder], capture_output=True, text=True)
        print(f"three members, files on {kind.stdout.strip()}, {load()}; in ms")
        print(f"{'':10} {'leader':7} {'times':>5} {'min':>8} {'median':>8} {'90 %':>8} {'99 %':>8} {'max':>8}")
        for number, what in ((signal.SIGKILL, "killed"), (signal.SIGTERM, "ended")):
            for cluster, n in clusters:
                show(cluster.name, what, [one(cluster, number) for _ in range(n)])
        print(load())
    finally:
        place.end()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 8)
