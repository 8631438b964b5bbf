#!/usr/bin/python3
"""Judges what a simulated day has left behind: spec/chronos.md 10.9.

  judge.py FOLDER                 a line for each property; 1 if one is violated
  judge.py FOLDER --finds S9,S14  1 if one of these is not
"""
import collections
import datetime
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../e2e"))
from firings import CONDITIONS, s9_dependencies  # noqa: E402
from history import (Backfill, Faults, Job, Jobs, Op, Record, Run, Verdict, linearizable,  # noqa: E402
                     stale_reads)
from schedules import CronGrid, Days, Grid, duration_of, ms_of  # noqa: E402

SHOWN = 10
AROUND_MS = 60000


def lines(folder, name):
    with open(os.path.join(folder, name)) as f:
        for line in f:
            yield json.loads(line)


def barred_of(body, calendars):
    """Which targets a calendar excludes; None: none."""
    zone = body.get("scheduleTimeZone", "")
    excluded = [Days(calendars[n], zone) for n in body.get("excludeCalendars", [])]
    only = [Days(calendars[n], zone) for n in body.get("onlyCalendars", [])]
    if not excluded and not only:
        return None
    return lambda t: any(d.has(t) for d in excluded) or (bool(only) and not any(d.has(t) for d in only))


def job_of(body, calendars, posted):
    said, grid = body.get("parentConditions", {}), None
    if "cron" in body:
        grid = CronGrid(body["cron"], body["scheduleTimeZone"], posted)
    elif "schedule" in body:
        grid = Grid(body["schedule"], body.get("scheduleTimeZone", ""))
    return Job(
        barred=barred_of(body, calendars), fresh="cron" in body,
        grid=grid, interval=grid.step if grid is not None else 0,
        count=grid.count if grid is not None else -1, epsilon=duration_of(body.get("epsilon", "PT60S")),
        duration=int(body["command"].split()[1]) + 1, catchup=body.get("missed") == "catchup",
        jitter=1000 * body.get("jitterSeconds", 0), skips=body.get("overlap") == "skip", kills=body.get("overlap") == "kill",
        concurrent=body["concurrent"], disabled=body["disabled"], retries=body["retries"],
        retry_delay=body["retryDelaySeconds"] * 1000, mode=body.get("dependencyMode", "all"),
        parents=tuple(sorted((p, CONDITIONS[said.get(p, "success")]) for p in body.get("parents", []))))


KINDS = {"write": "write", "delete": "write", "pause": "write", "resume": "write", "run": "run", "success": "mark",
         "read": "read", "backfill": "backfill"}


def instant_of(text):
    return ms_of(datetime.datetime.fromisoformat(text.rstrip("Z")))


def read_ops(folder):
    """What was asked of jobs; and the same as writes and reads of numbers."""
    jobs, numbers, sure = [], [], {}  # sure: how a job was written last, and when
    calendars = {o["name"]: o["def"]["days"] for o in lines(folder, "api.log") if o["op"] == "calendar"}
    for o in lines(folder, "api.log"):
        if o["op"] == "calendar":
            continue
        kind, body = KINDS[o["op"]], o["def"]
        if o["op"] in ("pause", "resume"):  # asked for only while that is certain
            was, posted = sure[o["name"]]
            jobs.append(Op(o["t0"], o["t1"], kind, o["name"],
                           job_of({**was, "disabled": o["op"] == "pause"}, calendars, posted), o["outcome"], o["node"]))
            continue
        if kind == "backfill":
            wish = Backfill(instant_of(body["from"]), instant_of(body["to"]), body["overlap"], body["again"])
            jobs.append(Op(o["t0"], o["t1"], kind, o["name"], wish, o["outcome"], o["node"]))
            continue
        if o["op"] == "write" and o["outcome"] == "ok":
            sure[o["name"]] = (body, o["t0"])
        value = job_of(body, calendars, o["t0"]) if body else None
        number = int(body["description"]) if body else o["value"] if o["value"] >= 0 else None
        if kind != "read":
            jobs.append(Op(o["t0"], o["t1"], kind, o["name"], value, o["outcome"], o["node"]))
        if kind in ("read", "write"):
            numbers.append(Op(o["t0"], o["t1"], kind, o["name"], number, o["outcome"], o["node"]))
    return jobs, numbers


def read_own(folder):
    found = {}
    for r in lines(folder, "own.log"):
        found[r["run"]] = Record(r["name"], r["due"], r["state"], r["covers"], r["cause"], r["reason"], r["run"], r["job"],
                                 r["queued"], r["started"], r["heard"], r["by"], r["root"])
    return found


MOST = 10_000  # runs of one job are kept, however young they are (the setting history.most)


def forgotten(folder):
    """Runs of deleted jobs that are not kept, though what ended as long ago is, and of which there are not too many."""
    kept = list(lines(folder, "kept.log"))
    since = next(k["since"] for k in kept if "since" in k)
    there = {k["job"] for k in kept if "job" in k}
    still = {k["run"] for k in kept if "run" in k}
    ended = {r["run"]: r for r in lines(folder, "own.log") if r["ended"] > since and r["state"] != "cancelled"}
    gone = [r for r in ended.values() if r["job"] not in there]
    n = collections.Counter(r["job"] for r in gone if r["run"] in still)
    full = {job for job in n if n[job] > 0.99 * MOST}
    return Verdict(len(gone), [f"{r['name']}: its run {r['run']}, ended {r['ended']}, went with the job"
                               for r in gone if r["run"] not in still and r["job"] not in full])


def read_runs(folder, own):
    for r in lines(folder, "runs.log"):
        due, attempt = r["task"].split(":")[1:3]
        record = own.get(r["run"])
        yield Run(r["name"], r["start"], r["end"], int(due), int(attempt), r["node"], r["exit"], r["run"],
                  record.job if record else 0, record.cause if record else "")


def read_faults(folder):
    """The faults, as the judge has them; how it ended; and all as it was written."""
    told = list(lines(folder, "fault.log"))
    end = told.pop()
    nodes = end["nodes"]
    all_pairs = [(a, b) for a in nodes for b in nodes if a != b]
    as_judged = {"stop": "down", "cont": "up"}
    log = []
    for f in told:
        what = f.get("node")
        if f["kind"] == "cut":
            what = [(f["from"], f["to"])]
        elif f["kind"] == "loss":
            what = all_pairs
        kind = "cut" if f["kind"] == "loss" else as_judged.get(f["kind"], f["kind"])
        log.append((f["t"], kind, what))
    return Faults(nodes, log, nodes[:end["masters"]]), end, told


def tally(judge, until):
    """Without any excuse, the two numbers that the first test of this kind set out to measure."""
    due = ran = doubled = 0
    late = []
    for name in judge.names:
        firsts = [r for r in judge.runs[name] if r.attempt == 0 and r.cause != "backfill"]
        starts = collections.Counter(r.due for r in firsts)
        first = {r.due: r.start for r in reversed(firsts)}
        for span in judge.must(name):
            for t in span.job.targets(min(span.end, until) - span.job.epsilon - 2000, span.begin + 1000):
                due += 1
                ran += starts[t] > 0
                doubled += starts[t] > 1
                late += [first[t] - t] if t in first else []
    late.sort()
    print(f"of {due} targets {due - ran} have no run of their own ({100 * (due - ran) / max(due, 1):.3f} %), "
          f"{doubled} have two ({100 * doubled / max(due, 1):.3f} %)")
    if late:
        print(f"started after {late[len(late) // 2]} ms in the median, 99 %: {late[len(late) * 99 // 100]} ms")


def show(name, verdict, told):
    for sentence in verdict.wrong[:SHOWN]:
        print(f"  {name}: {sentence}")
        times = [int(w) for w in sentence.replace(",", " ").split() if w.isdigit() and len(w) == 13]
        if times:
            print(*(f"      {json.dumps(f)}" for f in told if abs(f["t"] - times[0]) < AROUND_MS), sep="\n")


def main(folder, finds):
    jobs, numbers = read_ops(folder)
    own = read_own(folder)
    runs = list(read_runs(folder, own))
    faults, end, told = read_faults(folder)
    judge = Jobs(jobs, runs, faults, own.values(), end["t"], all_told=True)
    verdicts = judge.verdicts()
    left = forgotten(folder)
    verdicts["S14"] = Verdict(verdicts["S14"].judged + left.judged, verdicts["S14"].wrong + left.wrong)
    verdicts["S9"] = s9_dependencies(judge)
    verdicts["S10"], verdicts["S11"] = stale_reads(numbers), linearizable(numbers)
    verdicts["S13"] = Verdict(len(faults.nodes), [end["failure"]] if end["failure"] else [])
    print(f"{len(runs)} starts, {len(own)} runs, {len(jobs)} wishes, {len(told)} faults; "
          + ", ".join(f"{n} {what}" for what, n in sorted(collections.Counter(r.state for r in own.values()).items())))
    for name in sorted(verdicts, key=lambda n: int(n[1:])):
        v = verdicts[name]
        print(f"{'not ok' if v.wrong else 'ok'} {name}: {v.judged} judged, {len(v.wrong)} violated")
        show(name, v, told)
    tally(judge, end["t"])
    if finds:
        return 0 if all(verdicts[name].wrong for name in finds) else 1
    return 1 if any(v.wrong for v in verdicts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[3].split(",") if len(sys.argv) > 3 else []))
