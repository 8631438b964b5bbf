#!/usr/bin/python3
"""What thousands of agents cost a real cluster of three masters: the leader's memory and heartbeats, entries of the
log while nothing happens, and how soon what a silent host ran is replaced. The agents are real sessions (swarm.c) that
pretend to run their tasks.

  bench_agents.py [AGENTS]   2000 when not said; BUILD=DIR has tests/bench/swarm, by default build-bench
"""
import json
import os
import subprocess
import sys
import time

from figures import ROOT, Place, memory_kib, wait_for

BUILD = os.environ.get("BUILD") or os.path.join(ROOT, "build-bench")
IDLE_S = 10
WATCHED_S = 10  # after a process was killed: twice as long as a host may be silent


def now_ms():
    return time.monotonic() * 1000


def cpu_s(pid):
    """Processor time of a process so far."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Swarm:
    """N agents in a process of their own. `said` has its lines as (word, ms, number)."""

    def __init__(self, place, at, token, name, first, n):
        self.path = place.path(name + ".swarm")
        net = f"127.{64 + int(place.net.split('.')[1])}"  # apart from the place's own
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "tests/bench/swarm"), f"{at.address}:5055", token, name, net,
                 str(first), str(n)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=place.environment())
        place.at_end.append(self.end)

    @property
    def said(self):
        with open(self.path) as f:
            lines = [line.split() for line in f if line.endswith("\n")]
        return [(word[0], int(word[1]), int(word[2])) for word in lines if word[0] in ("joined", "registered", "away",
                                                                                     "ran", "ended")]

    def when(self, word, after=0, number=None):
        """When it was said first after that; None: not yet."""
        return next((ms for what, ms, n in self.said if what == word and ms >= after and number in (None, n)), None)

    def wait(self, word, after=0, within=300):
        return wait_for(lambda: self.alive() and self.when(word, after), f"{self.path}: {word}", within)

    def alive(self):
        if self.process.poll() is not None:
            with open(self.path) as f:
                sys.exit(f.read())
        return True

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        self.process.kill()
        self.process.wait()


class Cluster:
    def __init__(self, place):
        modes = {"modes": "master,scheduler", "log": "warn"}
        first = place.member(1, **modes).start()
        self.masters = [first] + [place.member(n, first, **modes).start() for n in (2, 3)]
        wait_for(lambda: sorted(self.roles(first).values()) == ["leader", "voter", "voter"], "three vote")

    @staticmethod
    def roles(node):
        items = json.loads(node.cli("node", "list", "--json").stdout)["items"]
        return {n["name"]: n["role"] for n in items if n["role"] != "none"}

    def leader(self):
        def known():
            alive = [m for m in self.masters if m.process.poll() is None]
            name = next((name for name, role in self.roles(alive[0]).items() if role == "leader"), None)
            return next((m for m in alive if m.name == name), None)
        return wait_for(known, "a leader")

    def index(self):
        return int(self.leader().get("/v2/apps").headers["X-Mesolith-Index"])


def idle(cluster):
    """Of the leader: processor ms a second, entries of the log."""
    leader = cluster.leader()
    index, began, used = cluster.index(), time.monotonic(), cpu_s(leader.pid)
    time.sleep(IDLE_S)
    lasted, used = time.monotonic() - began, cpu_s(leader.pid) - used
    return used * 1000 / lasted, cluster.index() - index


def tasks(cluster, app):
    return {t["id"]: t["host"] for t in cluster.leader().tasks_of(app)}


def told(what, figure):
    print(f"{what:72} {figure}", flush=True)


def pretend(name, instances, **more):
    return dict({"id": name, "cmd": "true", "instances": instances, "cpus": 0.01, "mem": 1, "disk": 0,
                 "portDefinitions": []}, **more)


def main(n):
    place = Place("bench")
    try:
        cluster = Cluster(place)
        leader = cluster.leader()
        cpu, entries = idle(cluster)
        before = {m: memory_kib(m.pid)[0] for m in cluster.masters}
        told("three masters and no agent: the leader's memory", f"{before[leader] / 1024:.1f} MiB")
        told("  its processor time, all in all", f"{cpu:.1f} ms a second")
        told("  entries of the log", f"{entries / IDLE_S:.1f} a second")

        token = leader.cli("token", "create", "--modes", "agent", "--quiet").stdout.strip()
        began = now_ms()
        many = Swarm(place, leader, token, "many", 0, n)
        joined = many.wait("joined")
        told(f"{n} agents joined, one after the other in 16 rows", f"{(joined - began) / 1000:.1f} s")
        registered = many.wait("registered")
        told("  all registered after that", f"{max(0, registered - joined)} ms")

        cpu_full, entries = idle(cluster)
        leader = cluster.leader()
        after = memory_kib(leader.pid)[0]
        told("the leader's memory with them", f"{after / 1024:.1f} MiB, {(after - before[leader]) / n:.1f} KiB a session")
        told("  its processor time, idle", f"{cpu_full:.1f} ms a second, {(cpu_full - cpu) * 1000 / n:.0f} us a session")
        told("  entries of the log", f"{entries / IDLE_S:.1f} a second")

        began = now_ms()
        leader.create(pretend("/many", n, constraints=[["hostname", "LIKE", "many-.*"]]))
        leader.wait_running("/many", n, 120)
        told(f"{n} tasks launched and said to run", f"{(now_ms() - began) / 1000:.1f} s")

        few = [Swarm(place, leader, token, f"few{i}", n + i, 1) for i in range(2)]
        for one in few:
            one.wait("registered")
        leader.create(pretend("/few", 1, constraints=[["hostname", "LIKE", "few.*"]]))
        leader.wait_running("/few", 1)
        silence(cluster, few)
        ended(cluster, few)
        leader_lost(cluster, many, n)
    except AssertionError:
        place.show_logs()
        raise
    finally:
        place.end()


def silence(cluster, few):
    """SIGSTOP: the system goes on, and acknowledges what it is sent."""
    ran = [s for s in few if s.when("ran")][0]
    other = few[1 - few.index(ran)]
    at = now_ms()
    ran.signal(19)
    replaced = other.wait("ran", at)
    told("a silent host: its task runs elsewhere", f"{replaced - at:.0f} ms after it was stopped")
    at = now_ms()
    ran.signal(18)
    told("  back: what was replaced has ended", f"{ran.wait('ended', at) - at:.0f} ms after")
    cluster.leader().wait_running("/few", 1)


def ended(cluster, few):
    ran = max(few, key=lambda s: s.when("ran") or 0)
    before = tasks(cluster, "/few")
    ran.end()
    end = time.monotonic() + WATCHED_S
    while time.monotonic() < end:
        assert tasks(cluster, "/few") == before, (before, tasks(cluster, "/few"))
        time.sleep(0.1)
    told("a killed process: replaced", f"0 in {WATCHED_S} s")


def leader_lost(cluster, many, n):
    before = tasks(cluster, "/many")
    at = now_ms()
    cluster.leader().kill9()
    cluster.leader()
    again = many.wait("registered", at)
    told(f"the leader killed: all {n} are with the next one", f"{again - at:.0f} ms after")
    time.sleep(WATCHED_S)
    assert tasks(cluster, "/many") == before, "tasks were replaced"
    told("  tasks replaced", f"0 of {len(before)} in {WATCHED_S} s")
    told("  the new leader's memory", f"{memory_kib(cluster.leader().pid)[0] / 1024:.1f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
