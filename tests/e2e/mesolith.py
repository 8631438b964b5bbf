"""What the stories share: nodes as real processes, and how to tell what became of them.

A story is a function `story(place)` in a file of its own; `run` plays them. It says what it shows by
`with case("a sentence"):`; the first case that fails ends its story. What takes its time it returns
as a function, which is called when all others have been played. A Place is the story's own folder
and loopback address, and ends all that was started in it.

Stories wait for conditions, never for time.
"""
import contextlib
import glob
import gzip
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BINARY = os.environ.get("MESOLITH") or os.path.join(
    os.environ.get("BUILD") or os.path.join(ROOT, "build-test"), "mesolith")
LISTENERS = ("mesos", "agent", "marathon", "chronos", "stats")
PATIENCE_S = 30  # the sanitizers are slow, and so may the machine be
LOOK_S = 0.02

# What a sanitizer or an assertion says before the process ends.
ALARMS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|assertion|ASSERT|(?<!is )unreachable", re.I)


# ---- verdicts

class Failed(Exception):
    """A case has failed and was told; its story is over."""


failures = 0


@contextlib.contextmanager
def case(name, place=None):
    """Prints the verdict; a failure shows the logs of the place first, the youngest by default."""
    global failures
    place = place or Place.all[-1]
    try:
        yield
    except Failed:
        raise
    except BaseException as why:  # an interrupted case has failed too
        failures += 1
        traceback.print_exc(file=sys.stdout)
        place.show_logs()
        print(f"not ok {place.name}: {name}", flush=True)
        if isinstance(why, (KeyboardInterrupt, SystemExit)):
            raise
        raise Failed(name) from None
    print(f"ok {place.name}: {name}", flush=True)


def skip(name, why):
    print(f"skip {name}: {why}", flush=True)


def say(text):
    """A figure or a remark; always shown by `run` alone, by tests/run only after a failure."""
    print(f"  {text}", flush=True)


def equal(got, wanted, what):
    assert got == wanted, f"{what}: got {got!r}, need {wanted!r}"


def wait_for(condition, what, within=PATIENCE_S):
    """What `condition` returns once that is true. It may raise as long as there is time."""
    end = time.monotonic() + within
    while True:
        trouble = None
        try:
            value = condition()
            if value:
                return value
        except (OSError, ValueError, KeyError, IndexError, AssertionError,
                http.client.HTTPException) as why:
            trouble = why
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}" + (f" ({trouble!r})" if trouble else ""))
        time.sleep(LOOK_S)


# ---- HTTP

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.text[:300]}"


def ask(url, method="GET", body=None, headers=None, timeout=PATIENCE_S):
    """One request on a connection of its own. A body that is no text is sent as JSON."""
    u = urllib.parse.urlsplit(url)
    headers = {"Accept-Encoding": "gzip", **(headers or {})}
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(u.hostname, u.port, timeout=timeout)
    try:
        target = (u.path or "/") + ("?" + u.query if u.query else "")
        connection.request(method, target, body, headers)
        r = connection.getresponse()
        text = r.read()
        if r.headers["Content-Encoding"] == "gzip":
            text = gzip.decompress(text)
        return Answer(r.status, r.headers, text)
    finally:
        connection.close()


# ---- processes

def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _belongs(pid, folder):
    """Whether a process was started in a folder: it works there, has it in its environment (nodes,
    proxies, supervisors) or among its arguments."""
    inside = folder.encode()
    try:
        if os.readlink(f"/proc/{pid}/cwd").startswith(folder):
            return True
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                if inside in f.read():
                    return True
    except OSError:
        pass
    return False


def processes_of(folder):
    pids = [int(p) for p in os.listdir("/proc") if p.isdigit()]
    return [p for p in pids if p != os.getpid() and alive(p) and _belongs(p, folder)]


def memory_kib(pid):
    """(resident, private) of a process."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", f.read(), re.M))
    return int(sizes["Rss"]), int(sizes["Private_Clean"]) + int(sizes["Private_Dirty"])


class Supervised:
    """A plain task as its supervisor recorded it: agent/tasks/N/record. `name` is its id."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "spec")) as f:
            self.name = json.load(f)["name"]
        with open(os.path.join(folder, "record")) as f:
            fields = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
        self.pid, self.supervisor = int(fields["pid"]), int(fields["supervisor"])
        self.started = int(fields["pid_started"])


# ---- nodes

class Node:
    """`mesolith dev` with a data folder below a place; flags by their names, `_` for `-`."""

    def __init__(self, place, name="node", **flags):
        self.place, self.name = place, name
        self.data = os.path.join(place.folder, name)
        self.log = os.path.join(place.folder, name + ".log")
        self.flags = {"address": place.address, "service-address": place.service_address}
        self.flags.update({f"{x}-port": 0 for x in LISTENERS})
        self.flags.update({key.replace("_", "-"): value for key, value in flags.items()})
        self.process, self.urls = None, {}
        self.ready_s = None  # how long the last start took

    def command(self):
        args = [BINARY, "dev", "--data", self.data]
        for key, value in self.flags.items():
            args.append(f"--{key}" if value is True else f"--{key}={value}")
        return args

    def launch(self):
        """Starts the process, and does not wait."""
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env=self.place.environment(), cwd=self.place.folder, start_new_session=True)
        self.began, self.said = began, ""
        return self

    def start(self, within=PATIENCE_S):
        self.launch()
        return self.start_ends(within)

    def start_ends(self, within=PATIENCE_S):
        line = self._ready_line(within)
        self.ready_s = time.monotonic() - self.began
        words = line.split()
        assert words and words[0] == "ready", f"{self.name}: no ready line, but {line!r}"
        self.urls = {k: v.rstrip("/") for k, v in (w.split("=", 1) for w in words[1:])}
        return self

    def _ready_line(self, within):
        """The last line of what it has said so far, which is kept."""
        self.wait_said("\nready ", within)
        return self.said.strip().rsplit("\n", 1)[-1]

    def wait_said(self, text, within=PATIENCE_S):
        """Until its stdout holds a text (and the rest of that line), or it has ended."""
        os.set_blocking(self.process.stdout.fileno(), False)
        end, self.said = time.monotonic() + within, getattr(self, "said", "") or "\n"
        while text not in self.said or not self.said.endswith("\n"):
            chunk = self.process.stdout.read()
            self.said += (chunk or b"").decode()
            if chunk == b"":
                break  # it has ended
            if time.monotonic() > end:
                raise AssertionError(f"{self.name}: has not said {text!r} within {within} s: {self.said!r}")
            if not chunk:
                time.sleep(0.001)
        return self.said

    @property
    def pid(self):
        return self.process.pid

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self, number=signal.SIGTERM, within=PATIENCE_S):
        """The exit status, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(within)
        self.process.stdout.close()
        return status, time.monotonic() - began

    def restart(self):
        self.kill9()
        return self.start()

    # -- asking

    def ask(self, method, path, body=None, door="marathon", **more):
        return ask(self.urls[door] + path, method, body, **more)

    def get(self, path, door="marathon", **more):
        return self.ask("GET", path, door=door, **more)

    def post(self, path, body=None, door="marathon", **more):
        return self.ask("POST", path, body, door, **more)

    def put(self, path, body=None, door="marathon", **more):
        return self.ask("PUT", path, body, door, **more)

    def delete(self, path, door="marathon", **more):
        return self.ask("DELETE", path, door=door, **more)

    def cli(self, *words, check=True):
        """Runs `mesolith WORDS` against this node."""
        env = dict(self.place.environment(), MESOLITH_ADDRESS=self.urls["marathon"], NO_COLOR="1")
        done = subprocess.run([BINARY, *words], capture_output=True, text=True, env=env,
                              timeout=PATIENCE_S, cwd=self.place.folder)
        if check:
            equal(done.returncode, 0, f"mesolith {' '.join(words)}: {done.stderr}")
        return done

    # -- asking for more

    def create(self, app, status=201):
        a = self.post("/v2/apps", app)
        equal(a.status, status, f"creating {app['id']}: {a}")
        return a

    def app(self, app):
        return self.get("/v2/apps/" + app.strip("/")).json["app"]

    def tasks_of(self, app):
        return self.get(f"/v2/apps/{app.strip('/')}/tasks").json["tasks"]

    def wait_running(self, app, n, within=PATIENCE_S):
        """Until an app has n running tasks, and no deployment."""
        def so():
            a = self.app(app)
            return a if (a["tasksRunning"], a["tasksStaged"], a["deployments"]) == (n, 0, []) else None
        return wait_for(so, f"{app} has {n} running tasks and no deployment", within)

    # -- what is left of it

    def supervised(self):
        """The plain tasks that have not ended, by their number."""
        tasks, found = os.path.join(self.data, "agent", "tasks"), {}
        for n in os.listdir(tasks) if os.path.isdir(tasks) else []:
            folder = os.path.join(tasks, n)
            if os.path.exists(os.path.join(folder, "exit")):
                continue
            try:
                found[int(n)] = Supervised(folder)
            except (OSError, KeyError, ValueError):
                continue  # just being made, or forgotten
        return found

    def proxies(self):
        return [p for p in processes_of(self.place.folder)
                if f" proxy {self.data}/agent" in " " + command_of(p)]

    def logged(self, text):
        """How many lines of its log hold that."""
        with open(self.log, errors="replace") as f:
            return sum(text in line for line in f)

    def show_log(self, lines=100):
        logs = [self.log, os.path.join(self.data, "agent", "proxy.log")]
        for path in logs:
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    tail = f.readlines()[-lines:]
                print(f"--- {os.path.relpath(path, self.place.folder)}\n{''.join(tail)}---")


class Member(Node):
    """A node of a cluster, at an address of its own: made by `init`, or by `join` at another one,
    with --serve; afterwards started by `serve`, which needs nothing but its folder."""

    def __init__(self, place, number, at=None, token=None, **flags):
        super().__init__(place, f"node{number}", **flags)
        self.at, self.token, self.made = at, token, False
        self.address = self.flags["address"] = place.net + f".{10 + number}"
        del self.flags["service-address"]
        self.flags["name"] = self.name
        self.serves, self.token_shown = True, False

    def command(self):
        if self.made:
            return [BINARY, "serve", "--data", self.data]
        words = ["init"] if self.at is None else ["join", self.at.address]
        if self.token_shown:
            words += ["--token", self.token]
        elif self.token is not None:
            words += ["--token-file", self.place.write(self.name + ".token", self.token)]
        args = [BINARY, *words, "--data", self.data] + ["--serve"] * self.serves
        return args + [f"--{key}" if value is True else f"--{key}={value}" for key, value in self.flags.items()]

    def start_ends(self, within=PATIENCE_S):
        super().start_ends(within)
        self.made = True
        return self

    def run(self, within=PATIENCE_S):
        """The command alone, to its end."""
        return subprocess.run(self.command(), capture_output=True, text=True, timeout=within, cwd=self.place.folder,
                              env=self.place.environment(), stdin=subprocess.DEVNULL)

    @property
    def printed_token(self):
        return re.search(r"MESO1-\S+", self.said).group()


# ---- places

class Place:
    all = []

    def __init__(self, name):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"{name}.")
        # of our own, so that neither ports nor the tasks' ports meet those of others
        net = f"127.{random.randrange(64, 128)}.{random.randrange(256)}"
        self.net, self.address, self.service_address = net, net + ".1", net + ".2"
        self.nodes, self.at_end = [], []
        Place.all.append(self)

    def environment(self):
        return dict(os.environ, MESOLITH_E2E=self.folder, ASAN_OPTIONS="detect_leaks=1",
                    UBSAN_OPTIONS="print_stacktrace=1")

    def node(self, name="node", **flags):
        n = Node(self, name, **flags)
        self.nodes.append(n)
        return n

    def member(self, number, at=None, token=None, **flags):
        """A node of a cluster: its first, or one that joins the cluster of the node `at`."""
        n = Member(self, number, at, token or (at.printed_token if at else None), **flags)
        self.nodes.append(n)
        return n

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))
        return self.path(name)

    def show_logs(self):
        for n in self.nodes:
            n.show_log()

    def alarms(self):
        """What sanitizers and assertions have said, in all the logs and outputs of the place."""
        found = []
        for folder, _, files in os.walk(self.folder):
            for name in files:
                if name.endswith(".log") or name == "stderr":
                    path = os.path.join(folder, name)
                    with contextlib.suppress(OSError), open(path, errors="replace") as f:
                        found += [f"{path}: {line.rstrip()}" for line in f if ALARMS.search(line)]
        return found

    def end(self):
        """Ends all that runs here, nodes first, and removes the folder."""
        for n in self.nodes:
            if n.process and n.process.poll() is None:
                n.kill9()
        for what in reversed(self.at_end):
            what()
        wait_for(self._end_some, f"all processes of {self.folder} end")
        self._unmount()
        self._remove_cgroups()
        shutil.rmtree(self.folder, ignore_errors=True)
        Place.all.remove(self)

    def _remove_cgroups(self):
        """Those of tasks whose supervisors were killed above, and could not do it."""
        for record in glob.glob(os.path.join(glob.escape(self.folder), "*/agent/tasks/*/record")):
            with contextlib.suppress(OSError), open(record) as f:
                for path in re.findall(r"^cgroup_\w+=(/.*)$", f.read(), re.M):
                    with contextlib.suppress(OSError):
                        os.rmdir(path)

    def _unmount(self):
        with open("/proc/self/mounts") as f:
            points = [line.split()[1] for line in f]
        for point in reversed(points):
            if point.startswith(self.folder + "/"):
                subprocess.run(["umount", "-l", point], capture_output=True)

    def _end_some(self):
        left = processes_of(self.folder)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return not left


def free_port(address="127.0.0.1"):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


# ---- apps and jobs that the stories use

def sample_app(name="/sample", port=10000, instances=1, **more):
    """The sample app behind a service port."""
    return dict({
        "id": name, "cmd": f"exec '{BINARY}' demo-server", "instances": instances,
        "cpus": 0.01, "mem": 16, "disk": 0, "portDefinitions": [{"port": port, "name": "http"}],
        "healthChecks": [{"protocol": "HTTP", "path": "/health", "portIndex": 0, "intervalSeconds": 1,
                          "timeoutSeconds": 5, "gracePeriodSeconds": 30}],
    }, **more)


def sleeper(name, **more):
    return dict({"id": name, "cmd": "exec sleep 100000", "instances": 1, "cpus": 0.001, "mem": 1,
                 "disk": 0, "portDefinitions": []}, **more)


# ---- work beside the story

class Worker(threading.Thread):
    """Does `work()` again and again until it is ended, and keeps what went wrong."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.ending, self.trouble = work, threading.Event(), None
        self.start()

    def run(self):
        try:
            while not self.ending.is_set():
                self.work()
        except Exception:
            self.trouble = traceback.format_exc()

    def end(self):
        self.ending.set()
        self.join()
        assert self.trouble is None, self.trouble


class Traffic:
    """Requests at a steady rate to a service port, from a process of its own: traffic.py."""

    def __init__(self, place, port, rate, connections, address=None):
        command = ["/usr/bin/python3", os.path.join(HERE, "traffic.py"), address or place.service_address, str(port),
                   str(rate), str(connections)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=place.environment(), text=True)

    def end(self):
        """What came of it; fails if a request has failed."""
        said = json.loads(self.process.communicate(timeout=60)[0])
        assert said["answers"] == said["asked"] > 0 and not said["failures"], said
        return said
