"""S9 (spec/chronos.md 4 and 10.6): dependent jobs fire when their parents' runs end as they should, then exactly
once. Replays the ends of the parents' runs against what clients asked; where two orders are possible, or nobody
knows whether a client's wish was carried out, either will do. Pure."""
import bisect
import collections
import itertools

from history import FOR_EVER, Verdict

ENDS = {"ok": "success", "failed": "failure", "lost": "failure", "superseded": "failure", "killed": "killed"}
CONDITIONS = {"success": ("success",), "failure": ("failure",), "always": ("success", "failure", "killed")}
STATES_MAX = 4096  # that one job may be in, as far as can be told


def fires(job, met, parent, end, root):
    """What an end makes of the roots that the edges were met by: (then, whether the job fires)."""
    if end not in dict(job.parents).get(parent, ()):
        return met, False
    met = tuple(sorted({**dict(met), parent: root}.items(), key=str))
    if job.disabled:
        return met, False
    whole = len(met) == len(job.parents)
    good = {"any": True, "all": whole, "round": whole and len({r for _, r in met}) == 1}[job.mode]
    return ((), True) if good else (met, False)


def redefine(old, met, new):
    """An edge that stays as it was keeps what it knows."""
    if old is None or new is None:
        return ()
    before, after = dict(old.parents), dict(new.parents)
    return tuple((p, root) for p, root in met if p in after and after[p] == before.get(p))


class Replay:
    """Of one dependent job. A state: (its definition, what its edges know, the wishes that are still open)."""

    def __init__(self, judge, name, wishes, firings, marks, verdict):
        self.judge, self.name, self.wishes, self.slack, self.verdict = judge, name, wishes, judge.slack, verdict
        self.marks = marks  # when people marked a job as a success, as the rounds that began so tell
        self.by = collections.defaultdict(list)
        for r in firings:
            self.by[r.by].append(r)
        self.fired_by_marks = sorted(-r.root for r in self.by.pop(0, []))
        self.states = {(None, (), frozenset())}
        self.coming, self.open = collections.deque(range(len(wishes))), []

    def carried_out(self, state, i):
        """The states after an open wish, but for those in which it would have been seen."""
        job, met, waiting = state
        op = self.wishes[i]
        waiting = waiting - {i}
        if op.kind == "write":
            yield op.value, redefine(job, met, op.value), waiting
        elif job is None:
            yield job, met, waiting
        elif op.name == self.name:
            yield job, (), waiting
        else:
            first, last = op.t0 - self.slack, op.t1 + self.slack
            seen = any(first <= at <= last for at in self.fired_by_marks)
            when = self.marks[bisect.bisect_left(self.marks, first):bisect.bisect_right(self.marks, last)]
            for root in [-at for at in when] or [f"mark {i}"]:
                then, fired = fires(job, met, op.name, "success", root)
                if not fired or seen:
                    yield job, then, waiting

    def spread(self, states):
        """All that may be, when any of the open wishes may have been carried out or not yet."""
        found, todo = set(states), list(states)
        while todo:
            state = todo.pop()
            for after in (a for i in state[2] for a in self.carried_out(state, i)):
                if after not in found:
                    found.add(after)
                    todo.append(after)
            if len(found) > STATES_MAX:
                raise OverflowError(f"{self.name}: more than {STATES_MAX} states to look at")
        return found

    def pass_time(self, t):
        """Wishes come, and those that were answered have been carried out."""
        while self.coming and self.wishes[self.coming[0]].t0 - self.slack <= t:
            i = self.coming.popleft()
            self.close(self.wishes[i].t0 - self.slack)
            self.open.append(i)
            self.states = {(job, met, waiting | {i}) for job, met, waiting in self.states}
        self.close(t)

    def close(self, t):
        """What was answered before that is over, one wish after the other: all together would be too many states."""
        over = [i for i in self.open if self.wishes[i].t1 + self.slack < t]
        if over:
            self.open = [i for i in self.open if i not in over]
            done = {i for i in over if self.wishes[i].outcome == "ok"}
            states = self.spread(self.states)
            self.states = {(job, met, waiting - set(over)) for job, met, waiting in states if not waiting & done}

    def ends(self, records):
        """Runs of parents that ended at one instant, in any order."""
        before = self.spread(self.states)
        waits = any(job is not None and any(r.name in dict(job.parents) for r in records) for job, _, _ in before)
        after = set()
        for order in itertools.permutations(records) if len(records) <= 4 else [records]:
            states = before
            for r in order:
                states = self.spread(self.end(states, r))
            after |= states
        seen = [f for r in records for f in self.by.pop(r.id, [])]
        what = "; ".join(f"{r.name}'s run {r.id} ({r.state})" for r in records)
        if waits:
            self.verdict.see(bool(after), f"{self.name}: at {records[0].at} after {what} " + (
                f"it fired {len(seen)} times, and ought to have as its edges knew {self.shown(before)}"))
        self.states = after or self.anything(before)

    def end(self, states, r):
        seen, after = len(self.by.get(r.id, ())), set()
        for job, met, waiting in states:
            fired = False
            if job is not None:
                met, fired = fires(job, met, r.name, ENDS[r.state], r.root if r.by >= 0 else r.id)
            if seen == fired or seen == 0 and self.judge.unseen(self.name, r.at):
                after.add((job, met, waiting))
        return after

    def shown(self, states):
        return sorted({str((job.mode, job.disabled, met)) for job, met, _ in states if job is not None})[:4]

    def anything(self, states):
        """Where what was seen cannot be: whatever the edges know."""
        found = set()
        for job, _, waiting in states:
            names = [p for p, _ in job.parents] if job is not None else []
            for n in range(len(names) + 1):
                for some in itertools.combinations(names, n):
                    found.add((job, tuple((p, 0) for p in some), waiting))
        return found


def parents_of(writes):
    return {parent for op in writes if op.value is not None for parent, _ in op.value.parents}


def replay(judge, name, ends_of, marks, verdict):
    """judge: history.Jobs; ends_of: by name, the records of runs that are over, in their order."""
    writes = [op for op in judge.writes(name) if op.outcome != "fail"]
    parents = parents_of(writes)
    wishes = writes + [op for n in {name} | parents for op in judge.ops[n] if op.kind == "mark" and op.outcome != "fail"]
    firings = [r for r in judge.own[name] if r.cause == "dependency"]
    r = Replay(judge, name, sorted(wishes, key=lambda op: op.t0), firings, marks, verdict)
    ends = sorted((e for p in parents for e in ends_of[p]), key=lambda e: e.at)
    for at, group in itertools.groupby(ends, key=lambda e: e.at):
        r.pass_time(at)
        r.ends(list(group))
    for by, invented in r.by.items():
        verdict.see(False, f"{name}: run {invented[0].id} was fired by run {by}, which is no end of a parent's run")


def judge_coalesced(judge, name, verdict):
    """What is said to be left out for another run, which waited then: perhaps for another start, since nobody had
    heard of its first (5.2, step 3)."""
    by_id = {r.id: r for r in judge.own[name]}
    for r in judge.own[name]:
        if r.cause == "dependency" and r.state == "skipped":
            waits = int(r.reason.split()[1])
            other = by_id.get(waits)
            began = [run.start for run in judge.runs[name] if run.id == waits and run.attempt == 0]
            good = other is None or (other.cause == "dependency" and other.due <= r.due
                                     and max(began, default=other.at or FOR_EVER) >= r.due - judge.slack)
            verdict.see(good, f"{name}: {r} was left out for {other}")


def judge_truth(judge, name, verdict):
    """A run is a success if a process of it was one, whoever says so."""
    well = {r.id for r in judge.runs[name] if r.exit == 0 and r.end is not None}
    known = {r.id: r for r in judge.own[name]}
    for r in judge.own[name]:
        if r.state == "ok":
            verdict.see(r.id in well, f"{name}: {r} is said to be a success, and no process of it was one")
    for run in judge.runs[name]:
        r = known.get(run.id)
        if run.exit != 0 or run.end is None or r is None or judge.faults.touched(run.node, run.start - 1000, run.end + 70000):
            continue
        if run.end + judge.late > judge.read_at:  # nobody may have heard of it
            continue
        # its job was deleted, and it ended by itself before it was ended; in the deletion's own millisecond either came first
        same = r.at == run.end and r.reason == "the job was deleted"
        gone = r.state == "killed" and (r.at < run.end or same)
        verdict.see(r.state == "ok" or gone, f"{name}: {run} went well, and it is said to be {r}")


def s9_dependencies(judge, slack=700):
    verdict, judge.slack = Verdict(), slack
    marks = sorted({-r.root for records in judge.own.values() for r in records if r.root < 0})
    ends_of = collections.defaultdict(list)
    for name, records in judge.own.items():
        ends_of[name] = [r for r in records if r.state in ENDS and r.cause != "backfill"]  # at theirs nothing fires
    for name in judge.names:
        if parents_of(judge.writes(name)):
            replay(judge, name, ends_of, marks, verdict)
            judge_coalesced(judge, name, verdict)
        judge_truth(judge, name, verdict)
    return verdict
