"""What the machine does to a node: one clear sentence, the exit status that belongs to it, and nothing
damaged."""
import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess

from mesolith import PATIENCE_S, case, equal, processes_of, skip, sleeper, wait_for

# exit statuses of base/error.h
INVALID, NOT_FOUND, CONFLICT, IO, CORRUPT = 3, 4, 5, 9, 10


def checksum(folder):
    sums = {}
    for path, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(("-shm", ".sock")):
                with open(os.path.join(path, name), "rb") as f:
                    sums[os.path.join(path, name)] = hashlib.sha256(f.read()).hexdigest()
    return sums


def refuses(node, statuses, *words):
    """Starting it fails at once: nothing on stdout, one sentence on stderr with all the words."""
    done = subprocess.run(node.command(), capture_output=True, text=True, timeout=PATIENCE_S,
                          env=node.place.environment(), cwd=node.place.folder)
    assert done.returncode in statuses, f"exit {done.returncode}, need {statuses}: {done.stderr}"
    equal(done.stdout, "", "stdout")
    sentences = [x for x in done.stderr.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT", x)]
    assert len(sentences) == 1 and sentences[0].startswith("error: "), done.stderr
    for word in words:
        assert word in sentences[0], f"no {word!r} in {sentences[0]!r}"


def unharmed(node, apps=("/kept",)):
    node.start()
    equal(sorted(a["id"] for a in node.get("/v2/apps").json["apps"]), sorted(apps), "apps")
    equal(node.stop()[0], 0, "exit status")


def is_launcher(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as f:
        return f.read().strip() == "mesolith-launch"


def is_running(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0] not in "ZX"


def spoil(path, at, text):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(text)


def flags(place):
    for flag, value, words in [
            ("agent-prt", "1", ["agent-prt", "agent-port"]), ("mesos-port", "many", ["many", "0 to 65535"]),
            ("modes", "master,worker", ["worker", "scheduler"]), ("address", "nowhere", ["nowhere"]),
            ("resources", "cpus:much", ["resources", "cpus"]), ("log", "loud", ["loud", "debug"]),
            ("unreachable-after", "soon", ["soon", "5s"])]:
        refuses(place.node("flags", **{flag: value}), [INVALID], *words)


def full_disk(place):
    """The node's folder on a file system of its own, filled up to the brim while it works."""
    disk = place.path("disk")
    os.mkdir(disk)
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "mesolith-e2e", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        skip("a full disk", "a small tmpfs cannot be mounted here")
        return
    place.at_end.append(lambda: subprocess.run(["umount", "-l", disk]))
    node = place.node("disk/node").start()
    node.create(sleeper("/before"))
    node.wait_running("/before", 1)
    ballast = os.path.join(disk, "ballast")

    def fill():
        with open(ballast, "ab", buffering=0) as f:
            with contextlib.suppress(OSError):
                while f.write(b"\0" * 4096):
                    pass

    with case("a full disk stops the node with one sentence, and every promise is kept", place):
        fill()
        promised = ["/before"]
        for i in range(1000):
            try:
                a = node.post("/v2/apps", sleeper(f"/app{i}", labels={"x": "y" * 1000}), timeout=10)
            except OSError:
                break
            if a.status == 201:
                promised.append(f"/app{i}")
            elif node.process.poll() is None:
                assert a.status >= 500 and "message" in a.json, a
                break
        status = node.process.wait(PATIENCE_S)
        equal(status, IO, "exit status")
        with open(node.log) as f:
            told = [x for x in f if "full" in x]
        equal(len(told), 1, f"sentences that say so: {told}")
    with case("what fills a disk can be ended while it is full", place):
        equal(len(node.supervised()), 1, "tasks")
        fill()
        told = node.cli("stop", "--all", "--data", node.data).stdout
        assert "1 task and the proxy have ended" in told, told
        equal(node.supervised(), {}, "tasks")
    with case("once there is room again, all that was promised is there", place):
        os.remove(ballast)
        node.start()
        there = {a["id"] for a in node.get("/v2/apps").json["apps"]}
        assert there >= set(promised), f"lost: {set(promised) - there}"
        equal(node.stop()[0], 0, "exit status")


def few_files(place):
    """Clients that say nothing, more than the system lets us have open."""
    node = place.node("few")
    command = node.command()
    node.command = lambda: ["prlimit", "--nofile=128:128", *command]
    node.start()
    client = http.client.HTTPConnection(*node.urls["marathon"].removeprefix("http://").split(":"))
    with case("who takes up all connections takes no files from tasks", place):
        client.request("GET", "/ping")
        client.getresponse().read()
        address = (client.host, client.port)
        with contextlib.ExitStack() as crowd:
            for _ in range(200):
                crowd.enter_context(socket.create_connection(address, timeout=PATIENCE_S))

            def running():
                client.request("GET", "/v2/apps/fetches/tasks")
                tasks = json.load(client.getresponse())["tasks"]
                return [t["state"] for t in tasks] == ["TASK_RUNNING"] * 10
            app = sleeper("/fetches", instances=10, fetch=[{"uri": "/etc/hostname"}])
            client.request("POST", "/v2/apps", json.dumps(app))
            equal(json.load(client.getresponse())["id"], "/fetches", "created")
            wait_for(running, "running tasks")
        with open(node.log) as f:
            told = f.read()
        assert "connections=64 max-connections=4096" in told, told
        assert "oo many open files" not in told and "EMFILE" not in told, told
        client.close()
        equal(node.stop()[0], 0, "exit status")


def closed_streams(place):
    """What a node says must not end up in its own files."""
    node = place.node("closed", log="debug")
    with case("a node without stdin, stdout and stderr works, and writes to none of its files", place):
        script = 'exec "$@" <&- >&- 2>&-'
        process = subprocess.Popen(["/bin/sh", "-c", script, "sh", *node.command()],
                                   env=place.environment(), cwd=place.folder, start_new_session=True)
        address, lock = (os.path.join(node.data, name) for name in ("address", "lock"))

        def told():
            with open(address) as f:
                return f.read().strip()
        node.urls["marathon"] = wait_for(told, "an address")
        node.create(sleeper("/closed"))
        node.wait_running("/closed", 1)
        with open(lock) as f:
            equal(f.read(), f"{process.pid}\n", "the lock")
        for fd in range(3):
            equal(os.readlink(f"/proc/{process.pid}/fd/{fd}"), "/dev/null", f"file {fd}")
        process.terminate()
        equal(process.wait(PATIENCE_S), 0, "exit status")


def story(place):
    node = place.node().start()
    node.create(sleeper("/kept"))
    node.wait_running("/kept", 1)
    task = {n: t.pid for n, t in node.supervised().items()}

    with case("a flag that makes no sense is named, with what would be right", place):
        flags(place)
    with case("a data folder that another process holds is left to it", place):
        refuses(place.node("node"), [CONFLICT], place.path("node"), str(node.pid))
        equal(node.get("/ping").status, 200, "the holder goes on")
    with case("a port that is in use is named", place):
        port = node.urls["marathon"].rsplit(":", 1)[1]
        second = place.node("second", marathon_port=port)
        refuses(second, [IO, CONFLICT], port, "marathon")
        refuses(second, [IO, CONFLICT], port, "marathon")  # nothing was left half made
    equal(node.stop()[0], 0, "exit status")

    with case("a folder that cannot be written is named", place):
        place.write("file", "")
        refuses(place.node("file/below"), [IO], "file/below")
        if os.geteuid() != 0:
            os.mkdir(place.path("locked"), 0o500)
            refuses(place.node("locked/below"), [IO], "locked/below")
    with case("serve without a node in the folder says how to make one", place):
        empty = place.node("empty")
        command = empty.command()
        empty.command = lambda: [command[0], "serve", *command[2:]]
        refuses(empty, [NOT_FOUND], "mesolith dev --data")

    kept = place.path("kept-data")
    shutil.copytree(node.data, kept, ignore=shutil.ignore_patterns("*.sock", "tasks"))
    with open(os.path.join(kept, "state.db"), "rb") as f:
        pages = len(f.read()) // 4096
    for name, at, text in [("the first page", 0, b"\xa5" * 4096), ("the schema", 100, b"\xa5" * 200),
                           ("every other page", 4096, b"\xa5" * 4096 * (pages - 1))]:
        with case(f"a state.db with rubbish in {name} is told, and not touched", place):
            broken = place.node("broken")
            shutil.rmtree(broken.data, ignore_errors=True)
            shutil.copytree(kept, broken.data)
            spoil(os.path.join(broken.data, "state.db"), at, text)
            before = checksum(broken.data)["%s/state.db" % broken.data]
            refuses(broken, [CORRUPT], "state.db")
            equal(checksum(broken.data)["%s/state.db" % broken.data], before, "state.db")
    with case("a state.db that was emptied is told, and no new one is made of it", place):
        shutil.rmtree(broken.data)
        shutil.copytree(kept, broken.data)
        for name in ("state.db", "state.db-wal"):
            with open(os.path.join(broken.data, name), "wb"):
                pass
        refuses(broken, [CORRUPT], "state.db", "empty folder")
    with case("an agent.db with rubbish in it is told, and not touched", place):
        shutil.rmtree(broken.data)
        shutil.copytree(kept, broken.data)
        spoil(os.path.join(broken.data, "agent", "agent.db"), 0, b"\xa5" * 4096)
        refuses(broken, [CORRUPT], "agent.db")
    with case("an agent folder of another cluster is told, and nothing of it is ended or started", place):
        other = place.node("other").start()
        equal(other.stop()[0], 0, "exit status")
        shutil.rmtree(os.path.join(other.data, "agent"))
        shutil.copytree(os.path.join(kept, "agent"), os.path.join(other.data, "agent"))
        refuses(other, [CONFLICT], other.data, "cluster", "mesolith stop --all")
        for name in os.listdir(other.data):  # with nothing else, too: it names its cluster first
            if name != "agent":
                os.remove(os.path.join(other.data, name))
        other.launch()
        equal(other.process.wait(PATIENCE_S), CONFLICT, "exit status")
        equal(other.process.stdout.read(), b"", "stdout")
        other.process.stdout.close()
        equal(other.logged("the node has stopped why="), 1, "sentences that say so")
        equal(is_running(next(iter(task.values()))), True, "the other cluster's task runs")
        shutil.rmtree(os.path.join(other.data, "agent"))
        unharmed(other, apps=())
    with case("a node.json that is missing, broken or another node's is told", place):
        shutil.rmtree(broken.data)
        shutil.copytree(kept, broken.data)
        identity = os.path.join(broken.data, "node.json")
        for text, status, word in [("{", CORRUPT, "node.json"), ("{}", CORRUPT, "node.json"),
                                   ('{"id":1,"store":1}', CONFLICT, "state.db")]:
            with open(identity, "w") as f:
                f.write(text)
            refuses(broken, [status], word)
        os.remove(identity)
        refuses(broken, [CORRUPT], "node.json")
    with case("the torn tail of a log is what was never promised", place):
        shutil.rmtree(broken.data)
        shutil.copytree(kept, broken.data)
        wal = os.path.join(broken.data, "state.db-wal")
        with open(wal, "ab") as f:
            f.write(b"\xa5" * 10000)
        unharmed(broken)

    full_disk(place)
    few_files(place)
    closed_streams(place)

    with case("a task whose supervisor's files were removed runs on, is found again and can be ended", place):
        node.start()
        node.create(sleeper("/bare"))
        node.wait_running("/bare", 1)
        (n, bare), = ((n, t) for n, t in node.supervised().items() if n not in task)
        ids = [t["id"] for t in node.tasks_of("/bare")]
        equal(node.stop()[0], 0, "exit status")
        for name in ("sup.sock", "record"):
            os.remove(os.path.join(node.data, "agent", "tasks", str(n), name))
        for kept_n in task:
            os.remove(os.path.join(node.data, "agent", "tasks", str(kept_n), "sup.sock"))
        node.start()
        node.wait_running("/bare", 1)
        equal([t["id"] for t in node.tasks_of("/bare")], ids, "its task")
        assert is_running(bare.pid), "it was ended"
        node.delete("/v2/apps/bare?force=true")
        wait_for(lambda: not is_running(bare.pid), "its end")
        node.wait_running("/kept", 1)
        equal(node.stop()[0], 0, "exit status")

    with case("a node whose folder was taken by another one stops, and leaves that one alone", place):
        displaced = place.node("shared").start()
        displaced.create(sleeper("/ours"))
        displaced.wait_running("/ours", 1)
        ours, = displaced.supervised().values()
        shutil.move(displaced.data, place.path("aside"))
        heir = place.node("shared")
        heir.log = place.path("heir.log")
        heir.start()
        equal(displaced.process.wait(PATIENCE_S), CONFLICT, "exit status")
        equal(displaced.logged("was removed or replaced under this node"), 1, "how often it says so")
        heir.create(sleeper("/heir"))
        heir.wait_running("/heir", 1)
        assert is_running(ours.pid), "its task was ended"
        equal(heir.stop()[0], 0, "exit status")

    with case("without its launcher, which starts the tasks, a node ends with one sentence", place):
        node.start()
        launcher, = (p for p in processes_of(place.folder) if is_launcher(p))
        os.kill(launcher, signal.SIGKILL)
        equal(node.process.wait(PATIENCE_S), IO, "exit status")
        node.process.stdout.close()
        with open(node.log) as f:
            told = [x for x in f if "launcher was killed" in x]
        equal(len(told), 1, f"sentences that say so: {told}")

    with case("a proxy that hangs does not keep a node from being ready", place):
        node.start()
        proxy, = node.proxies()
        node.kill9()
        os.kill(proxy, signal.SIGSTOP)
        node.start()
        with open(node.log) as f:
            told = [x for x in f if "the proxy does not answer" in x]
        assert len(told) == 1 and f"kill -9 {proxy}" in told[0], told
        os.kill(proxy, signal.SIGCONT)
        equal(node.stop()[0], 0, "exit status")

    with case("after all of this the node that was there works", place):
        unharmed(node)
        equal({n: t.pid for n, t in node.supervised().items()}, task, "its task")
