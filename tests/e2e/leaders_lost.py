"""What three masters promise while their leader goes again and again: its disk is full, or it is killed in
the middle of a long backfill.

  RUNS=10000 KILL_EVERY=40 tests/e2e/run leaders_lost     a longer one
"""
import contextlib
import os
import subprocess
import time

from bad_days import IO
from crowd import leader_of, wait_voting
from mesolith import PATIENCE_S, case, equal, say, skip, sleeper, wait_for
from policies import iso, job, lines, put

RUNS = int(os.environ.get("RUNS", "100"))
KILL_EVERY = int(os.environ.get("KILL_EVERY", "25"))  # runs
MOST_S = 120 + RUNS
DISK_MIB = 64


def masters(place, disk_of):
    disk = place.path(f"node{disk_of}")
    os.mkdir(disk)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "mesolith-e2e", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        disk = None
    else:
        place.at_end.append(lambda: subprocess.run(["umount", "-l", disk]))
    first = place.member(1).start()
    nodes = [first] + [place.member(n, first).start() for n in (2, 3)]
    wait_voting(nodes)
    return nodes, disk


def put_app(nodes, name):
    """Whether it was acknowledged by one of them."""
    for node in nodes:
        with contextlib.suppress(OSError):
            if node.post("/v2/apps", sleeper(name, instances=0, labels={"x": "y" * 1000}), timeout=10).status == 201:
                return True
    return False


def full_disk(place, nodes, disk):
    node, others = nodes[1], [nodes[0], nodes[2]]
    seen = place.path("ticks")
    put(nodes[0], "tick", seen, "$CHRONOS_JOB_RUN_TIME", schedule=f"R/{iso(time.time() + 1)}/PT1S")
    wait_for(lambda: len(lines(seen)) > 2, "the job runs")
    if leader_of(nodes) is not node:
        nodes[0].cli("leader", "transfer", node.name)
    wait_for(lambda: leader_of(nodes) is node, "it leads")
    promised = [f"/before-{i}" for i in range(20) if put_app([node], f"/before-{i}")]
    ballast = os.path.join(disk, "ballast")
    with case("a leader whose disk is full stops with one sentence, and another one leads", place):
        with open(ballast, "ab", buffering=0) as f, contextlib.suppress(OSError):
            while f.write(b"\0" * 4096):
                pass
        equal(node.process.wait(PATIENCE_S), IO, "exit status")
        node.process.stdout.close()
        with open(node.log) as f:
            told = [x for x in f if "full" in x]
        equal(len(told), 1, f"sentences that say so: {told}")
        wait_for(lambda: leader_of(others) in others, "another one leads")
        wait_for(lambda: put_app(others, "/meanwhile"), "writes go on")
        promised.append("/meanwhile")
        before = len(lines(seen))
        wait_for(lambda: len(lines(seen)) > before + 2, "the job goes on")
    with case("with room again it is back, nothing that was promised is lost and no run was twice", place):
        os.remove(ballast)
        node.start()
        wait_voting(nodes)
        for n in nodes:
            wait_for(lambda n=n: {a["id"] for a in n.get("/v2/apps").json["apps"]} >= set(promised),
                     f"{n.name} has all of {len(promised)}")
        nodes[0].cli("job", "delete", "tick")
        times = lines(seen)
        equal(len(times), len(set(times)), "runs, and times that they were of")


def kill_leaders(nodes, seen, done):
    kills, until = 0, time.monotonic() + MOST_S
    while not done():
        assert time.monotonic() < until, f"not done after {MOST_S} s and {kills} kills"
        before = len(lines(seen))
        wait_for(lambda: done() or len(lines(seen)) >= before + KILL_EVERY, "the backfill goes on")
        if done():
            break
        leader = wait_for(lambda: leader_of(nodes), "somebody leads")
        leader.kill9()
        leader.start()
        kills += 1
    return kills


def backfill(place, nodes):
    seen, minute = place.path("filled"), 60
    begin = (int(time.time()) // minute - RUNS - 2) * minute
    put(nodes[0], "load", seen, "$CHRONOS_JOB_RUN_TIME", schedule=f"R/{iso(begin)}/PT1M", missed="window", disabled=True)
    with case("a backfill whose leader is killed again and again runs each time once, in order", place):
        wanted = {"from": iso(begin), "to": iso(begin + RUNS * minute)}
        equal(nodes[0].post("/api/jobs/load/backfill", wanted).status, 200, "status")

        def done():
            with contextlib.suppress(OSError, KeyError, TypeError, ValueError):
                return job(nodes[0], "load")["backfills"][0]["state"] == "done"
            return False
        began = time.monotonic()
        kills = kill_leaders(nodes, seen, done)
        say(f"{RUNS} runs and {kills} kills in {time.monotonic() - began:.0f} s")
        assert kills > 0, "nobody was killed"
        equal(lines(seen), [f"{begin + i * minute}000" for i in range(RUNS)], "the times of its runs")


def story(place):
    nodes, disk = masters(place, 2)
    if disk is None:
        skip("a full disk among three", "a small tmpfs cannot be mounted here")
    else:
        full_disk(place, nodes, disk)
    backfill(place, nodes)
