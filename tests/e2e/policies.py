"""What is asked of jobs beside their schedule: runs with an environment of their own, runs for times of the
past, pauses. What the runs see, they write into a file."""
import time

from mesolith import case, equal, wait_for


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def put(node, name, seen, says, takes=0, **members):
    job = {"command": f"echo {says} >> {seen}; sleep {takes}", "cpus": 0.01, "mem": 8, **members}
    equal(node.put(f"/api/jobs/{name}", job).status, 200, "status of putting the job")


def lines(path):
    try:
        with open(path) as f:
            return f.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


def job(node, name):
    return node.get(f"/api/jobs/{name}").json


def story(place):
    node = place.node()
    node.start()
    day = 86400
    begin = int(time.time()) // day * day - 10 * day
    schedule = f"R/{iso(begin)}/P1D"

    with case("a run by hand has its own environment and arguments, the next one has not", place):
        seen = place.path("by_hand")
        put(node, "by-hand", seen, "$DAY$KEPT", schedule="R0//PT1H",
            environmentVariables=[{"name": "DAY", "value": "none"}, {"name": "KEPT", "value": "!"}])
        a = node.post("/api/jobs/by-hand/run", {"environment": {"DAY": "monday"}})
        equal(a.status, 200, "status")
        wait_for(lambda: lines(seen) == ["monday!"], "the run with an environment")
        wait_for(lambda: job(node, "by-hand")["runs"][0]["state"] == "ok", "its end")
        node.post("/api/jobs/by-hand/run", {})
        wait_for(lambda: lines(seen) == ["monday!", "none!"], "the run without")

    with case("an environment that no program can have is refused", place):
        a = node.post("/api/jobs/by-hand/run", {"environment": {"BIG": "x" * (200 << 10)}})
        equal(a.status, 422, "status")

    with case("a backfill runs each time of the past once, in order, told for when it is", place):
        seen = place.path("filled")
        put(node, "load", seen, "$MESOLITH_PLANNED_TIME $CHRONOS_JOB_RUN_TIME", schedule=schedule,
            missed="window", disabled=True)
        wanted = {"from": iso(begin + day), "to": iso(begin + 5 * day)}
        equal(node.post("/api/jobs/load/backfill", {**wanted, "dry_run": True}).json["runs"], 4, "runs planned")
        equal(node.post("/api/jobs/load/backfill", wanted).status, 200, "status")
        wait_for(lambda: job(node, "load")["backfills"][0]["state"] == "done", "the end of the backfill")
        times = [begin + (1 + i) * day for i in range(4)]
        equal(lines(seen), [f"{iso(t)[:-1]}.000Z {t}000" for t in times], "what the runs saw")
        equal(node.post("/api/jobs/load/backfill", {**wanted, "dry_run": True}).json["passed"], 4, "passed then")

    with case("a backfill goes on after a restart, and is canceled", place):
        seen = place.path("slow")
        put(node, "slow", seen, "$CHRONOS_JOB_RUN_TIME", takes=1, schedule=schedule, missed="window", disabled=True)
        node.post("/api/jobs/slow/backfill", {"from": iso(begin), "to": iso(begin + 9 * day)})
        wait_for(lambda: len(lines(seen)) >= 1, "its first run")
        node.restart()
        wait_for(lambda: len(lines(seen)) >= 3, "more of them")
        node.cli("job", "backfill", "slow", "--cancel")
        wait_for(lambda: job(node, "slow")["backfills"][0]["state"] == "canceled", "the end")
        times = [int(t) for t in lines(seen)]
        equal(times, sorted(set(times)), "times, each once and in order")
        assert len(times) < 9, times

    with case("jobs are paused by a selector, which says why, and run no more until they are resumed", place):
        seen = place.path("ticks")
        put(node, "tick-a", seen, "a", schedule="R//PT1S", owner="ops@example.org")
        put(node, "tick-b", seen, "b", schedule="R//PT1S")
        wait_for(lambda: {"a", "b"} <= set(lines(seen)), "both run")
        node.cli("job", "pause", "--selector", "name=tick-*,owner=ops@*", "--reason", "the disk is full")
        equal(job(node, "tick-a")["summary"]["paused"]["reason"], "the disk is full", "reason")
        assert "the disk is full" in node.cli("job", "show", "tick-a").stdout, "job show"
        wait_for(lambda: job(node, "tick-a")["summary"]["state"] == "disabled", "its last run ends")
        before = lines(seen).count("a")
        n = lines(seen).count("b")
        wait_for(lambda: lines(seen).count("b") >= n + 3, "the other one goes on")
        equal(lines(seen).count("a"), before, "runs of the paused one")
        node.cli("job", "resume", "tick-a")
        wait_for(lambda: lines(seen).count("a") > before, "it runs again")
        assert "paused" not in job(node, "tick-a")["summary"], "paused"
