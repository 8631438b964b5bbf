"""Many clients at once do everything to the same few apps and jobs, whose tasks start, fail, hang and
will not end. Whatever order it all happens in, what the state counts along is what is there, and
afterwards everything becomes as wanted.

  STORM=300 SEED=7 tests/e2e/run storm      for so many seconds, with the deeds of another time
"""
import http.client
import os
import random
import time

from mesolith import ROOT, Worker, case, equal, say, wait_for

STORM_S = float(os.environ.get("STORM", "15"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
CLIENTS = 16
APPS, JOBS = ("/s/a", "/s/b", "/s/c", "/s/d"), ("ja", "jb", "jc")
COMMANDS = ("exec sleep 1000", "exec sleep 1000", "exec sleep 1000", "exit 0", "sleep 0.2; exit 3",
            "kill -9 $$", "trap '' TERM; sleep 1000", "(sleep 500 &) ; exit 0", "no-such-command")
MIB = 1 << 20


def recount(node):
    """A sentence for each number in the state that is not what is there."""
    wrong = []
    for name in ("recount.sql", "recount_history.sql"):
        with open(os.path.join(ROOT, "tests", name)) as f:
            a = node.post("/api/sql", {"query": f.read()})
        equal(a.status, 200, f"{name}: {a}")
        wrong += [row[0] for row in a.json["rows"]]
    return wrong


# ---- what clients do: (how often, deed); each returns the answer, or None if there was nothing to do

def some_app(r):
    check = {"protocol": "COMMAND", "command": {"value": r.choice(["true", "false", "sleep 5"])},
             "intervalSeconds": 1, "timeoutSeconds": 1, "gracePeriodSeconds": 1,
             "maxConsecutiveFailures": 2}
    return {
        "cmd": r.choice(COMMANDS), "instances": r.randrange(6), "cpus": 0.01, "mem": 8, "disk": 0,
        "portDefinitions": [{"port": 0}] * r.randrange(3), "healthChecks": r.choice([[], [check]]),
        "backoffSeconds": r.choice([0, 0.1, 1]), "backoffFactor": 1, "maxLaunchDelaySeconds": 2,
        "taskKillGracePeriodSeconds": 1,
        "upgradeStrategy": {"minimumHealthCapacity": r.choice([0, 0.5, 1]),
                            "maximumOverCapacity": r.choice([0, 0.5, 1])},
    }


def app(r):
    return "/v2/apps" + r.choice(APPS)


def force(r):
    return r.choice(["", "?force=true"])


def kill_tasks(n, r):
    tasks = n.get("/v2/tasks").json["tasks"]
    ids = [t["id"] for t in r.sample(tasks, min(3, len(tasks)))]
    return n.post("/v2/tasks/delete" + r.choice(["", "?scale=true", "?wipe=true"]), {"ids": ids})


def cancel(n, r):
    running = n.get("/v2/deployments").json
    return n.delete("/v2/deployments/" + r.choice(running)["id"] + force(r)) if running else None


def put_job(n, r):
    return n.post("/scheduler/iso8601", {
        "name": r.choice(JOBS), "command": r.choice(COMMANDS), "cpus": 0.01, "mem": 8,
        "schedule": r.choice(["R//PT1S", "R3//PT1S", "R//PT2S"]), "retries": r.randrange(3),
        "concurrent": r.random() < 0.5}, "chronos")


DEEDS = [
    (3, lambda n, r: n.post("/v2/apps", dict(some_app(r), id=r.choice(APPS)))),
    (4, lambda n, r: n.put(app(r) + force(r), some_app(r))),
    (2, lambda n, r: n.put(app(r) + force(r), {"instances": r.randrange(8)})),
    (1, lambda n, r: n.delete(app(r) + force(r))),
    (1, lambda n, r: n.post(app(r) + "/restart" + force(r), {})),
    (1, lambda n, r: n.delete(app(r) + "/tasks" + r.choice(["", "?scale=true"]))),
    (2, kill_tasks),
    (2, cancel),
    (2, put_job),
    (1, lambda n, r: n.put("/scheduler/job/" + r.choice(JOBS), door="chronos")),
    (1, lambda n, r: n.delete("/scheduler/job/" + r.choice(JOBS), "chronos")),
    (1, lambda n, r: n.delete("/scheduler/task/kill/" + r.choice(JOBS), "chronos")),
]


def client(node, seed, failures):
    r = random.Random(seed)

    def work():
        deed, = r.choices([d for _, d in DEEDS], [weight for weight, _ in DEEDS])
        try:
            a = deed(node, r)
        except (OSError, http.client.HTTPException):
            if node.process.poll() is not None:
                raise  # it has died
            return
        lost = a is not None and "changed meanwhile" in a.text  # against others, again and again
        if a is not None and a.status >= 500 and not lost:
            failures.append(str(a))
    return Worker(work)


# ---- afterwards

def calm(node):
    for job in JOBS:
        node.delete("/scheduler/job/" + job, "chronos")
    for path in APPS:
        a = node.put(f"/v2/apps{path}?force=true", {
            "cmd": "exec sleep 1000", "instances": 2, "cpus": 0.01, "mem": 8, "healthChecks": [],
            "portDefinitions": [{"port": 0}], "taskKillGracePeriodSeconds": 1, "backoffSeconds": 0})
        assert a.status < 300, a


def zombies(node):
    """Children of the node's own processes that nobody has taken note of."""
    def stat(pid):
        with open(f"/proc/{pid}/stat") as f:
            name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
            return name, rest.split()[0], int(rest.split()[1])
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, state, parent = stat(pid)
            if state == "Z" and (parent == node.pid or stat(parent)[2] == node.pid):
                found.append(f"{pid} ({name})")
        except OSError:
            continue
    return found


def story(place):
    node = place.node(resources="cpus:4;mem:4000;disk:4000;ports:[31000-31400]").start()
    say(f"SEED={SEED}")
    failures, wrong = [], []
    with case("in the middle of a storm every count is what is there", place):
        clients = [client(node, SEED + i, failures) for i in range(CLIENTS)]
        end = time.monotonic() + STORM_S
        while time.monotonic() < end and not wrong and node.process.poll() is None:
            wrong = recount(node)
            time.sleep(0.2)
        for c in clients:
            c.end()
        equal(wrong, [], "recount")
        equal(node.process.poll(), None, "exit status")
    with case("no client was told that the node has failed", place):
        equal(failures[:5], [], "answers of 500 and more")
    with case("after it everything becomes as wanted", place):
        calm(node)
        for path in APPS:
            node.wait_running(path, 2)
        wait_for(lambda: len(node.supervised()) == 2 * len(APPS), "nothing else runs")
        wait_for(lambda: not zombies(node), "no zombies")
        equal(recount(node), [], "recount")
    with case("and the logs of the databases are no longer than they may be", place):
        # room on disk is taken in steps of 4 MiB
        for name, most in (("state.db-wal", 80 * MIB), ("agent/agent.db-wal", 12 * MIB)):
            size = os.path.getsize(os.path.join(node.data, name))
            say(f"{name}: {size} bytes")
            assert size < most, f"{name}: {size} bytes"
    equal(node.stop()[0], 0, "exit status")
