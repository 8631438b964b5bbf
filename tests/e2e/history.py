"""Judges what clients were answered, what ran and what the system says of itself, against what was
asked for: spec/chronos.md 10. Pure; times are ms since the epoch, on one clock.

A history is given as
  ops     what clients asked, each with its outcome: "ok", "fail" (certainly nothing happened) or "unknown"
  runs    what the commands themselves wrote
  faults  what was done to the nodes and between them
  own     the system's own records of runs, also of those that never started
Each judge returns a Verdict a property: how much was judged, and a sentence for each violation.
"""
import bisect
import collections
import itertools
from dataclasses import dataclass, field

FOR_EVER = 1 << 62
FORGIVENESS_MS = 5000  # of the test that 10.1 to 10.4 describe
LATE_MS = 2000         # ours: phi
LEAD_MS = 8000         # failover, start lease and start
HEAL_MS = 10000        # H
UNREACHABLE_MS = 5000  # how long an attempt on a node out of reach still blocks others
GRACE_MS = 10000       # from the order to end to the kill
RETRY_MS = 60000       # a retry's own start deadline
HAS_RUN = ("ok", "failed", "killed", "superseded")  # who is said to be one of these has been started
BACKFILL_MS = 1800000  # by then all of a short backfill has had its turn
UNREAD_MS = 120000     # so long the system's records may wait to be read
CLOCK_MS = 600         # how wrong the time may be while a clock is: 500 ms, and the way of an answer
CLOCK_LOOK_MS = 15000  # by then a leader whose clock is wrong has handed over


@dataclass(frozen=True)
class Job:
    """A definition: the targets are start + i * interval, or those of a grid (schedules.py). With parents it has
    none: it fires at their ends."""
    start: int = 0
    interval: int = 0
    count: int = -1  # -1: for ever
    epsilon: int = 60000
    jitter: int = 0  # so much later at most a target's window begins
    duration: int = 0  # what the command takes at most
    catchup: bool = False
    concurrent: bool = False
    skips: bool = False  # a target's run is not even begun while another one goes on
    kills: bool = False  # another one is ended for it, but a backfill's
    disabled: bool = False
    retries: int = 0
    retry_delay: int = 60000
    fails: int = 0  # of its attempts, the first ones
    held: bool = False  # rather not at all than twice
    grid: object = None
    parents: tuple = ()  # (name, the words of Record.state at which its edge is met)
    mode: str = "all"    # or any, or round: by runs that one run began
    barred: object = None  # says of a target whether a calendar excludes it
    fresh: bool = False    # begins when it is posted, with nothing before that

    @property
    def plan(self):
        """The same for all definitions whose targets are the same."""
        return self.grid.said if self.grid is not None else (self.start, self.interval, self.count)

    def targets(self, end, begin=0):
        """Those from one instant to another that may run."""
        return [t for t in self.all_targets(end, begin) if self.barred is None or not self.barred(t)]

    def all_targets(self, end, begin=0):
        """Those that a calendar excludes as well."""
        if self.parents:
            return []
        if self.grid is not None:
            return self.grid.between(begin, end)
        low = max(0, -((self.start - begin) // self.interval))
        high = max(0, (end - self.start) // self.interval + 1)
        return [self.start + i * self.interval for i in range(low, high if self.count < 0 else min(high, self.count))]

    def index(self, due):
        """Which target that is, were there enough of them; None: none."""
        if self.parents:
            return None
        if self.grid is not None:
            return self.grid.index(due)
        i, rest = divmod(due - self.start, self.interval)
        return i if rest == 0 and i >= 0 else None

    def aims_at(self, due):
        """What catches up does not use up its count by what it leaves out."""
        i = self.index(due)
        if self.barred is not None and self.barred(due):
            return False
        return i is not None and (self.count < 0 or self.catchup or i < self.count)

    def covers(self, due, n, target):
        """Is the target among the n up to that due?"""
        i, k = self.index(due), self.index(target)
        return i is not None and k is not None and i - n < k <= i

    def after(self, t):
        """The next target; for ever if there is none within 40 days."""
        found = self.targets(t + (2 * self.interval or 40 * 86_400_000), t + 1)
        return found[0] if found else FOR_EVER


@dataclass(frozen=True)
class Op:
    """kind: write (value None: it is deleted), read, run (by hand), mark (as a success), backfill. A job's value is a
    Job, a backfill's a Backfill."""
    t0: int
    t1: int
    kind: str
    name: str
    value: object = None
    outcome: str = "ok"
    node: str = ""


@dataclass(frozen=True)
class Backfill:
    """Targets in [begin, end) are to run, as many at once as `most`; again: also those that have."""
    begin: int
    end: int
    most: int = 1
    again: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One start of a command. end None: it did not get to its end. id: of the run whose attempt it is, job: of
    the job while it was there; 0: not known."""
    name: str
    start: int
    end: object = None
    due: int = 0
    attempt: int = 0
    node: str = ""
    exit: object = 0
    id: int = 0
    job: int = 0
    cause: str = ""

    def __str__(self):
        return f"{self.name} due {self.due} attempt {self.attempt} on {self.node} from {self.start} to {self.end}"


@dataclass(frozen=True, slots=True)
class Record:
    """What the system says of a run; covers > 1: of so many targets up to the one that is named. at: since when
    it says so. by, root: the run whose end caused it, and that at which the round began; -1: none."""
    name: str
    due: int
    state: str
    covers: int = 1
    cause: str = "schedule"
    reason: str = ""
    id: int = 0
    job: int = 0
    queued: int = 0
    started: int = 0
    at: int = 0
    by: int = -1
    root: int = 0


@dataclass
class Verdict:
    judged: int = 0
    wrong: list = field(default_factory=list)

    def see(self, good, sentence):
        self.judged += 1
        if not good:
            self.wrong.append(sentence)


# ---- faults

class Faults:
    """(t, kind, what), by kind: down and up (of a node), lost (of one that is down: what ran there has ended with
    its machine), cut (pairs (from, to), added to what is cut), heal (all cuts), clock and right (of a node's clock),
    disk (of a node; counted against it for ever after).
    masters: those of which a majority has to be live; the others only run things."""

    def __init__(self, nodes, log=(), masters=None):
        self.nodes, self.log = tuple(nodes), sorted(log, key=lambda f: f[0])
        self.masters = tuple(masters or nodes)
        self.majority = len(self.masters) // 2 + 1
        self.times, self.states = [-FOR_EVER], [(frozenset(self.nodes), frozenset())]
        wrong, self.clocks = {}, []  # (from, to) while a clock was wrong
        for t, kind, what in self.log:
            up, cut = self.states[-1]
            if kind == "down":
                up = up - {what}
            elif kind == "up":
                up = up | {what}
            elif kind == "cut":
                cut = cut | {tuple(pair) for pair in what}
            elif kind == "heal":
                cut = frozenset()
            elif kind == "clock":
                wrong.setdefault(what, t)
            elif kind == "right":
                self.clocks.append((wrong.pop(what), t))
            self.times.append(t)
            self.states.append((up, cut))
        self.clocks = sorted(self.clocks + [(t, FOR_EVER) for t in wrong.values()])

    def next_of(self, kind, node, t):
        return next((at for at, was, what in self.log[bisect.bisect_left(self.times, t) - 1:]
                     if was == kind and what == node and at >= t), FOR_EVER)

    def stretches(self, t0, t1):
        """The (nodes up, pairs cut) that held one after the other between two instants."""
        return self.states[bisect.bisect_right(self.times, t0) - 1:bisect.bisect_right(self.times, t1)]

    def sigma(self, t):
        """What to allow for clocks beside the usual."""
        i = bisect.bisect_right(self.clocks, (t, FOR_EVER))
        return CLOCK_MS if any(t <= b + CLOCK_LOOK_MS for _, b in self.clocks[max(0, i - 8):i]) else 0

    def live(self, t0, t1):
        """One and the same majority was up and mutually connected all the while."""
        up, cut = set(self.masters), set()
        for now_up, now_cut in self.stretches(t0, t1):
            up &= now_up
            cut |= now_cut

        def whole(group):
            return not any((a, b) in cut or (b, a) in cut for a, b in itertools.combinations(group, 2))
        return any(whole(group) for group in itertools.combinations(sorted(up), self.majority))

    def touched(self, node, t0, t1):
        """At some time between, a node was down, or cut off from another one."""
        return any(node not in up or any(node in pair for pair in cut) for up, cut in self.stretches(t0, t1))

    def between(self, t0, t1):
        """Any fault held at some time between two instants."""
        return any(cut or len(up) < len(self.nodes) for up, cut in self.stretches(t0, t1))

    def moments(self, t0, t1):
        return self.times[bisect.bisect_right(self.times, t0):bisect.bisect_right(self.times, t1)]


# ---- what 10.1 to 10.4 judge

def missed_targets(targets, starts, window):
    """Of targets with windows of one length those that no start can be matched with, each start once."""
    waiting, missed = collections.deque(), []
    coming = collections.deque(sorted(targets))
    for start in sorted(starts):
        while coming and coming[0] <= start:
            waiting.append(coming.popleft())
        while waiting and waiting[0] + window < start:
            missed.append(waiting.popleft())
        if waiting:
            waiting.popleft()
    return missed + list(waiting) + list(coming)


def whole_seconds(ms):
    return ms // 1000 * 1000


def jepsen(ops, runs, read_at):
    """The public test's verdict: each due target of an acknowledged job has a complete run of its own."""
    verdict = Verdict()
    for op in ops:
        if op.kind != "write" or op.value is None or op.outcome != "ok":
            continue
        job = op.value
        due = [whole_seconds(t) for t in job.targets(read_at) if t < read_at - job.epsilon - job.duration]
        starts = [whole_seconds(r.start) for r in runs if r.name == op.name and r.end is not None]
        missed = missed_targets(due, starts, job.epsilon + FORGIVENESS_MS)
        verdict.judged += len(due)
        verdict.wrong += [f"job {op.name}: no run for its target {t}" for t in missed]
    return verdict


# ---- S1 to S14

@dataclass(frozen=True)
class Span:
    """While a definition must be (or may be) in force."""
    job: Job
    begin: int
    end: int


def must_spans(writes, end):
    spans = []
    for i, op in enumerate(writes):
        if op.outcome == "ok" and op.value is not None and not op.value.disabled:
            until = [later.t0 for j, later in enumerate(writes)
                     if j != i and later.outcome != "fail" and later.t1 > op.t0]
            spans.append(Span(op.value, op.t1, min(until + [end])))
    return [s for s in spans if s.begin < s.end]


def may_spans(writes):
    spans = []
    for op in writes:
        if op.outcome != "fail" and op.value is not None and not op.value.disabled:
            until = [later.t1 for later in writes if later.outcome == "ok" and later.t0 > op.t0]
            spans.append(Span(op.value, op.t0, min(until + [FOR_EVER])))
    return spans


class Jobs:
    """The judge of jobs. sigma: how far the clocks of the nodes may be from ours."""

    def __init__(self, ops, runs, faults, own=(), read_at=FOR_EVER, sigma=50, late=LATE_MS, all_told=False):
        self.faults, self.usual_sigma, self.late, self.read_at = faults, sigma, late, read_at
        self.all_told = all_told  # also of deleted jobs, whose history is kept
        self.names = sorted({op.name for op in ops} | {r.name for r in runs})
        self.ops, self.runs, self.own = (collections.defaultdict(list) for _ in range(3))
        for op in sorted(ops, key=lambda op: op.t0):
            self.ops[op.name].append(op)
        for run in sorted(runs, key=lambda r: r.start):
            self.runs[run.name].append(run)
        for record in own:
            self.own[record.name].append(record)
        self.durations = {name: max((op.value.duration for op in self.writes(name) if op.value is not None), default=0)
                          for name in self.ops}
        self.starts = {name: [r.start for r in mine] for name, mine in self.runs.items()}
        self.longest = {name: max(self.ended(r) - r.start for r in mine) for name, mine in self.runs.items()}
        self.may = {name: may_spans(self.writes(name)) for name in self.names}
        self.musts = {name: must_spans(self.writes(name), self.read_at) for name in self.names}

    def verdicts(self):
        found = {}
        for judge in (self.s1_no_lost_target, self.s2_no_lost_catch_up, self.s3_at_most_once, self.s4_no_phantom,
                      self.s5_no_overlap, self.s6_counts, self.s7_early, self.s8_retries, self.s14_honesty, self.b1_backfills):
            property_name = judge.__name__.split("_")[0].upper()
            found[property_name] = Verdict()
            for name in self.names:
                judge(name, found[property_name])
        return found

    def sigma(self, t):
        return self.usual_sigma + self.faults.sigma(t)

    def writes(self, name):
        return [op for op in self.ops[name] if op.kind == "write"]

    def must(self, name):
        return self.musts[name]

    def forces(self, name, t0, t1):
        """The definitions that may be in force at some time between."""
        return [s.job for s in self.may[name] if s.begin <= t1 and s.end >= t0]

    def ended(self, run):
        """When it was over: what did not get to its end ended with its machine, or else with its node, if that may
        be so late. A node that dies does not end what runs there."""
        if run.end is not None:
            return run.end
        ends = [self.faults.next_of(kind, run.node, run.start) for kind in ("lost", "down")]
        return next((t for t in ends if t <= run.start + self.durations.get(run.name, 0)), run.start)

    def told(self, run):
        """When the others may take it for over: not before its node has said so, or was out of reach for long."""
        end = self.ended(run)
        out = self.faults.touched(run.node, run.start - 1000, end + self.late)
        return end + (UNREACHABLE_MS + LEAD_MS if out else self.late)

    def between(self, name, t0, t1):
        """The runs that were going on at some time between, as their own nodes saw it."""
        mine, starts = self.runs.get(name, []), self.starts.get(name, [])
        low = bisect.bisect_left(starts, t0 - self.longest.get(name, 0))
        return [r for r in mine[low:bisect.bisect_right(starts, t1)] if self.ended(r) >= t0]

    def busy(self, name, t0, t1, but_due, killed=None):
        """Another attempt of the job was active at some time between; and if it was to be ended for the target, could
        not be, or took its time to end: `killed` says from when on at the latest. None: it was not to be."""
        wide = UNREACHABLE_MS + LEAD_MS
        return any(r.due != but_due and self.told(r) >= t0
                   and (killed is None or r.cause == "backfill" or self.faults.touched(r.node, t0 - wide, t1)
                        or self.ended(r) <= killed + GRACE_MS + self.late)
                   for r in self.between(name, t0 - wide, t1))

    def s1_no_lost_target(self, name, v):
        started = {r.due: r for r in reversed(self.runs[name]) if r.attempt == 0 and r.cause != "backfill"}
        for span in self.must(name):
            job = span.job
            if job.catchup or job.held or job.parents:  # a held one's node may be the only one that knows
                continue
            for t in job.targets(span.end, span.begin):
                closes = t + job.jitter + job.epsilon
                last = closes + self.late
                if not (t - 1000 >= span.begin and last <= span.end and last + job.duration < self.read_at
                        and self.faults.live(t + job.epsilon - LEAD_MS, last)):
                    continue
                begin = t if job.skips else max(t, t + job.epsilon - LEAD_MS)
                if not job.concurrent and self.busy(name, begin, closes, t, t + job.jitter if job.kills else None):
                    continue
                run, sigma = started.get(t), self.sigma(t)
                v.see(run is not None and t - sigma <= run.start <= last + sigma,
                      f"{name}: no start for the target {t}" if run is None else f"{name}: {run} is late")
                if run is not None and run.end is None and not self._deleted(name, run.start):
                    v.see(self.faults.touched(run.node, run.start - 1000, run.start + job.duration + self.late),
                          f"{name}: {run} did not end, and its node was well")

    def _deleted(self, name, since):
        """A delete ends what runs."""
        return any(op.value is None and op.outcome != "fail" and op.t1 >= since for op in self.writes(name))

    def unseen(self, name, t):
        """Its job was deleted before anybody has read its records of then."""
        return any(op.value is None and op.outcome != "fail" and op.t1 >= t and op.t0 <= t + UNREAD_MS
                   for op in self.writes(name))

    def s2_no_lost_catch_up(self, name, v):
        # due, of all started so far
        newest = list(itertools.accumulate((0 if r.cause == "backfill" else r.due for r in self.runs[name]), max))
        kept = sorted((r.due, r.queued) for r in self.own[name] if r.state not in HAS_RUN and r.cause != "backfill")
        for span in self.must(name):
            job = span.job
            if not job.catchup or job.parents:
                continue
            ran = [r for r in self.runs[name] if r.attempt == 0 and r.cause != "backfill" and job.count >= 0 and job.aims_at(r.due)]
            for t in job.targets(span.end, span.begin - (0 if job.fresh else HEAL_MS)):
                x = self._calm_since(t, span, job)
                if x is None:
                    continue
                started = bisect.bisect_right(self.starts.get(name, []), x + self.sigma(x))
                later = started > 0 and newest[started - 1] >= t
                told = any(queued <= x + self.sigma(x) for _, queued in kept[bisect.bisect_left(kept, (t,)):])
                spent = job.count >= 0 and len(ran) >= job.count
                v.see(later or told or spent or self.busy(name, t, x, t), f"{name}: no run for {t}, nor a later one")

    def _calm_since(self, t, span, job):
        """The first instant at which t must have been caught up, and nothing newer yet."""
        before = job.after(t) + HEAL_MS
        for x in sorted([t + job.jitter + HEAL_MS, span.begin + job.jitter + HEAL_MS]
                        + [m + 1 + HEAL_MS for m in self.faults.moments(t - 1, min(before, span.end))]):
            if (t + job.jitter + HEAL_MS <= x < before and x - HEAL_MS >= span.begin and x <= span.end
                    and self.faults.live(x - HEAL_MS, x)):
                return x
        return None

    def s3_at_most_once(self, name, v):
        starts = collections.defaultdict(list)
        for run in self.runs[name]:
            of = run.id if run.cause == "backfill" else run.due  # it may be called so after that target's run is forgotten
            starts[(run.job, of, run.attempt)].append(run)
        held = any(op.value.held for op in self.writes(name) if op.value is not None)
        for again in starts.values():
            excused = not held and all(self.faults.touched(a.node, a.start, b.start) for a, b in zip(again, again[1:]))
            v.see(len(again) == 1 or excused, f"{name}: started {len(again)} times: " + "; ".join(map(str, again)))

    def s4_no_phantom(self, name, v):
        spans, ops = self.may[name], self.ops[name]
        by_hand = [op for op in ops if op.kind == "run" and op.outcome != "fail"]
        backfills = self.backfills(name)
        dues = {r.id: r.due for r in self.own[name] if r.cause == "backfill"}
        gone, deleted = list(self._gone(name)), list(self._gone(name, deleted=True))
        firings = {r.id for r in self.own[name] if r.cause == "dependency"}
        attempts = {(r.id, r.attempt) for r in self.runs[name]}
        for run in self.runs[name]:
            slack = self.late + self.sigma(run.start)
            if run.attempt > 0 and run.id:
                caused = (run.id, run.attempt - 1) in attempts or self.faults.between(0, run.start)
            elif run.attempt > 0:  # its cause is the attempt before it
                caused = any(r.attempt == run.attempt - 1 and r.start < run.start for r in self.runs[name])
                caused = caused or self.faults.between(0, run.start)
            elif run.cause == "dependency":  # whether that was right is for S9
                caused = run.id in firings and any(s.job.parents and s.begin <= run.start for s in spans)
            elif run.cause == "backfill":
                caused = any(op.t0 - slack <= run.start and op.value.begin <= dues[run.id] < op.value.end
                             for op in backfills)
            else:
                caused = any(s.job.aims_at(run.due) and s.begin - slack <= run.start
                             and run.due <= s.end + self.sigma(run.due) for s in spans)
                caused = caused or any(op.t0 - slack <= run.due <= op.t1 + slack for op in by_hand)
            caused = caused or run.id > 0 and not run.cause and not self.all_told and self.unseen(name, run.start)
            v.see(caused, f"{name}: nothing asked for {run}")
            rests = deleted if run.cause in ("manual", "backfill") else gone
            over = [g for g in rests if g[0] + slack < run.start < g[1]]
            v.see(not over, f"{name}: {run}, and it was deleted or disabled at {over}")

    def _gone(self, name, deleted=False):
        """(from, to) while it was surely not to run by itself; or not at all."""
        writes = self.writes(name)
        for i, op in enumerate(writes):
            if op.outcome == "ok" and (op.value is None or op.value.disabled and not deleted):
                begin = max([op.t1] + [w.t1 for w in writes[:i] if w.outcome == "unknown"])
                end = min([w.t0 for j, w in enumerate(writes) if j != i and w.outcome != "fail" and w.t1 > op.t0
                           and w.value is not None and (deleted or not w.value.disabled)], default=FOR_EVER)
                yield begin, end

    def backfills(self, name):
        return [op for op in self.ops[name] if op.kind == "backfill" and op.outcome != "fail"]

    def s5_no_overlap(self, name, v):
        going = []
        for b in self.runs[name]:
            sigma = self.sigma(b.start)
            v.judged += 1
            going = [a for a in going if self.ended(a) - sigma > b.start + sigma]
            defined = self.forces(name, b.start - self.late, b.start)
            if not any(job.concurrent for job in defined):
                in_way = [a for a in going if a.job == b.job and (a.due, a.attempt) != (b.due, b.attempt)
                          and not self.faults.touched(a.node, a.start, b.start)]
                beside = [a for a in in_way if a.cause == b.cause == "backfill"]
                if beside and len(beside) < self._most(name, b.start + sigma):
                    in_way = [a for a in in_way if a not in beside]
                v.wrong += [f"{name}: {b} while {a} ran" for a in in_way]
            going.append(b)

    def _most(self, name, t):
        """So many of a backfill's runs may go on at once."""
        return max((op.value.most for op in self.backfills(name) if op.t0 <= t), default=1)

    def s6_counts(self, name, v):
        for span in self.may[name]:
            job = span.job
            if job.count < 0 or job.parents:
                continue
            dues = {r.due for r in self.runs[name] if r.attempt == 0 and r.cause not in ("manual", "backfill")
                    and job.index(r.due) is not None and self._counts(r, span)}
            v.see(len(dues) <= job.count, f"{name}: {len(dues)} runs of {job.count}")
            if len(self.writes(name)) == 1 and not any(op.kind == "run" for op in self.ops[name]):
                strange = {r.due for r in self.runs[name] if r.attempt == 0 and r.cause != "backfill"} - dues
                v.see(not strange, f"{name}: runs that are not of its grid: {sorted(strange)}")

    def _counts(self, run, span):
        """Is it one of those that the span's definition may have so many of? Posted again with the same targets a
        window is the same n of them, and what catches up has n once more (3.5 A): of that, what starts while
        another definition may be in force as well is maybe that one's. By any other definition a due may be on
        this grid by chance."""
        mine = [s for s in self.may[run.name] if s.job.plan == span.job.plan]
        if span.job.catchup:
            return [s for s in mine if s.begin <= run.start <= s.end] == [span]
        return any(s.begin - self.late <= run.start and run.due <= s.end + self.sigma(run.due) for s in mine)

    def s7_early(self, name, v):
        for run in self.runs[name]:
            v.see(run.start >= run.due - self.sigma(run.start), f"{name}: {run} is early")

    def s8_retries(self, name, v):
        definitions = [op.value for op in self.writes(name) if op.value is not None and op.outcome != "fail"]
        if not definitions or all(d.retries == 0 for d in definitions):
            for run in self.runs[name]:
                v.see(run.attempt == 0, f"{name}: {run} has no right to be tried again")
            return
        given_up = {r.id for r in self.own[name] if r.state in ("superseded", "cancelled")}
        # where nobody had heard of an attempt's first start, it is a later one's end that counts (5.2, step 3; whether
        # that one was right is for S3)
        well = {(r.id, r.due, r.attempt) for r in self.runs[name] if r.exit == 0 and r.end is not None}
        for chain in self._chains(name):
            attempts = [r.attempt for r in chain]
            v.see(attempts == list(range(len(attempts))) or self.faults.between(chain[0].start - LEAD_MS, chain[-1].start),
                  f"{name}: attempts {attempts} of {chain[0].due}")
            for a, b in zip(chain, chain[1:]):
                defined = self.forces(name, a.start, b.start) or definitions
                v.see(b.attempt <= max(d.retries for d in defined), f"{name}: {b}: more retries than it may have")
                v.see(b.start >= self.ended(a) + min(d.retry_delay for d in defined) - self.sigma(b.start),
                      f"{name}: {b} so soon after {a}")
            last = chain[-1]
            if last.exit not in (0, None) and last.end is not None and (last.id, last.due, last.attempt) not in well:
                self._tried_again(name, last, given_up, v)

    def _tried_again(self, name, last, given_up, v):
        for span in self.must(name):
            by = last.end + span.job.retry_delay + RETRY_MS + self.late
            if (last.attempt < span.job.retries and span.begin <= last.start and by <= span.end
                    and self.faults.live(last.end, by)):
                said = last.id in given_up  # without ids, of any run of the job
                v.see(said or self.busy(name, last.end + self.late, by, last.due), f"{name}: {last} was never tried again")

    def _chains(self, name):
        """The attempts of each run, in their order: without ids a retry belongs to the newest attempt before it."""
        chains, by_id = [], collections.defaultdict(list)
        for run in self.runs[name]:
            if run.id:
                if all(r.attempt != run.attempt for r in by_id[run.id]):
                    by_id[run.id].append(run)
                continue
            of = [c for c in chains if run.attempt > 0 and c[-1].attempt == run.attempt - 1]
            if of:
                of[-1].append(run)
            elif not any(r.due == run.due and r.attempt == run.attempt for c in chains for r in c):
                chains.append([run])
        return chains + list(by_id.values())

    def s14_honesty(self, name, v):
        ran = {r.due for r in self.runs[name] if r.cause != "backfill"}
        told = sorted((r.due, r.covers, r.state) for r in self.own[name] if r.cause == "schedule")
        for span in self.must(name):
            barred = span.job.barred or (lambda t: False)
            for t in span.job.all_targets(span.end, span.begin):
                last = t + span.job.jitter + span.job.epsilon + self.late + HEAL_MS
                if t - 1000 < span.begin or last > min(span.end, self.read_at) or t in ran:
                    continue
                if not self.faults.live(last - HEAL_MS, last):
                    continue
                of = told[bisect.bisect_left(told, (t,)):]
                said = any(span.job.covers(due, covers, t) and (state == "excluded" or not barred(t))
                           for due, covers, state in of)
                v.see(said or not self.all_told and self.unseen(name, last),
                      f"{name}: the target {t} has no run, and the system does not say why"
                      + (", which is a calendar" if barred(t) else ""))

    @staticmethod
    def is_short(job, targets, most):
        """Runs of these, so many at once, leave time for those of the schedule, and are over soon."""
        gap = min((b - a for a, b in zip(targets, targets[1:])), default=FOR_EVER)
        idle = job.concurrent or 2 * job.duration < gap
        return idle and len(targets) * (job.duration + LATE_MS) <= most * BACKFILL_MS

    def b1_backfills(self, name, v):
        """What is to run again has a run of its own, begun after that was asked for; else what has not run has
        one (beside S1 to S14)."""
        started = {run.id for run in self.runs[name]}
        begun = collections.defaultdict(list)  # by target: when a backfill's run was queued; 0: its own was
        for r in self.own[name]:
            if r.id in started and r.cause in ("schedule", "backfill"):
                begun[r.due].append(r.queued if r.cause == "backfill" else 0)
        for op in self.backfills(name):
            asked = op.t0 - self.sigma(op.t0)
            for span in self.must(name):
                job = span.job
                if not (op.outcome == "ok" and span.begin <= op.t0
                        and op.t1 + BACKFILL_MS <= min(span.end, self.read_at)):
                    continue
                targets = list(job.targets(op.value.end - 1, op.value.begin))
                if not self.is_short(job, targets, op.value.most):
                    continue
                for t in targets:
                    if not op.value.again and t + job.jitter + job.epsilon + HEAL_MS > op.t0:
                        continue  # it may have waited yet, and been missed
                    v.see(any(not op.value.again or at >= asked for at in begun[t]),
                          f"{name}: no run for {t}, of the backfill asked for at {op.t0}")


# ---- S10 and S11: what was written and read

def stale_reads(ops):
    """S10: what was acknowledged is seen by every read that begins later, or something newer is."""
    verdict = Verdict()
    by_name = collections.defaultdict(list)
    for op in ops:
        by_name[op.name].append(op)
    for name, mine in by_name.items():
        writes = [op for op in mine if op.kind == "write" and op.outcome != "fail"]
        for read in (op for op in mine if op.kind == "read" and op.outcome == "ok"):
            done = [w for w in writes if w.outcome == "ok" and w.t1 < read.t0]
            newest = max((w.t0 for w in done), default=None)
            # all that may have been the last one to happen: not over before the newest had begun
            could = {w.value for w in writes
                     if w.t0 <= read.t1 and (w.outcome == "unknown" or newest is None or w.t1 >= newest)}
            if newest is None:
                could.add(None)
            verdict.see(read.value in could, f"{name}: {read.node} says {read.value!r} at {read.t0}, "
                                             f"after {[w.value for w in done][-3:]} were acknowledged")
    return verdict


def linearizable(ops, initial=None, steps_max=1_000_000):
    """S11: whether the operations on each name can have happened one after the other, each at an instant
    between its question and its answer. What is unknown may have happened at any time after its
    question, or never; an unknown value that nobody has read never has to. Every value is written once."""
    verdict = Verdict()
    by_name = collections.defaultdict(list)
    for op in ops:
        if op.kind in ("write", "read") and op.outcome != "fail" and not (op.kind == "read" and op.outcome != "ok"):
            by_name[op.name].append(op)
    for name, mine in sorted(by_name.items()):
        verdict.see(_orders(mine, initial, steps_max), f"{name}: {len(mine)} operations fit into no order")
    return verdict


def _orders(ops, initial, steps_max):
    """A search for an order with a memory of what was tried, as Wing, Gong and Lowe describe it."""
    seen = {op.value for op in ops if op.kind == "read"}
    ops = [op for op in ops if op.outcome == "ok" or op.value is None or op.value in seen]
    ops = sorted(ops, key=lambda op: op.t0)
    n = len(ops)
    ends = [op.t1 if op.outcome == "ok" else FOR_EVER for op in ops]
    must = sum(1 << i for i in range(n) if ends[i] != FOR_EVER)

    def choices(done, low):
        """Those that may be the next: no other one was answered before they were asked."""
        first_end, i, found = FOR_EVER, low, []
        while i < n and ops[i].t0 <= first_end:
            if not done >> i & 1:
                found.append(i)
                first_end = min(first_end, ends[i])
            i += 1
        return [i for i in found if ops[i].t0 <= first_end]

    tried, stack = set(), [(0, initial, 0)]
    while stack:
        done, value, low = stack.pop()
        if done & must == must:
            return True
        while low < n and done >> low & 1:
            low += 1
        for i in reversed(choices(done, low)):
            op = ops[i]
            if op.kind == "read" and op.value != value:
                continue
            after = (done | 1 << i, op.value if op.kind == "write" else value)
            if after not in tried:
                tried.add(after)
                if len(tried) > steps_max:
                    raise OverflowError(f"{op.name}: more than {steps_max} states to look at")
                stack.append((*after, low))
    return False
