"""kill -9 at random moments, while apps and jobs are changed through both APIs, clients ask through a
service port, and jobs run every second. Nothing that was promised is missing afterwards.

  KILLS=1000 SEED=7 tests/e2e/run kills      more of them, with the moments of another time
"""
import collections
import http.client
import os
import random
import statistics
import threading
import time

from mesolith import Traffic, Worker, case, equal, sample_app, say, sleeper, wait_for

KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
PORT = 10000
JOBS = ("tick", "tack", "tock")
EVERY_MS = 1000


class Writer:
    """The only one that changes one app or one job. Knows what was acknowledged last, and what was sent
    since then without an answer: only these may be found."""

    def __init__(self, node, rng):
        self.node, self.rng = node, rng
        self.lock = threading.Lock()
        self.acknowledged, self.pending, self.n, self.writes = None, [], 0, 0
        self.worker = Worker(self.write)

    def write(self):
        self.n += 1
        value = None if self.acknowledged is not None and self.rng.random() < 0.1 else self.n
        with self.lock:
            self.pending.append(value)
        try:
            a = self.delete() if value is None else self.put(value)
        except (OSError, http.client.HTTPException, KeyError):
            time.sleep(0.01)  # the node is dead: not too often
            return
        with self.lock:
            if a.status < 300:
                self.acknowledged, self.pending = value, []
                self.writes += 1
            elif a.status in (404, 400) and value is None:
                # the delete before this one was carried out and not answered
                assert None in self.pending[:-1], f"{self.name} was lost: {a}"
                self.acknowledged, self.pending = None, []
            else:
                assert a.status >= 500, f"{self.name}: {a}"

    def check(self):
        """What is there must be what was acknowledged, or something newer."""
        with self.lock:  # what is under way stays pending as long
            acknowledged, sent = self.acknowledged, list(self.pending)
            found = self.get()
        assert found in [acknowledged, *sent], f"{self.name}: found {found}, acknowledged {acknowledged}, sent {sent}"


class AppWriter(Writer):
    def __init__(self, node, rng, name, instances):
        self.name, self.instances = name, instances
        super().__init__(node, rng)

    def put(self, value):
        return self.node.put(f"/v2/apps{self.name}?force=true",
                             sleeper(self.name, instances=self.instances, labels={"n": str(value)},
                                     env={"N": str(value)}), timeout=5)

    def delete(self):
        return self.node.delete(f"/v2/apps{self.name}?force=true", timeout=5)

    def get(self):
        a = self.node.get("/v2/apps" + self.name)
        return int(a.json["app"]["labels"]["n"]) if a.status == 200 else None


class JobWriter(Writer):
    def __init__(self, node, rng, name):
        self.name = name
        super().__init__(node, rng)

    def put(self, value):
        return self.node.post("/scheduler/iso8601", {
            "name": self.name, "command": "true", "schedule": "R/2099-01-01T00:00:00Z/P1D",
            "description": str(value)}, "chronos", timeout=5)

    def delete(self):
        return self.node.delete(f"/scheduler/job/{self.name}", "chronos", timeout=5)

    def get(self):
        jobs = {j["name"]: j for j in self.node.get("/scheduler/jobs", "chronos").json}
        return int(jobs[self.name]["description"]) if self.name in jobs else None


class Stable:
    """Tasks that nobody changes: their ids and processes stay."""

    def __init__(self, node):
        self.node = node
        self.ids, self.processes = self.look()

    def look(self):
        ids = {t["id"] for t in self.node.tasks_of("/sample") + self.node.tasks_of("/quiet")
               if t["state"] == "TASK_RUNNING"}
        of = {n: (t.pid, t.started, t.supervisor) for n, t in self.node.supervised().items() if t.name in ids}
        return ids, of

    def check(self):
        equal(self.look(), (self.ids, self.processes), "stable tasks")


def every_second(place, name, start):
    """Each run says in a file which it is."""
    return {"name": name, "schedule": f"R/{start}/PT1S", "epsilon": "PT10M", "concurrent": True, "retries": 0,
            "cpus": 0.001, "mem": 1, "disk": 0,
            "command": f"echo $MESOS_TASK_ID >> '{place.path(name)}'"}


def starts_of(place, name):
    """How often each due time was started, in ms."""
    with open(place.path(name)) as f:
        return collections.Counter(int(line.split(":")[1]) for line in f)


def kill_and_restart(node, rng):
    """At a moment between the first of its life and half a second into it."""
    time.sleep(rng.random() * 0.4)
    node.kill9()
    while rng.random() < 0.3:  # again, while it is starting
        node.launch()
        time.sleep(rng.random() * 0.15)
        node.kill9()
    node.start()
    return node.ready_s


def runs_are_whole(node, place, name, first):
    last = int(time.time()) * 1000
    wait_for(lambda: max(starts_of(place, name)) >= last, f"{name} has caught up")
    starts = starts_of(place, name)
    dues = range(first, last + 1, EVERY_MS)
    assert min(starts) >= first, f"{name}: was started before its first target"
    missed = [d for d in dues if starts[d] == 0]
    doubled = [d for d in dues if starts[d] > 1]
    told = [r for r in node.get(f"/api/runs?job={name}&limit=1000").json["items"]
            if r.get("task") and int(r["task"].split(":")[1]) in missed + doubled]
    assert not missed and not doubled, f"{name}: missed {missed}, doubled {doubled}, of {len(dues)}: {told}"
    return len(dues)


def story(place):
    rng = random.Random(SEED)
    say(f"seed {SEED}, {KILLS} kills")
    node = place.node().start()
    node.create(sample_app("/sample", PORT, instances=2, mem=128))
    node.create(sleeper("/quiet", instances=3))
    wait_for(lambda: node.app("/sample")["tasksHealthy"] == 2, "two healthy tasks")
    node.wait_running("/quiet", 3)
    stable = Stable(node)
    equal((len(stable.ids), len(stable.processes)), (5, 5), "stable tasks")
    first = int(time.time()) + 1
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(first))
    for name in JOBS:
        equal(node.post("/scheduler/iso8601", every_second(place, name, start), "chronos").status, 204, name)
    writers = [AppWriter(node, random.Random(rng.random()), "/idle", 0),
               AppWriter(node, random.Random(rng.random()), "/busy", 1),
               JobWriter(node, random.Random(rng.random()), "job1"),
               JobWriter(node, random.Random(rng.random()), "job2")]
    traffic = Traffic(place, PORT, 100, 10)

    restarts = []
    with case(f"killed {KILLS} times: no acknowledged write is missing, tasks keep their ids and processes", place):
        for _ in range(KILLS):
            restarts.append(kill_and_restart(node, rng) * 1000)
            for w in writers:
                w.check()
            stable.check()
    say(f"ready again after {statistics.median(restarts):.0f} ms in the median, {max(restarts):.0f} at most")
    with case("the writers were never told anything that was not so", place):
        for w in writers:
            w.worker.end()
        for w in writers:
            w.check()
        say(f"{sum(w.writes for w in writers)} writes acknowledged")
    with case("the service port answered all the while", place):
        said = traffic.end()
        say(f"{said['asked']} requests, the slowest {said['slowest_ms']} ms")
    with case("no job run is missed or doubled", place):
        runs = [runs_are_whole(node, place, name, first * 1000) for name in JOBS]
        say(f"{sum(runs)} runs")
    with case("in the end there is what was asked for, and nothing else", place):
        for name in JOBS:
            equal(node.delete(f"/scheduler/job/{name}", "chronos").status, 204, name)
        busy = 1 if writers[1].get() is not None else 0
        wait_for(lambda: len(node.supervised()) == 5 + busy, "a process for each task")
        stable.check()
        equal(node.stop()[0], 0, "exit status")
