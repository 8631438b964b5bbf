#!/usr/bin/python3
"""Jobs on one machine, with real processes: how late the runs of many begin that are due at one instant, and those of a
steady rate, and whether each has its output; what tens of thousands of jobs cost that are only there.

  bench_jobs.py [PART ...]      instant=1000 shell=1000 rate=500 loaded=50000 when not said
  RATE_S=30                     for so long runs are due

A run is `exec date`, or in the part `shell` a line that takes a shell to read: what it writes is when it began, which is
compared with when it was due, and is read back from its sandbox. Beside those of one instant, in the same minutes, stand as many that cron starts, if Debian's
is installed, and as many that nobody looks after. systemd's timers started 1,000 within 1.9 s on such a machine.

What it costs to make a file is told too: where the file system has no journal, and many were removed in the last minutes,
it is up to half a millisecond, of which a run takes a dozen. TMPDIR says where to measure."""
import contextlib
import glob
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

from figures import Place, cpu_s, load, memory_kib, processes_of, wait_for

RATE_S = int(os.environ.get("RATE_S", "30"))
CLIENTS = 8
SLACK_S = 10   # to make the jobs in
LATEST_S = 60  # who has not begun by then is lost
LOOK_S = 3     # looking at what was written is work too: not while they begin


def told(what, figure):
    print(f"{what:56} {figure}", flush=True)


def percentiles(values, unit="ms"):
    v = sorted(values)
    at = [("least", 0), ("median", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("most", 1)]
    return ", ".join(f"{name} {v[min(len(v) - 1, int(len(v) * part))]:.1f}" for name, part in at) + " " + unit


def job(name, schedule, **more):
    return dict({"name": name, "schedule": schedule, "command": "exec date +%s.%N", "cpus": 0.001, "mem": 1, "disk": 1,
                 "epsilon": "PT60S", "retries": 0}, **more)


def instant(s):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(s)) + f".{int(s * 1000) % 1000:03}Z"


class Client:
    """One connection, kept open."""

    def __init__(self, node):
        u = urllib.parse.urlsplit(node.urls["chronos"])
        self.connection = http.client.HTTPConnection(u.hostname, u.port, timeout=60)

    def send(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        a = self.connection.getresponse()
        text = a.read()
        assert a.status < 300, (path, a.status, text[:300])
        return text

    def put_job(self, body):
        self.send("POST", "/v1/scheduler/iso8601", body)


def make(node, jobs):
    """All of them, by several clients."""
    def some(first):
        client = Client(node)
        for body in jobs[first::CLIENTS]:
            client.put_job(body)
    workers = [threading.Thread(target=some, args=(i,)) for i in range(CLIENTS)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()


def used_s(place):
    """Processor time of all that was started there: who has ended counts with who waited for him."""
    ticks = 0
    for pid in processes_of(place.folder):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as f:
            ticks += sum(int(field) for field in f.read().rsplit(")", 1)[1].split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


RUN = re.compile(r"/ct:(\d+):0:([^:/]+):/runs/")


def outputs(node):
    """By job and due time, in ms: when the run began, as it wrote it."""
    found, empty = {}, 0
    for path in glob.glob(glob.escape(node.data) + "/agent/slaves/*/frameworks/*/executors/ct:*/runs/*/stdout"):
        due, name = RUN.search(path).groups()
        with open(path) as f:
            text = f.read()
        if re.fullmatch(r"\d+\.\d+\n", text):
            found[name, int(due)] = float(text) * 1000
        else:
            empty += 1
    return found, empty


class Begun:
    """When each of so many began, in ms, and the processor time of all that was done for them."""

    def __init__(self, what, late, first, last, used, wanted, empty=0):
        self.last_late, self.run_ms = max(late), used * 1000 / wanted
        told(what, f"{len(late)} of {wanted} have run, {wanted - len(late)} lost, {empty} with another output")
        told("  began after they were due", percentiles(late))
        told("  from the first to the last", f"{(last - first) / 1000:.2f} s: {len(late) * 1000 / (last - first):.0f} a second")
        told("  processor time a run, date's and a shell's too", f"{self.run_ms:.2f} ms; {load()}")


def file_ms(folder, count=200):
    """Processor time of making a file there."""
    aside = os.path.join(folder, "files")
    os.mkdir(aside)
    began = time.process_time()
    for i in range(count):
        os.close(os.open(os.path.join(aside, str(i)), os.O_WRONLY | os.O_CREAT))
    took = time.process_time() - began
    shutil.rmtree(aside)
    return took * 1000 / count


def due_all(what, jobs, dues, first_s):
    """`dues`: (name, ms) of each run that there has to be."""
    place = Place("bench")
    told("a file made there", f"{file_ms(place.folder):.3f} ms")
    try:
        node = place.node(log="warn").start()
        make(node, jobs)
        left = first_s - time.time()
        assert left > 0, f"the jobs were made {-left:.1f} s too late"
        time.sleep(left)
        used = used_s(place)
        last_s = max(ms for _, ms in dues) / 1000
        time.sleep(max(0.0, last_s + LOOK_S - time.time()))
        found, empty = outputs(node)
        while any(due not in found for due in dues) and time.time() < last_s + LATEST_S:
            time.sleep(LOOK_S)
            found, empty = outputs(node)
        late = [found[due] - due[1] for due in dues if due in found]
        first, last = min(found[d] for d in dues if d in found), max(found[d] for d in dues if d in found)
        begun = Begun(what, late, first, last, used_s(place) - used, len(dues), empty)
        told("  the node's memory", f"{memory_kib(node.pid)[0] / 1024:.1f} MiB")
        return begun
    finally:
        place.end()


def written(folder):
    """What each that began has written, in ms."""
    found = []
    for name in os.listdir(folder):
        with open(os.path.join(folder, name)) as f:
            text = f.read()
        if re.fullmatch(r"\d+\.\d+\n", text):
            found.append(float(text) * 1000)
    return found


def bare_at_one_instant(n):
    """Spawned one after the other, each with a file for its output, and not looked after."""
    place = Place("bare")
    try:
        at, used = time.time() * 1000, os.times()
        pids = [os.posix_spawn("/bin/sh", ["sh", "-c", "exec date +%s.%N"], os.environ, file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, place.path(str(i)), os.O_WRONLY | os.O_CREAT, 0o644)]) for i in range(n)]
        for pid in pids:
            os.waitpid(pid, 0)
        now, found = os.times(), written(place.folder)
        return Begun(f"{n} of them, only spawned", [f - at for f in found], min(found), max(found), sum(now[:4]) - sum(used[:4]), n)
    finally:
        place.end()


CRON = "/usr/sbin/cron"
CRON_LINES = 250  # a table; Debian's takes a thousand
CRON_SHELL = """set -e
mount --bind "$1/cron.d" /etc/cron.d
mount --bind "$1/crontab" /etc/crontab
mount --bind "$1/spool" /var/spool/cron/crontabs
mount --bind "$1/run" /run
exec %s -f""" % CRON


def cron_start(place, n, at):
    """One whose tables, and whose process file, are in mounts of its own: that of the machine, if it runs, does not see it."""
    for name in ("cron.d", "spool", "run", "out"):
        os.mkdir(place.path(name), 0o755)
    place.write("crontab", "")
    when = time.strftime("%-M %-H * * *", time.localtime(at))
    for first in range(0, n, CRON_LINES):
        lines = [f"{when} root exec date +\\%s.\\%N >{place.path('out', str(i))}\n" for i in range(first, min(n, first + CRON_LINES))]
        place.write(f"cron.d/bench{first}", 'MAILTO=""\n' + "".join(lines))
        os.chmod(place.path(f"cron.d/bench{first}"), 0o644)
    with open(place.path("log"), "wb") as log:
        return subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", CRON_SHELL, "sh", place.folder],
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=place.environment(), start_new_session=True)


def cron_at_one_instant(n):
    if os.geteuid() != 0 or not os.path.exists(CRON):
        return told("cron", "not measured: it takes root, and Debian's package cron")
    place = Place("cron")
    at = (int(time.time()) + 5) // 60 * 60 + 60
    cron = cron_start(place, n, at)
    try:
        time.sleep(max(0.0, at - 1 - time.time()))
        if cron.poll() is not None:
            with open(place.path("log")) as log:
                return told("cron", f"not measured: {log.read().strip()}")
        used, idle = used_s(place), len(processes_of(place.folder))
        time.sleep(max(0.0, at + LOOK_S - time.time()))
        while len(found := written(place.path("out"))) < n and time.time() < at + LATEST_S:
            time.sleep(LOOK_S)
        if not found:
            return told("cron", "not measured: it has started none")
        wait_for(lambda: len(processes_of(place.folder)) <= idle, "he has waited for those who have ended")
        return Begun(f"{n} of them by cron", [f - at * 1000 for f in found], min(found), max(found), used_s(place) - used, n)
    finally:
        cron.kill()
        cron.wait()
        place.end()


def jobs_at_one_instant(n, what="", **more):
    at = int(time.time()) + SLACK_S
    return due_all(f"{n} jobs due at one instant{what}", [job(f"j{i}", f"R1/{instant(at)}/P1D", **more) for i in range(n)],
                   [(f"j{i}", at * 1000) for i in range(n)], at)


def with_a_shell(n):
    jobs_at_one_instant(n, ", each with a shell", command="exec date '+%s.%N'")


def at_one_instant(n):
    own = jobs_at_one_instant(n)
    for measure in (cron_at_one_instant, bare_at_one_instant):
        other = measure(n)
        if other:
            told("  ours to theirs: until the last began, processor time",
                 f"{own.last_late / other.last_late:.2f}, {own.run_ms / other.run_ms:.2f}")


def at_a_rate(n):
    """n jobs, each every second, and each at another moment of it."""
    at = int(time.time()) + SLACK_S
    jobs = [job(f"j{i}", f"R{RATE_S}/{instant(at + i / n)}/PT1S", concurrent=True) for i in range(n)]
    due_all(f"{n} runs a second for {RATE_S} s", jobs,
            [(f"j{i}", at * 1000 + int(i / n * 1000) + 1000 * k) for i in range(n) for k in range(RATE_S)], at)


def only_there(n):
    place = Place("bench")
    try:
        node = place.node(log="warn").start()
        began = time.monotonic()
        make(node, [job(f"j{i}", f"R/2099-01-01T00:{i // 60 % 60:02}:{i % 60:02}Z/PT1H") for i in range(n)])
        took = time.monotonic() - began
        told(f"{n} jobs made by {CLIENTS} clients", f"{took:.1f} s, {n / took:.0f} a second; {load()}")
        told("  the node's memory", f"{memory_kib(node.pid)[0] / 1024:.1f} MiB")
        for i in range(5):
            node.stop()
            node.start()
            ready = node.ready_s
            Client(node).put_job(job("j7", "R/2099-01-01T00:00:00Z/PT2H"))
            wrote = time.monotonic() - node.began
            node.post("/v1/scheduler/iso8601", job(f"now{i}", "R1//P"), door="chronos")
            wait_for(lambda: any(name == f"now{i}" for name, _ in outputs(node)[0]), "a run of a new job")
            told("  a start: ready, a change acknowledged, a job has run",
                 f"{ready * 1000:.0f} ms, {wrote * 1000:.0f} ms, {(time.monotonic() - node.began) * 1000:.0f} ms; {load()}")
        told("  the node's memory then", f"{memory_kib(node.pid)[0] / 1024:.1f} MiB")
        client, took = Client(node), []
        for i in range(500):
            began = time.monotonic()
            client.put_job(job(f"j{i * 97 % n}", f"R/2099-01-02T00:00:00Z/PT{i + 1}H"))
            took.append((time.monotonic() - began) * 1000)
        told("  a change of one job, acknowledged after", percentiles(took))
        used, began = cpu_s([node.pid]), time.monotonic()
        time.sleep(5)
        told("  processor while nothing is due", f"{(cpu_s([node.pid]) - used) * 1000 / (time.monotonic() - began):.1f} ms a second")
        began = time.monotonic()
        text = client.send("GET", "/v1/scheduler/jobs")
        told("  the list of all", f"{(time.monotonic() - began) * 1000:.0f} ms, {len(text) / 1e6:.1f} MB")
    finally:
        place.end()


PARTS = {"instant": at_one_instant, "shell": with_a_shell, "rate": at_a_rate, "loaded": only_there}


def main(words):
    for word in words or ["instant=1000", "shell=1000", "rate=500", "loaded=50000"]:
        part, n = word.split("=")
        PARTS[part](int(n))


if __name__ == "__main__":
    main(sys.argv[1:])
