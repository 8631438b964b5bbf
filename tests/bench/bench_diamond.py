#!/usr/bin/python3
"""A wide diamond of dependent jobs on three masters: one job, all that wait for it, and one that waits for all of those.
The agents pretend (swarm.c). While it runs the leadership is handed over three times; each job has to run exactly once.

  bench_diamond.py [WIDTH [AGENTS]]   10000 and 200 when not said; BUILD as for bench_agents.py
"""
import sys
import threading

from bench_agents import Cluster, Swarm, now_ms, told
from figures import Place, load, wait_for

TRANSFERS = 3
CLIENTS = 8


def job(name, **more):
    return dict({"name": name, "command": "true", "cpus": 0.01, "mem": 1, "disk": 1, "retries": 0}, **more)


def post(node, kind, body):
    a = node.ask("POST", f"/v1/scheduler/{kind}", body, door="chronos")
    assert a.status == 204, a


def states(node):
    """How many jobs have succeeded how often."""
    counts = {}
    for j in node.ask("GET", "/v1/scheduler/jobs", door="chronos").json:
        counts[j["successCount"]] = counts.get(j["successCount"], 0) + 1
    return counts


def make(cluster, width):
    leader = cluster.leader()
    post(leader, "iso8601", job("root", schedule="R/2099-01-01T00:00:00Z/P1D"))

    def some(first):
        for i in range(first, width, CLIENTS):
            post(leader, "dependency", job(f"m{i}", parents=["root"]))
    workers = [threading.Thread(target=some, args=(i,)) for i in range(CLIENTS)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    post(leader, "dependency", job("sink", parents=[f"m{i}" for i in range(width)]))


def main(width, agents):
    place = Place("bench")
    try:
        cluster = Cluster(place)
        leader = cluster.leader()
        token = leader.cli("token", "create", "--modes", "agent", "--quiet").stdout.strip()
        Swarm(place, leader, token, "many", 0, agents).wait("registered")
        print(f"three masters, {agents} agents; {load()}")
        at = now_ms()
        make(cluster, width)
        told(f"{width} jobs with a parent made, and one with {width}", f"{(now_ms() - at) / 1000:.1f} s")
        for transfers in (0, TRANSFERS):
            want = {n + 1: count for n, count in states(cluster.leader()).items()}
            at = now_ms()
            a = cluster.leader().ask("PUT", "/v1/scheduler/job/root", door="chronos")
            assert a.status == 204, a
            for _ in range(transfers):
                cluster.leader().cli("leader", "transfer")
            wait_for(lambda: states(cluster.leader()) == want, f"each has run once more: {want}", 300)
            told(f"each of them ran once, across {transfers} changes of leader", f"{(now_ms() - at) / 1000:.1f} s")
    except AssertionError:
        place.show_logs()
        raise
    finally:
        place.end()


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:]] + [10000, 200][len(sys.argv) - 1:])
