"""Clients that write, read and want jobs done through all nodes of a cluster, and a witness who keeps
what they were answered, what the jobs' commands wrote, and what was done to the nodes. The judge
is history.py."""
import collections
import contextlib
import errno
import http.client
import itertools
import random
import re
import time

from history import HEAL_MS, LATE_MS, Faults, Jobs, Op, Record, Run, jepsen, linearizable, stale_reads
from mesolith import Worker, say, sleeper, wait_for

ANSWER_S = 8  # a client waits no longer, and then knows nothing


def now_ms():
    return int(time.time() * 1000)


def iso8601(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03}Z"


class AppRegister:
    """The name's value is a label of an app."""
    missing = (404,)

    def write(self, node, name, value):
        app = sleeper("/" + name, instances=0, labels={"n": str(value)})
        return node.put(f"/v2/apps/{name}?force=true", app, timeout=ANSWER_S)

    def delete(self, node, name):
        return node.delete(f"/v2/apps/{name}?force=true", timeout=ANSWER_S)

    def read(self, node, name):
        return node.get(f"/v2/apps/{name}", timeout=ANSWER_S)

    def value(self, answer):
        return int(answer.json["app"]["labels"]["n"])


class JobRegister:
    """The name's value is the description of a job that is never due."""
    missing = (404, 400)

    def write(self, node, name, value):
        return node.post("/scheduler/iso8601", {
            "name": name, "command": "true", "schedule": "R/2099-01-01T00:00:00Z/P1D", "description": str(value)},
            "chronos", timeout=ANSWER_S)

    def delete(self, node, name):
        return node.delete(f"/scheduler/job/{name}", "chronos", timeout=ANSWER_S)

    def read(self, node, name):
        return node.get(f"/scheduler/job/{name}", "chronos", timeout=ANSWER_S)

    def value(self, answer):
        return int(answer.json["description"])


NAMES = {f"app-{i}": AppRegister() for i in range(3)} | {f"job-{i}": JobRegister() for i in range(3)}


class Witness:
    def __init__(self, place, nodes):
        self.place, self.nodes = place, {n.name: n for n in nodes}
        self.ops, self.job_ops, self.faults, self.clients = [], [], [], []
        self.own, self.unheard, self.counter, self.stale = {}, set(), itertools.count(1), 0
        self.log = place.path("runs.log")
        place.write("runs.log", "")

    # -- what is done to nodes

    def did(self, kind, what=None):
        self.faults.append((now_ms(), kind, what))

    def kill(self, node):
        self.did("down", node.name)
        node.kill9()

    def start(self, node):
        node.start(60)
        self.did("up", node.name)

    def as_faults(self):
        return Faults(self.nodes, self.faults)

    # -- what clients ask

    def ask(self, log, node, kind, name, value, request, value_of=None, missing=()):
        """Keeps one question and its outcome, which it returns with the answer."""
        t0, outcome, answer = now_ms(), "unknown", None
        try:
            answer = request()
        except OSError as why:
            if why.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
                outcome = "fail"
        except http.client.HTTPException:
            pass
        else:
            if answer.headers.get("X-Mesolith-Stale") is not None:
                outcome = "fail"  # it says itself that it may be of before
                self.stale += 1
            elif answer.status < 300:
                outcome = "ok"
                value = value_of(answer) if kind == "read" else value
            elif answer.status in missing and value is None:
                outcome, kind = "ok", "read"  # a delete that finds nothing has read as well
            elif answer.status < 500 or answer.status in (502, 503):  # the dialects' "there is no leader"
                outcome = "fail"
        op = Op(t0, now_ms(), kind, name, value, outcome, node.name)
        log.append(op)
        return op, answer

    def write(self, node, name, delete=False):
        register = NAMES[name]
        value = None if delete else next(self.counter)
        if delete:
            return self.ask(self.ops, node, "write", name, None, lambda: register.delete(node, name),
                            missing=register.missing)
        return self.ask(self.ops, node, "write", name, value, lambda: register.write(node, name, value))

    def read(self, node, name):
        register = NAMES[name]
        return self.ask(self.ops, node, "read", name, None, lambda: register.read(node, name), register.value,
                        register.missing)

    def clients_begin(self, rng, pause_s=0.05):
        """One client a node, which asks that node only."""
        def client(node, r):
            def work():
                name, deed = r.choice(list(NAMES)), r.random()
                op, _ = self.read(node, name) if deed < 0.4 else self.write(node, name, deed < 0.5)
                time.sleep(r.random() * pause_s if op.outcome == "ok" else pause_s)
            return Worker(work)
        self.clients = [client(n, random.Random(rng.random())) for n in self.nodes.values()]

    def clients_end(self):
        for c in self.clients:
            c.end()
        self.clients = []

    def read_everywhere(self):
        """At the end, through each node."""
        for node in self.nodes.values():
            for name in NAMES:
                wait_for(lambda: self.read(node, name)[0].outcome == "ok", f"{node.name} shows {name}")

    # -- jobs, whose commands say themselves when they ran

    def add_job(self, node, name, job, **more):
        line = f'$MESOS_TASK_ID $CHRONOS_JOB_RUN_TIME $CHRONOS_JOB_RUN_ATTEMPT $HOST $(date +%s%3N)'
        status = f"$(($CHRONOS_JOB_RUN_ATTEMPT < {job.fails}))"
        command = (f"echo s {line} 0 >> '{self.log}'; sleep {job.duration / 1000}; x={status}; "
                   f"echo e {line} $x >> '{self.log}'; exit $x")
        count = "" if job.count < 0 else job.count
        body = dict({
            "name": name, "command": command, "schedule": f"R{count}/{iso8601(job.start)}/PT{job.interval / 1000:g}S",
            "scheduleTimeZone": "UTC", "epsilon": f"PT{job.epsilon / 1000:g}S", "owner": "someone@example.org",
            "concurrent": job.concurrent, "missed": "catchup" if job.catchup else "window", "retries": job.retries,
            **({"startUncertain": "hold"} if job.held else {}),
            "retryDelaySeconds": job.retry_delay // 1000, "mem": 1, "disk": 1, "cpus": 0.001, "async": False},
            **more)
        return self.ask(self.job_ops, node, "write", name, job,
                        lambda: node.post("/scheduler/iso8601", body, "chronos", timeout=20))

    def delete_job(self, node, name):
        return self.ask(self.job_ops, node, "write", name, None,
                        lambda: node.delete(f"/scheduler/job/{name}", "chronos", timeout=20))

    def runs(self):
        by_address = {n.address: n.name for n in self.nodes.values()}
        found = {}
        with open(self.log) as f:
            for line in f:
                what, task, due, attempt, host, at, status = line.split()
                name = task.split(":", 3)[3].rstrip(":")
                key = (task, host)
                if what == "s":
                    found.setdefault(key, []).append(
                        Run(name, int(at), None, int(due), int(attempt), by_address.get(host, host)))
                else:
                    begun = found[key][-1]
                    found[key][-1] = Run(begun.name, begun.start, int(at), begun.due, begun.attempt, begun.node,
                                          int(status))
        return [run for runs in found.values() for run in runs]

    def look_at_own(self, node):
        """What the system keeps is bounded: to be called now and then in a long test."""
        rows = node.post("/api/sql", {"query": """
            select j.name, r.due_ms, r.covers, r.state, r.cause, r.reason from job_runs r join jobs j on j.id = r.job
            order by r.id desc limit 900"""}).json["rows"]
        states = {7: "missed", 9: "coalesced", 10: "cancelled", 11: "superseded"}
        for name, due, covers, state, cause, reason in rows:
            if state in (1, 2, 6):  # assigned, running, lost: it may have begun where nobody is heard
                self.unheard.add((name, due))
            else:
                self.unheard.discard((name, due))
            self.own[(name, due, covers)] = Record(name, due, states.get(state, "ran"), covers,
                                                   "schedule" if cause == 0 else "other", reason)

    def settle(self):
        """Waits until all that was due by now has run; that time, and until when the judge may take all
        for told."""
        jobs = {op.name: op.value for op in self.job_ops if op.value is not None and op.outcome == "ok"}
        by = now_ms()
        slack = min(HEAL_MS if j.catchup else j.epsilon + LATE_MS + j.duration for j in jobs.values())

        def all_ran():
            ended = {(r.name, r.due) for r in self.runs() if r.end is not None}
            return all((name, t) in ended for name, job in jobs.items() for t in job.targets(by)[-20:])
        with contextlib.suppress(AssertionError):  # else it is the judge who says what is missing
            wait_for(all_ran, "what is due has run", slack / 1000)
        return by, by + slack

    def tally(self, by, quiet=False):
        """Without any excuse: the targets up to then that have no run, and those that have two."""
        starts = collections.Counter((r.name, r.due) for r in self.runs() if r.attempt == 0)
        due = [(op.name, t) for op in self.job_ops if op.value is not None and op.outcome == "ok"
               for t in op.value.targets(by)]
        missed, doubled = [d for d in due if starts[d] == 0], [d for d in due if starts[d] > 1]
        late = sorted(r.start - r.due for r in self.runs() if r.attempt == 0)
        if not quiet and late:
            say(f"started after {late[len(late) // 2]} ms in the median, 99 %: {late[len(late) * 99 // 100]} ms, "
                f"at most {late[-1]} ms")
            say(f"of {len(due)} targets {len(missed)} were missed, {len(doubled)} doubled")
        return missed, doubled

    def unexplained(self, missed):
        """Those of which the system itself does not say that they did not run, nor that nobody is heard where one is held
        that may have begun."""
        jobs = {op.name: op.value for op in self.job_ops if op.value is not None}

        def told(name, t):
            if jobs[name].held and (name, t) in self.unheard:
                return True
            return any(r.name == name and r.cause == "schedule" and r.state != "ran"
                       and r.due - (r.covers - 1) * jobs[name].interval <= t <= r.due for r in self.own.values())
        return [(name, t) for name, t in missed if not told(name, t)]

    # -- the verdict

    def judge(self, read_at=None, sigma=50, public=False):
        """Says for each property how much was judged; all that is wrong."""
        read_at = read_at or now_ms()
        runs, faults = self.runs(), self.as_faults()
        verdicts = Jobs(self.job_ops, runs, faults, self.own.values(), read_at, sigma).verdicts()
        verdicts["S10"], verdicts["S11"] = stale_reads(self.ops), linearizable(self.ops)
        if public:
            verdicts["the public test"] = jepsen(self.job_ops, runs, read_at)
        wrong = []
        for name, v in verdicts.items():
            say(f"{name}: {v.judged} judged, {len(v.wrong)} violated")
            wrong += [f"{name}: {sentence}" for sentence in v.wrong]
        outcomes = collections.Counter(f"{op.kind} {op.outcome}" for op in self.ops)
        say(", ".join(f"{n} {what}" for what, n in sorted(outcomes.items())) + f"; {self.stale} reads said that they are stale; {len(runs)} runs")
        if wrong:
            missed = {name for name, t in self.tally(read_at, quiet=True)[0]}
            print(*(f"  {r}" for r in self.own.values() if r.state != "ran" or r.name in missed), sep="\n")
            print(*(f"  {t} {kind} {what}" for t, kind, what in self.faults[-60:]), sep="\n")
            print(*wrong[:40], sep="\n")
        return wrong


# ---- who leads

def leader_of(nodes):
    """The one that a majority of those asked names, or None."""
    votes = collections.Counter()
    for node in nodes:
        try:
            for n in node.get("/api/nodes", timeout=3).json["items"]:
                if n.get("role") == "leader":
                    votes[n["name"]] += 1
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            continue
    name, n = votes.most_common(1)[0] if votes else (None, 0)
    return next((x for x in nodes if x.name == name), None) if n > len(nodes) // 2 else None


def wait_voting(nodes, within=60):
    """Until all nodes of a cluster of 3 or 5 vote, and each says so."""
    def so():
        for node in nodes:
            roles = sorted(n.get("role", "") for n in node.get("/api/nodes", timeout=3).json["items"])
            assert roles == ["leader"] + ["voter"] * (len(nodes) - 1), f"{node.name}: {roles}"
        return True
    wait_for(so, "all vote", within)


def leaders_by_term(nodes):
    """Who has said that it gained the leadership of which term; and the terms that two have had."""
    by_term = collections.defaultdict(set)
    for node in nodes:
        with open(node.log, errors="replace") as f:
            for line in f:
                found = re.search(r"leadership gained.* term=(\d+)", line)
                if found:
                    by_term[int(found.group(1))].add(node.name)
    return by_term, {term: sorted(names) for term, names in by_term.items() if len(names) > 1}
