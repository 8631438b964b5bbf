"""Judges what clients were answered, what ran and what the system says of itself, against what was
asked for: spec/chronos.md 10. Pure; times are ms since the epoch, on one clock.

A history is given as
  ops     what clients asked, each with its outcome: "ok", "fail" (certainly nothing happened) or "unknown"
  runs    what the commands themselves wrote
  faults  what was done to the nodes and between them
  own     the system's own records of runs, also of those that never started
Each judge returns a Verdict a property: how much was judged, and a sentence for each violation.
"""
import collections
import itertools
from dataclasses import dataclass, field

FOR_EVER = 1 << 62
FORGIVENESS_MS = 5000  # of the test that 10.1 to 10.4 describe
LATE_MS = 2000         # ours: phi
LEAD_MS = 8000         # failover, start lease and start
HEAL_MS = 10000        # H
UNREACHABLE_MS = 5000  # how long an attempt on a node out of reach still blocks others
RETRY_MS = 60000       # a retry's own start deadline


@dataclass(frozen=True)
class Job:
    """A definition: the targets are start + i * interval."""
    start: int
    interval: int
    count: int = -1  # -1: for ever
    epsilon: int = 60000
    duration: int = 0  # what the command takes at most
    catchup: bool = False
    concurrent: bool = False
    disabled: bool = False
    retries: int = 0
    retry_delay: int = 60000
    fails: int = 0  # of its attempts, the first ones
    held: bool = False  # rather not at all than twice

    def targets(self, end):
        """Those at or before an instant."""
        n = max(0, (end - self.start) // self.interval + 1)
        return [self.start + i * self.interval for i in range(n if self.count < 0 else min(n, self.count))]

    def aims_at(self, due):
        i, rest = divmod(due - self.start, self.interval)
        return rest == 0 and i >= 0 and (self.count < 0 or i < self.count)


@dataclass(frozen=True)
class Op:
    """kind: write (value None: it is deleted), read, run (by hand). A job's value is a Job."""
    t0: int
    t1: int
    kind: str
    name: str
    value: object = None
    outcome: str = "ok"
    node: str = ""


@dataclass(frozen=True)
class Run:
    """One start of a command. end None: it did not get to its end."""
    name: str
    start: int
    end: object = None
    due: int = 0
    attempt: int = 0
    node: str = ""
    exit: object = 0

    def __str__(self):
        return f"{self.name} due {self.due} attempt {self.attempt} on {self.node} from {self.start} to {self.end}"


@dataclass(frozen=True)
class Record:
    """What the system says of a run; covers > 1: of so many targets up to the one that is named."""
    name: str
    due: int
    state: str
    covers: int = 1
    cause: str = "schedule"
    reason: str = ""


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
    """(t, kind, what), by kind: down and up (of a node), cut (pairs (from, to), added to what is cut),
    heal (all cuts), clock and disk (of a node; counted against it for ever after)."""

    def __init__(self, nodes, log=()):
        self.nodes, self.log = tuple(nodes), sorted(log, key=lambda f: f[0])
        self.majority = len(self.nodes) // 2 + 1

    def stretches(self, t0, t1):
        """The (nodes up, pairs cut) that held one after the other between two instants."""
        up, cut, passed = set(self.nodes), set(), False
        for t, kind, what in self.log:
            if t > t1:
                break
            if t > t0 and not passed:
                passed = True
                yield frozenset(up), frozenset(cut)
            if kind == "down":
                up.discard(what)
            elif kind == "up":
                up.add(what)
            elif kind == "cut":
                cut |= {tuple(pair) for pair in what}
            elif kind == "heal":
                cut = set()
            if t > t0:
                yield frozenset(up), frozenset(cut)
        if not passed:
            yield frozenset(up), frozenset(cut)

    def live(self, t0, t1):
        """One and the same majority was up and mutually connected all the while."""
        up, cut = set(self.nodes), set()
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

    def moments(self):
        return [t for t, _, _ in self.log]


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

    def __init__(self, ops, runs, faults, own=(), read_at=FOR_EVER, sigma=50, late=LATE_MS):
        self.faults, self.sigma, self.late, self.read_at = faults, sigma, late, read_at
        self.names = sorted({op.name for op in ops} | {r.name for r in runs})
        self.ops, self.runs, self.own = (collections.defaultdict(list) for _ in range(3))
        for op in sorted(ops, key=lambda op: op.t0):
            self.ops[op.name].append(op)
        for run in sorted(runs, key=lambda r: r.start):
            self.runs[run.name].append(run)
        for record in own:
            self.own[record.name].append(record)

    def verdicts(self):
        found = {}
        for judge in (self.s1_no_lost_target, self.s2_no_lost_catch_up, self.s3_at_most_once, self.s4_no_phantom,
                      self.s5_no_overlap, self.s6_counts, self.s7_early, self.s8_retries, self.s14_honesty):
            property_name = judge.__name__.split("_")[0].upper()
            found[property_name] = Verdict()
            for name in self.names:
                judge(name, found[property_name])
        return found

    def writes(self, name):
        return [op for op in self.ops[name] if op.kind == "write"]

    def must(self, name):
        return must_spans(self.writes(name), self.read_at)

    def ended(self, run):
        """When it was surely over: what was cut short ran no longer than its definition says."""
        return run.end if run.end is not None else run.start

    def busy(self, name, t0, t1, but_due):
        """Another attempt of the job was active at some time between."""
        return any(r.due != but_due and r.start <= t1 and self.ended(r) >= t0 for r in self.runs[name])

    def s1_no_lost_target(self, name, v):
        started = {r.due: r for r in reversed(self.runs[name]) if r.attempt == 0}
        for span in self.must(name):
            job = span.job
            if job.catchup:
                continue
            if job.held:  # its node may be the only one that knows
                continue
            for t in job.targets(span.end):
                last = t + job.epsilon + self.late
                if not (t - 1000 >= span.begin and last <= span.end and last + job.duration < self.read_at
                        and self.faults.live(t + job.epsilon - LEAD_MS, last)):
                    continue
                if not job.concurrent and self.busy(name, max(t, t + job.epsilon - LEAD_MS), t + job.epsilon, t):
                    continue
                run = started.get(t)
                v.see(run is not None and t - self.sigma <= run.start <= last + self.sigma,
                      f"{name}: no start for the target {t}" if run is None else f"{name}: {run} is late")
                if run is not None and run.end is None and not self._deleted(name, run.start):
                    v.see(self.faults.touched(run.node, run.start - 1000, run.start + job.duration + self.late),
                          f"{name}: {run} did not end, and its node was well")

    def _deleted(self, name, since):
        """A delete ends what runs."""
        return any(op.value is None and op.outcome != "fail" and op.t1 >= since for op in self.writes(name))

    def s2_no_lost_catch_up(self, name, v):
        for span in self.must(name):
            job = span.job
            if not job.catchup:
                continue
            for t in job.targets(span.end):
                x = self._calm_since(t, span, job)
                if x is None:
                    continue
                later = [r for r in self.runs[name] if t <= r.due and r.start <= x + self.sigma]
                kept = [r for r in self.own[name] if t <= r.due]
                spent = job.count >= 0 and len([r for r in self.runs[name] if r.attempt == 0]) >= job.count
                v.see(later or kept or spent or self.busy(name, t, x, t), f"{name}: no run for {t}, nor a later one")

    def _calm_since(self, t, span, job):
        """The first instant at which t must have been caught up, and nothing newer yet."""
        for x in sorted([t + HEAL_MS, span.begin + HEAL_MS] + [m + 1 + HEAL_MS for m in self.faults.moments()]):
            if (t + HEAL_MS <= x < t + job.interval + HEAL_MS and x - HEAL_MS >= span.begin and x <= span.end
                    and self.faults.live(x - HEAL_MS, x)):
                return x
        return None

    def s3_at_most_once(self, name, v):
        starts = collections.defaultdict(list)
        for run in self.runs[name]:
            starts[(run.due, run.attempt)].append(run)
        held = any(op.value.held for op in self.writes(name) if op.value is not None)
        for again in starts.values():
            excused = not held and all(self.faults.touched(a.node, a.start, b.start) for a, b in zip(again, again[1:]))
            v.see(len(again) == 1 or excused, f"{name}: started {len(again)} times: " + "; ".join(map(str, again)))

    def s4_no_phantom(self, name, v):
        spans = may_spans(self.writes(name))
        by_hand = [op for op in self.ops[name] if op.kind == "run" and op.outcome != "fail"]
        for run in self.runs[name]:
            slack = self.late + self.sigma
            if run.attempt > 0:  # its cause is the attempt before it
                caused = any(r.attempt == run.attempt - 1 and r.start < run.start for r in self.runs[name])
                caused = caused or self.faults.between(0, run.start)
            else:
                caused = any(s.job.aims_at(run.due) and s.begin - self.sigma <= run.start <= s.end + slack
                             and run.due <= s.end + self.sigma for s in spans)
                caused = caused or any(abs(op.t0 - run.due) <= op.t1 - op.t0 + slack for op in by_hand)
            v.see(caused, f"{name}: nothing asked for {run}")

    def s5_no_overlap(self, name, v):
        if any(op.value.concurrent for op in self.writes(name) if op.value is not None):
            return
        for a, b in itertools.combinations(self.runs[name], 2):
            if b.start + self.sigma >= self.ended(a) - self.sigma or (a.due, a.attempt) == (b.due, b.attempt):
                continue
            v.see(self.faults.touched(a.node, a.start, b.start), f"{name}: {b} while {a} ran")
        v.judged += len(self.runs[name])

    def s6_counts(self, name, v):
        for span in may_spans(self.writes(name)):
            job = span.job
            if job.count < 0:
                continue
            dues = {r.due for r in self.runs[name] if r.attempt == 0 and job.aims_at(r.due)}
            v.see(len(dues) <= job.count, f"{name}: {len(dues)} runs of {job.count}")
            if len(self.writes(name)) == 1 and not any(op.kind == "run" for op in self.ops[name]):
                strange = {r.due for r in self.runs[name] if r.attempt == 0} - dues
                v.see(not strange, f"{name}: runs that are not of its grid: {sorted(strange)}")

    def s7_early(self, name, v):
        for run in self.runs[name]:
            v.see(run.start >= run.due - self.sigma, f"{name}: {run} is early")

    def s8_retries(self, name, v):
        definitions = [op.value for op in self.writes(name) if op.value is not None and op.outcome != "fail"]
        if not definitions or all(d.retries == 0 for d in definitions):
            for run in self.runs[name]:
                v.see(run.attempt == 0, f"{name}: {run} has no right to be tried again")
            return
        job = definitions[-1]
        chains = self._chains(name)
        for chain in chains:
            attempts = [r.attempt for r in chain]
            v.see(attempts == list(range(len(attempts))) or self.faults.between(chain[0].due, chain[-1].start),
                  f"{name}: attempts {attempts} of {chain[0].due}")
            v.see(max(attempts) <= job.retries, f"{name}: {chain[-1]}: more than {job.retries} retries")
            for a, b in zip(chain, chain[1:]):
                v.see(b.start >= self.ended(a) + job.retry_delay - self.sigma, f"{name}: {b} so soon after {a}")
            last = chain[-1]
            if last.exit not in (0, None) and last.end is not None and last.attempt < job.retries:
                by = last.end + job.retry_delay + RETRY_MS + self.late
                inside = any(s.begin <= last.start and by <= s.end for s in self.must(name))
                said = any(r.name == name and r.state in ("superseded", "cancelled") for r in self.own[name])
                if inside and self.faults.live(last.end, by):
                    v.see(said or self.busy(name, last.end, by, last.due), f"{name}: {last} was never tried again")

    def _chains(self, name):
        """The attempts of each run, in their order: a retry belongs to the newest attempt before it."""
        chains = []
        for run in self.runs[name]:
            of = [c for c in chains if run.attempt > 0 and c[-1].attempt == run.attempt - 1]
            if of:
                of[-1].append(run)
            elif not any(r.due == run.due and r.attempt == run.attempt for c in chains for r in c):
                chains.append([run])
        return chains

    def s14_honesty(self, name, v):
        ran = {r.due for r in self.runs[name]}
        told = [(r.due, r.covers) for r in self.own[name] if r.cause == "schedule"]
        for span in self.must(name):
            for t in span.job.targets(span.end):
                last = t + span.job.epsilon + self.late + HEAL_MS
                if t - 1000 < span.begin or last > min(span.end, self.read_at) or t in ran:
                    continue
                if not self.faults.live(last - HEAL_MS, last):
                    continue
                v.see(any(due - (covers - 1) * span.job.interval <= t <= due for due, covers in told),
                      f"{name}: the target {t} has no run, and the system does not say why")


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
