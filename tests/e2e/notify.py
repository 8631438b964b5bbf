"""What the service manager is told: systemd's Type=notify, on a socket of our own."""
import os
import signal
import socket

from mesolith import PATIENCE_S, case, equal, sleeper, wait_for


class Manager:
    """Listens as systemd does; `words()` are the next message's lines."""

    def __init__(self, place, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1))
        self.socket.settimeout(PATIENCE_S)
        env = dict(place.environment(), NOTIFY_SOCKET=name)
        place.environment = lambda: env

    def words(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def until(self, word):
        """All messages up to the first that says so."""
        seen = [self.words()]
        while seen[-1].get(word) != "1":
            seen.append(self.words())
        return seen


def environment_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as f:
        return f.read().decode(errors="replace").split("\0")


def story(place):
    node = place.node()
    for name in (place.path("manager.sock"), f"@{place.folder}"):
        manager = Manager(place, name)
        with case(f"{'abstract' if name[0] == '@' else 'path'}: more time is asked for until it is ready", place):
            node.start()
            *before, ready = manager.until("READY")
            assert before and all(int(w["EXTEND_TIMEOUT_USEC"]) > 10**7 for w in before), before
            equal(ready["READY"], "1", "ready")
        with case("told to read its configuration again, it says when that begins and ends", place):
            os.kill(node.pid, signal.SIGHUP)
            reloading, ready = manager.until("READY")
            equal(reloading["RELOADING"], "1", "reloading")
            assert int(reloading["MONOTONIC_USEC"]) > 0, reloading
        with case("neither tasks nor the proxy can speak for it", place):
            if name[0] != "@":
                node.create(sleeper("/quiet"))
            node.wait_running("/quiet", 1)
            pids = [*node.proxies(), *(t.pid for t in node.supervised().values())]
            equal(len(pids), 2, "a proxy and a task")
            for pid in pids:
                assert not [e for e in environment_of(pid) if e.startswith("NOTIFY_SOCKET")], pid
        with case("told to end, it says so", place):
            status, _ = node.stop()
            equal(status, 0, "exit status")
            manager.until("STOPPING")
        manager.socket.close()
    with case("a manager that has gone keeps it from nothing", place):
        node.start()
        wait_for(lambda: node.get("/ping").status == 200, "an answer")
        equal(node.stop()[0], 0, "exit status")
