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

    with case("a run by hand has the variables and arguments that the command line says", place):
        seen = place.path("by_hand")
        node.cli("job", "run", "by-hand", "--env", "DAY=tuesday", "--env", "KEPT=?")
        wait_for(lambda: lines(seen)[-1:] == ["tuesday?"], "the run with both variables")
        refused = node.cli("job", "run", "by-hand", "--env", "DAY", check=False)
        assert refused.returncode != 0 and "NAME=VALUE" in refused.stderr, refused.stderr

    with case("a backfill takes an overlap and a limit", place):
        out = node.cli("job", "backfill", "load", iso(begin), iso(begin + 9 * day), "--overlap", "3", "--limit", "2").stdout
        assert "began" in out, out
        wait_for(lambda: job(node, "load")["backfills"][0]["state"] == "done", "the end of the backfill")
        b = job(node, "load")["backfills"][0]
        equal((b["overlap"], b["made"]), (3, 2), "overlap and runs")

    with case("a calendar keeps a job from running, and what it excludes is recorded", place):
        seen = place.path("off")
        now = int(time.time())
        with open(place.path("off.json"), "w") as f:
            f.write('{"days": ["%s/%s"]}' % (iso(now - day)[:10], iso(now + 2 * day)[:10]))
        node.cli("calendar", "set", "off", place.path("off.json"))
        put(node, "tick-c", seen, "c", schedule="R//PT1S", excludeCalendars=["off"])
        wait_for(lambda: [r["state"] for r in job(node, "tick-c")["runs"]] == ["excluded"]
                 and job(node, "tick-c")["runs"][0].get("covers", 1) >= 3, "three excluded targets in one record")
        assert "excluded by the calendar off" in node.cli("job", "runs", "tick-c").stdout, "job runs"
        assert "the calendar off" in node.cli("why", "job", "tick-c").stdout, "why"
        assert "tick-c" in node.cli("calendar", "show", "off").stdout, "calendar show"
        refused = node.cli("calendar", "delete", "off", check=False)
        assert refused.returncode != 0 and "tick-c" in refused.stderr, refused.stderr
        equal(lines(seen), [], "what ran")
        node.restart()
        with open(place.path("off.json"), "w") as f:
            f.write('{"days": ["%s"]}' % iso(now - day)[:10])
        node.cli("calendar", "set", "off", place.path("off.json"))
        wait_for(lambda: len(lines(seen)) >= 2, "it runs once it is not excluded any more")

    with case("a job runs from its first time until its last one, which explain tells too", place):
        seen = place.path("brief")
        now = int(time.time())
        put(node, "brief", seen, "$MESOLITH_PLANNED_TIME", schedule=f"R/{iso(now)}/PT1S", startsAt=iso(now + 3),
            endsAt=iso(now + 6))
        wait_for(lambda: len(lines(seen)) == 3, "three runs")
        equal(sorted(lines(seen)), [f"{iso(now + i)[:-1]}.000Z" for i in (3, 4, 5)], "for when they were")
        wait_for(lambda: "its time was over" in node.cli("why", "job", "brief").stdout, "why it runs no more")
        out = node.cli("job", "explain", "@daily", "--starts", "2099-01-01T00:00:00Z", "--exclude", "off").stdout
        assert "from 2099-01-01 00:00 UTC; not on days of off" in out and "2099-01-01T" in out, out
