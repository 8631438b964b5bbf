"""The judge of histories finds what is planted, and nothing in a history that is good."""
import dataclasses
import datetime

from firings import CONDITIONS, s9_dependencies
from history import (BACKFILL_MS, FOR_EVER, Backfill, Faults, Job, Jobs, Op, Record, Run, jepsen, linearizable,
                     missed_targets, stale_reads)
from mesolith import case, equal
from schedules import Grid

NODES = ("n1", "n2", "n3", "n4", "n5")
T = 1_800_000_000_000
JOB = Job(start=T + 10_000, interval=20_000, count=3, epsilon=10_000, duration=2000)
END = T + 200_000


def op(t0, t1, kind, value=None, outcome="ok", name="7"):
    return Op(T + t0, T + t1, kind, name, value, outcome)


def run(due, start=None, took=1500, attempt=0, node="n4", exit=0, name="7"):
    start = due + 100 if start is None else start
    return Run(name, T + start, None if took is None else T + start + took, T + due, attempt, node, exit)


N4_AWAY = [(50_150, "cut", [(a, b) for a in NODES for b in NODES if "n4" in (a, b) and a != b]), (60_000, "heal", None)]
GOOD_OPS = [op(0, 20, "write", JOB)]
GOOD_RUNS = [run(10_000), run(30_000), run(50_000)]


def wrong(ops=GOOD_OPS, runs=GOOD_RUNS, faults=(), own=(), read_at=END):
    """The properties that a history breaks."""
    judge = Jobs(ops, runs, Faults(NODES, [(T + t, kind, what) for t, kind, what in faults]), own, read_at)
    return [name for name, v in judge.verdicts().items() if v.wrong]


def halves(*left):
    return [(a, b) for a in left for b in NODES if b not in left]


def fill(t, **wish):
    """Somebody asks for a backfill of all targets."""
    return op(t, t + 10, "backfill", Backfill(T, T + 60_000, **wish))


def filled(due, start, **more):
    return dataclasses.replace(run(due, start, **more), cause="backfill", id=due)


def told(*runs):
    """What the system says of runs, which are called by their dues."""
    return [Record("7", r.due, "ok", cause=r.cause, id=r.id, queued=r.start) for r in runs]


FILLED = [filled(due, 70_000 + due) for due in (10_000, 30_000, 50_000)]
LONG_AFTER = END + BACKFILL_MS


def with_job(**changes):
    return [op(0, 20, "write", dataclasses.replace(JOB, **changes))]


def jobs():
    with case("a good history of a job breaks nothing"):
        equal(wrong(), [], "broken")
        equal(len(jepsen(GOOD_OPS, GOOD_RUNS, END).wrong), 0, "the public test's verdict")

    planted = [
        ("S1 a target that did not run", "S1", dict(runs=GOOD_RUNS[:2])),
        ("S1 a target that ran too late", "S1", dict(runs=[*GOOD_RUNS[:2], run(50_000, 63_000)])),
        ("S1 a run that never ended on a node that was well", "S1", dict(runs=[*GOOD_RUNS[:2], run(50_000, took=None)])),
        ("S1 a fault long before the deadline excuses nothing", "S1",
         dict(runs=GOOD_RUNS[:2], faults=[(49_000, "cut", halves("n1", "n2", "n3")), (50_500, "heal", None)])),
        ("S3 a run that is started twice", "S3", dict(runs=[*GOOD_RUNS, run(50_000, 50_200, node="n5")])),
        ("S3 a held run that is started twice, whatever happened", "S3",
         dict(ops=with_job(held=True), runs=[*GOOD_RUNS, run(50_000, 55_000, node="n5")],
              faults=[(50_150, "cut", halves("n4")), (60_000, "heal", None)])),
        ("S4 a run that nobody asked for", "S4", dict(runs=[*GOOD_RUNS, run(31_000, 33_000)])),
        ("S4 a run after its job was deleted", "S4",
         dict(ops=[*GOOD_OPS, op(40_000, 40_010, "write", None)])),
        ("S5 two runs at once", "S5", dict(runs=[run(10_000, took=25_000), *GOOD_RUNS[1:]])),
        ("S6 more runs than it may have", "S6", dict(runs=[*GOOD_RUNS, run(70_000)])),
        ("S6 more runs than it may have, though it was posted again", "S6",
         dict(ops=[*GOOD_OPS, op(60_000, 60_010, "write", JOB)], runs=[*GOOD_RUNS, run(70_000)])),
        ("S6 of what catches up", "S6", dict(ops=with_job(catchup=True), runs=[*GOOD_RUNS, run(70_000)])),
        ("S7 a run before its time", "S7", dict(runs=[*GOOD_RUNS[:2], run(50_000, 49_000)])),
        ("S8 a retry that it has no right to", "S8", dict(runs=[*GOOD_RUNS, run(50_000, 55_000, attempt=1)])),
        ("S8 a retry too soon", "S8",
         dict(ops=with_job(retries=2, retry_delay=5000),
              runs=[*GOOD_RUNS[:2], run(50_000, exit=1), run(56_600, 53_000, attempt=1)])),
        ("S8 a failure that is not tried again", "S8",
         dict(ops=with_job(retries=1, retry_delay=5000), runs=[*GOOD_RUNS[:2], run(50_000, exit=1)])),
        ("S8 a gap in the attempts", "S8",
         dict(ops=with_job(retries=2, retry_delay=1000), runs=[*GOOD_RUNS, run(55_000, attempt=2)])),
        ("S8 a failure of both starts that is not tried again", "S8",
         dict(ops=with_job(retries=1, retry_delay=5000), faults=N4_AWAY,
              runs=[*GOOD_RUNS[:2], run(50_000, exit=1), run(50_000, 55_000, node="n5", exit=1)])),
        ("S14 a target without a run that nobody speaks of", "S14", dict(runs=GOOD_RUNS[:2])),
        ("S14 the same, of a job that is deleted long after", "S14",
         dict(ops=[*GOOD_OPS, op(193_000, 193_010, "write", None)], runs=GOOD_RUNS[:2])),
        ("S1 what ended with its node stands in nobody's way later", "S1",
         dict(ops=with_job(duration=60_000), runs=[run(10_000, took=None), run(50_000)],
              faults=[(15_000, "down", "n4"), (20_000, "up", "n4")])),
        ("S1 a target for which nobody ended the run before it", "S1",
         dict(ops=with_job(duration=60_000, kills=True), runs=[run(10_000, took=55_000)])),
        ("S1 the same, though its start is spread", "S1",
         dict(ops=with_job(duration=60_000, kills=True, jitter=6000), runs=[run(10_000, took=55_000)])),
        ("S2 a target that nobody caught up with", "S2", dict(ops=with_job(catchup=True), runs=GOOD_RUNS[:2])),
        ("B1 a backfill's run that is never begun", "B1",
         dict(ops=[*GOOD_OPS, fill(75_000, again=True)], runs=[*GOOD_RUNS, *FILLED[:2]], own=told(*FILLED),
              read_at=LONG_AFTER)),
        ("B1 a backfill that leaves out what has not run", "B1",
         dict(ops=[*GOOD_OPS, fill(75_000)], runs=[*GOOD_RUNS[:1], *FILLED[1:2]], own=told(*FILLED[1:2]),
              read_at=LONG_AFTER)),
        ("S4 a backfill's run after its job was deleted", "S4",
         dict(ops=[*GOOD_OPS, fill(75_000, again=True), op(90_000, 90_010, "write", None)],
              runs=[*GOOD_RUNS, *FILLED], own=told(*FILLED))),
        ("S4 a run by hand after its job was deleted", "S4",
         dict(ops=[*GOOD_OPS, op(70_000, 70_020, "run"), op(75_000, 75_010, "write", None)],
              runs=[*GOOD_RUNS, dataclasses.replace(run(70_010, 90_000), cause="manual")])),
        ("S5 a backfill's runs beside each other", "S5",
         dict(ops=[*GOOD_OPS, fill(75_000, again=True)], own=told(*FILLED),
              runs=[*GOOD_RUNS, *(filled(r.due - T, 80_000, took=9000) for r in FILLED[:2])])),
        ("S5 more of them than it may have at once", "S5",
         dict(ops=[*GOOD_OPS, fill(75_000, again=True, most=2)], own=told(*FILLED),
              runs=[*GOOD_RUNS, *(filled(r.due - T, 80_000, took=9000) for r in FILLED)])),
    ]
    for what, broken, history in planted:
        with case(f"planted: {what}"):
            assert broken in wrong(**history), f"{broken} is not among {wrong(**history)}"

    excused = [
        ("without a majority no target is due", "S1",
         dict(runs=GOOD_RUNS[:2], faults=[(45_000, "cut", halves("n1", "n2") + [("n3", "n4")]), (61_000, "heal", None)])),
        ("a second start is right once the first node was cut off", "S3",
         dict(runs=[*GOOD_RUNS, run(50_000, 55_000, node="n5")],
              faults=[(50_150, "cut", halves("n4")), (60_000, "heal", None)])),
        ("an add of which nobody knows whether it was done may run, and need not", "S1",
         dict(ops=[op(0, 20, "write", JOB, "unknown")], runs=GOOD_RUNS[:1])),
        ("a run by hand has its cause", "S4", dict(ops=[*GOOD_OPS, op(70_000, 70_020, "run")],
                                                   runs=[*GOOD_RUNS, run(70_010)])),
        ("what ended with its node was going on until then", "S1",
         dict(ops=with_job(duration=40_000), runs=[GOOD_RUNS[0], run(30_000, took=None), run(70_000)],
              faults=[(59_500, "down", "n4")])),
        ("what outlived its node was going on until its machine was lost", "S1",
         dict(ops=with_job(duration=60_000), runs=[run(10_000, took=None), run(50_000, 55_000)],
              faults=[(15_000, "down", "n4"), (20_000, "up", "n4"), (39_500, "down", "n4"), (39_500, "lost", "n4")])),
        ("what another definition runs is no run of this one, though its targets be on this grid", "S6",
         dict(ops=[*GOOD_OPS, op(60_000, 60_010, "write", dataclasses.replace(JOB, start=T + 70_000, interval=7000))],
              runs=[*GOOD_RUNS, run(70_000), run(77_000)])),
        ("nor what runs by hand", "S6", dict(ops=[*GOOD_OPS, op(70_000, 70_020, "run")],
                                             runs=[*GOOD_RUNS, dataclasses.replace(run(70_000), cause="manual")])),
        ("what catches up and is posted again may run so often once more", "S6",
         dict(ops=[op(t, t + 20, "write", dataclasses.replace(JOB, catchup=True)) for t in (0, 70_000)],
              runs=[*GOOD_RUNS, run(70_000, 70_010), run(90_000)])),
        ("the end of a second start counts where nobody had heard of the first", "S8",
         dict(ops=with_job(retries=1, retry_delay=5000), faults=N4_AWAY,
              runs=[*GOOD_RUNS[:2], run(50_000, exit=1), run(50_000, 55_000, node="n5")])),
        ("what the system said went with its job", "S14",
         dict(ops=[*GOOD_OPS, op(75_000, 75_010, "write", None)], runs=GOOD_RUNS[:2])),
        ("what the system says it missed is honest", "S14",
         dict(runs=GOOD_RUNS[:2], own=[Record("7", T + 50_000, "missed")])),
        ("a backfill's runs may be called after the targets, a moment later", "S6",
         dict(ops=[*GOOD_OPS, fill(75_000, again=True)], own=told(*FILLED),
              runs=[*GOOD_RUNS, *(dataclasses.replace(r, due=r.due + 1) for r in FILLED)])),
        ("a backfill goes on while its job is disabled", "S4",
         dict(ops=[*GOOD_OPS, fill(75_000, again=True),
                   op(78_000, 78_010, "write", dataclasses.replace(JOB, disabled=True))],
              runs=[*GOOD_RUNS, *FILLED], own=told(*FILLED))),
        ("as many at once as it may have", "S5",
         dict(ops=[*GOOD_OPS, fill(75_000, again=True, most=2)], own=told(*FILLED),
              runs=[*GOOD_RUNS, *(filled(r.due - T, 80_000, took=9000) for r in FILLED[:2])])),
        ("a backfill that has run all of it", "B1",
         dict(ops=[*GOOD_OPS, fill(75_000, again=True)], runs=[*GOOD_RUNS, *FILLED], own=told(*FILLED),
              read_at=LONG_AFTER)),
        ("what is to wait for the run before it may be missed", "S1",
         dict(ops=with_job(duration=60_000), runs=[run(10_000, took=55_000)])),
        ("and so may one for which it ends as late as it may", "S1",
         dict(ops=with_job(duration=60_000, kills=True), runs=[run(10_000, took=31_000), run(50_000)])),
        ("and so may one whose start is spread, and with it the order to end the other", "S1",
         dict(ops=with_job(duration=60_000, kills=True, jitter=6000), runs=[run(10_000, took=37_000), run(50_000)])),
        ("a backfill that takes longer than it is waited for", "B1",
         dict(ops=[*with_job(duration=900_000, concurrent=True), fill(75_000, again=True)], runs=GOOD_RUNS, read_at=LONG_AFTER)),
        ("and so may what cannot end it", "S1",
         dict(ops=with_job(duration=60_000, kills=True), runs=[run(10_000, took=55_000)],
              faults=[(25_000, "cut", halves("n4")), (65_000, "heal", None)])),
        ("a later run catches up with earlier targets", "S2",
         dict(ops=with_job(catchup=True), runs=[run(50_000, 51_000)],
              faults=[(9000, "cut", halves("n1", "n2") + [("n3", "n4")]), (49_000, "heal", None)])),
    ]
    for what, kept, history in excused:
        with case(what):
            assert kept not in wrong(**history), wrong(**history)


def public_test():
    with case("targets and starts are matched as the public test does it"):
        for targets, starts, missed in [([10, 20, 30], [11, 21, 31], []), ([10, 20, 30], [11, 12, 31], [20]),
                                        ([10, 12], [14, 14], []), ([10, 12], [14], [12]), ([10], [9], [10]),
                                        ([10], [16], [10]), ([10], [15], []), ([], [3], []),
                                        ([10, 20], [11, 11, 11, 21], [])]:
            equal(missed_targets(targets, starts, 5), missed, f"{targets} {starts}")

    with case("planted: the public test sees a missing run, and one that did not end"):
        equal(len(jepsen(GOOD_OPS, GOOD_RUNS[1:], END).wrong), 1, "missing")
        equal(len(jepsen(GOOD_OPS, [*GOOD_RUNS[:2], run(50_000, took=None)], END).wrong), 1, "incomplete")
        equal(len(jepsen(GOOD_OPS, GOOD_RUNS[:2], T + 61_000).wrong), 0, "not due yet")


def written_and_read():
    def one(*ops):
        return [op(*o) for o in ops]
    good = [
        one((0, 10, "write", 1), (5, 6, "read", None), (7, 8, "read", 1), (11, 12, "read", 1)),
        one((0, 10, "write", 1), (0, 10, "write", 2), (11, 12, "read", 1), (13, 14, "read", 1)),
        one((0, 10, "write", 1), (20, 30, "write", 2, "unknown"), (40, 41, "read", 1), (50, 51, "read", 2)),
        one((0, 10, "write", 1), (20, 30, "write", 2, "fail"), (40, 41, "read", 1)),
        one((0, 10, "write", 1), (20, 30, "write", None), (40, 41, "read", None), (50, 60, "write", 3),
            (55, 58, "read", None), (61, 62, "read", 3)),
    ]
    bad = [
        ("a read that has forgotten", True, one((0, 10, "write", 1), (20, 30, "write", 2), (31, 32, "read", 1))),
        ("a write that is lost", True, one((0, 10, "write", 1), (31, 32, "read", None))),
        ("a write that was refused and is read", True, one((0, 9, "write", 1), (10, 20, "write", 2, "fail"), (31, 32, "read", 2))),
        ("a read back in time while a write goes on", False,
         one((0, 10, "write", 1), (20, 90, "write", 2), (31, 32, "read", 2), (33, 34, "read", 1))),
        ("an unknown write that comes and goes", False,
         one((0, 10, "write", 1), (20, 30, "write", 2, "unknown"), (40, 41, "read", 2), (50, 51, "read", 1))),
        ("what was deleted is back", True,
         one((0, 10, "write", 1), (20, 30, "write", None), (40, 41, "read", 1))),
    ]
    with case("good histories of writes and reads fit into an order"):
        for ops in good:
            equal((linearizable(ops).wrong, stale_reads(ops).wrong), ([], []), ops)
    for what, plainly, ops in bad:
        with case(f"planted: {what}"):
            assert linearizable(ops).wrong, ops
            equal(bool(stale_reads(ops).wrong), plainly, "seen without a search")

    with case("a long history with many at once is judged at once"):
        ops, value = [], 0
        for t in range(0, 100_000, 50):
            value += 1
            ops.append(Op(t, t + 120, "write", "x", value, "unknown" if value % 9 == 0 else "ok"))
            ops.append(Op(t + 121, t + 130, "read", "x", value, "ok"))
        ops = [o for o in ops if o.kind == "write" or o.value % 3 == 0]
        verdict = linearizable(ops)
        equal(verdict.judged, 1, "names")


def faults():
    with case("a majority is live if the same nodes are up and connected all the while"):
        cut = Faults(NODES, [(100, "cut", halves("n1", "n2")), (200, "heal", None)])
        equal(cut.live(0, 300), True, "three of five")
        ring = [("n1", "n3"), ("n2", "n4"), ("n3", "n5"), ("n4", "n1"), ("n5", "n2")]
        equal(Faults(NODES, [(100, "cut", ring)]).live(50, 90), True, "before")
        equal(Faults(NODES, [(100, "cut", ring)]).live(50, 150), False, "each sees another majority, none whole")
        down = Faults(NODES, [(100, "down", "n1"), (110, "down", "n2"), (120, "up", "n1"), (130, "down", "n3")])
        equal((down.live(0, 125), down.live(0, 140)), (True, False), "one after the other")
        equal(cut.touched("n4", 0, 99), False, "before")
        equal(cut.touched("n4", 150, 160), True, "while it is cut")
        equal(cut.between(201, FOR_EVER), False, "after")


def grids():
    examples = [  # spec/chronos.md 3.4
        ("R/2026-01-31T00:00:00Z/P1M", "", ["01-31T00:00", "02-28T00:00", "03-31T00:00", "04-30T00:00"]),
        ("R/2026-03-07T02:30:00/P1D", "America/Los_Angeles", ["03-07T10:30", "03-08T10:30", "03-09T09:30"]),
        ("R/2026-03-07T12:00:00/PT24H", "America/Los_Angeles", ["03-07T20:00", "03-08T20:00"]),
        ("R/2026-10-31T01:30:00/P1D", "America/Los_Angeles", ["10-31T08:30", "11-01T08:30", "11-02T09:30"]),
        ("R/2026-10-03T02:15:00/P1D", "Australia/Lord_Howe", ["10-02T15:45", "10-03T15:45", "10-04T15:15"]),
        ("R/2026-10-24T01:30:00/P1D", "Europe/Dublin", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
        ("R/2026-11-01T00:30:00/PT1H", "America/New_York", ["11-01T04:30", "11-01T05:30", "11-01T06:30"]),
        ("R2/2026-01-01T00:00:00Z/PT10S", "", ["01-01T00:00:00", "01-01T00:00:10"]),
    ]
    for schedule, zone, expected in examples:
        with case(f"the targets of {schedule} {zone}"):
            grid = Grid(schedule, zone)
            targets = [int(datetime.datetime.fromisoformat(f"2026-{t}+00:00").timestamp() * 1000) for t in expected]
            equal(grid.between(0, targets[-1]), targets, "targets")
            equal([grid.index(t) for t in targets], list(range(len(targets))), "their places")
            equal(grid.index(targets[-1] + 1), None, "no target")


def fired(by, t, id, state="ok", **more):
    return Record("c", T + t, state, cause="dependency", id=id, queued=T + t, at=T + t + 50, by=by, root=by, **more)


def broken_firings(own, mode="all", conditions=("success", "success"), ops=(), again=()):
    """What S9 says of a child of a and b, whose runs 1 to 4 end one after the other."""
    parents = tuple((p, CONDITIONS[c]) for p, c in zip("ab", conditions))
    child = Job(parents=parents, mode=mode)
    ends = [Record(name, T + t, state, cause="manual", id=id, at=T + t)
            for name, t, state, id in [("a", 1000, "ok", 1), ("a", 2000, "ok", 2), ("b", 3000, "ok", 3), ("b", 4000, "failed", 4)]]
    well = [Run(r.name, r.at - 10, r.at, id=r.id) for r in [*ends, *own] if r.state == "ok"]
    judge = Jobs([op(0, 20, "write", child, name="c"), *ops], [*well, *again], Faults(NODES), [*ends, *own], END)
    return s9_dependencies(judge).wrong


def firings():
    good = [
        ("all, when both have come", dict(own=[fired(3, 3000, 9)])),
        ("any, at each", dict(mode="any", own=[fired(1, 1000, 7), fired(2, 2000, 8), fired(3, 3000, 9)])),
        ("round, never", dict(mode="round", own=[])),
        ("at failures, too", dict(conditions=("success", "always"), own=[fired(3, 3000, 9)])),
        ("at failures only", dict(conditions=("success", "failure"), own=[fired(4, 4000, 9)])),
        ("one that waits stands for another",
         dict(mode="any", own=[fired(1, 1000, 7), fired(2, 1040, 8, "skipped", reason="run 7 waits already"), fired(3, 3000, 9)])),
        ("one that waits again, for nobody had heard of its start, stands for another",
         dict(mode="any", again=[Run("c", T + 2100, T + 2200, id=7, node="n5")],
              own=[fired(1, 1000, 7), fired(2, 2000, 8, "skipped", reason="run 7 waits already"), fired(3, 3000, 9)])),
        ("it was killed with its job, and ended well before it was ended",
         dict(own=[fired(3, 3000, 9, "killed")], again=[Run("c", T + 2990, T + 3200, id=9, node="n5")])),
        ("it was killed with its job, and ended well in that millisecond",
         dict(own=[fired(3, 3000, 9, "killed", reason="the job was deleted")],
              again=[Run("c", T + 2990, T + 3050, id=9, node="n5")])),
        ("whoever is marked counts", dict(own=[fired(3, 3000, 9)], ops=[op(500, 510, "mark", name="a")])),
        ("though many wishes came since anything ended",
         dict(own=[fired(3, 3000, 9)], ops=[op(t, t + 10, "mark", name="a") for t in range(-100_000, -2000, 5000)])),
        ("nobody knows whether it was deleted", dict(own=[], ops=[op(500, 510, "write", None, "unknown", "c")])),
    ]
    for what, history in good:
        with case(f"a child fires: {what}"):
            equal(broken_firings(**history), [], "broken")
    planted = [
        ("it did not", dict(own=[])),
        ("it did twice", dict(own=[fired(3, 3000, 8), fired(3, 3000, 9)])),
        ("it did before both had come", dict(own=[fired(1, 1000, 8), fired(3, 3000, 9)])),
        ("it did at a failure", dict(own=[fired(3, 3000, 8), fired(4, 4000, 9)])),
        ("nobody's run is said to be the cause", dict(own=[fired(3, 3000, 8), fired(77, 3500, 9)])),
        ("round, by another round's run", dict(mode="round", own=[fired(3, 3000, 9)])),
        ("it ended well, and is said to have been killed then",
         dict(own=[fired(3, 3000, 9, "killed")], again=[Run("c", T + 2900, T + 2990, id=9, node="n5")])),
        ("it ended well, and is said to have been killed in that millisecond, though not with its job",
         dict(own=[fired(3, 3000, 9, "killed")], again=[Run("c", T + 2900, T + 3050, id=9, node="n5")])),
        ("it is said to be left out for one that is over",
         dict(mode="any", own=[fired(1, 1000, 7), fired(2, 2000, 8, "skipped", reason="run 7 waits already"), fired(3, 3000, 9)])),
    ]
    for what, history in planted:
        with case(f"planted: S9 {what}"):
            assert broken_firings(**history), "S9 holds"


def story(place):
    jobs()
    grids()
    firings()
    public_test()
    written_and_read()
    faults()
