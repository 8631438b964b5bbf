"""For the benches that run whole nodes: the library of tests/e2e, the release build, and etcd, whose
figures stand beside ours."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("MESOLITH", os.path.join(ROOT, "build", "mesolith"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from mesolith import *  # noqa: E402,F401,F403 - what the benches name
from mesolith import ask, free_port, wait_for  # noqa: E402


def cpu_s(pids):
    """Processor time of processes so far."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load():
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def masters(place, count, **flags):
    """A cluster of so many masters, all voting."""
    try:
        first = place.member(1, **flags).start()
        nodes = [first] + [place.member(n, first, **flags).start() for n in range(2, count + 1)]
    except AssertionError:
        place.show_logs()
        raise

    def all_vote():
        items = first.get("/api/nodes").json["items"]
        return sorted(n["role"] for n in items) == ["leader"] + ["voter"] * (count - 1)
    wait_for(all_vote, f"{count} masters vote")
    return nodes


def leader_of(nodes):
    """The leader and who does not lead, as the first of them knows it."""
    name = next(n["name"] for n in nodes[0].get("/api/nodes").json["items"] if n["role"] == "leader")
    return next(n for n in nodes if n.name == name), [n for n in nodes if n.name != name]


class Etcd:
    """A cluster of etcd. Like our nodes, each member has a session of its own: the kernel shares
    processor time out between sessions, and who is in that of wrk need not wait for a turn of his
    own."""

    def __init__(self, place, count, name="etcd", *flags):
        self.place, self.flags, self.name = place, flags, name
        self.urls = [f"http://{place.address}:{free_port(place.address)}" for _ in range(count)]
        self.peers = [f"http://{place.address}:{free_port(place.address)}" for _ in range(count)]
        self.processes = [self.run(i) for i in range(count)]
        place.at_end.append(self.end)
        for i in range(count):
            self.wait_healthy(i)

    def wait_healthy(self, i):
        wait_for(lambda: ask(self.urls[i] + "/health").status == 200, self.urls[i])

    def start_again(self, i):
        self.processes[i] = self.run(i)
        self.wait_healthy(i)

    def run(self, i):
        members = ",".join(f"m{n}={url}" for n, url in enumerate(self.peers))
        with open(self.place.path(f"{self.name}{i}.log"), "ab") as log:
            return subprocess.Popen(
                ["etcd", "--name", f"m{i}", "--data-dir", self.place.path(f"{self.name}{i}"),
                 "--listen-client-urls", self.urls[i], "--advertise-client-urls", self.urls[i],
                 "--listen-peer-urls", self.peers[i], "--initial-advertise-peer-urls", self.peers[i],
                 "--initial-cluster", members, *self.flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.place.environment(),
                start_new_session=True)

    def leader(self):
        """The number of the member that leads."""
        def look():
            for i, url in enumerate(self.urls):
                if self.processes[i].poll() is None:
                    status = ask(url + "/v3/maintenance/status", "POST", {}, timeout=2).json
                    if status["leader"] == status["header"]["member_id"]:
                        return str(i)
            return None
        return int(wait_for(look, "etcd has a leader"))

    @property
    def pids(self):
        return [p.pid for p in self.processes]

    def end(self):
        for p in self.processes:
            p.kill()
            p.wait()
