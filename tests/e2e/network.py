"""Machines with an address each, on a switch of their own: network namespaces and a bridge. What passes
between them can be cut, one way or both, lost or late. The story itself stands at the switch, as a
client that reaches all of them always.

Needs root, ip and nft; `Network.missing()` says what is not there.
"""
import ctypes
import os
import re
import shutil
import subprocess
import sys

from mesolith import BINARY, HERE, Member, wait_for

NET = "10.77.0"
CLONE_NEWNET = 0x40000000
NAMESPACES = "/run/netns"
OPEN_DOORS = "mesos,agent,marathon,chronos,stats"  # which have no TLS yet

libc = ctypes.CDLL(None, use_errno=True)


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def enter(path):
    """The calling thread, and all that it starts from now on, is in that namespace."""
    fd = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(fd)


def remove_stale():
    """Namespaces of runs that were killed."""
    for name in os.listdir(NAMESPACES) if os.path.isdir(NAMESPACES) else []:
        found = re.fullmatch(r"meso-(\d+)-\w+", name)
        if found and not os.path.exists(f"/proc/{found.group(1)}"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


class Network:
    @staticmethod
    def missing():
        """Why there can be no network here, or None."""
        if os.geteuid() != 0:
            return "namespaces need root"
        for program in ("ip", "nft", "nsenter"):
            if shutil.which(program) is None:
                return f"there is no {program}"
        probe = f"meso-{os.getpid()}-probe"
        if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode != 0:
            return "namespaces cannot be made here"
        bridge = subprocess.run(["ip", "-n", probe, "link", "add", "br0", "type", "bridge"], capture_output=True)
        rules = subprocess.run(["nsenter", f"--net={NAMESPACES}/{probe}", "nft", "add", "table", "bridge", "x"],
                               capture_output=True)
        subprocess.run(["ip", "netns", "del", probe], capture_output=True)
        return None if bridge.returncode == rules.returncode == 0 else "there are no bridges, or no rules for them, here"

    def __init__(self, place, machines):
        self.place, self.machines = place, range(1, machines + 1)
        self.cables = {}  # of the machines whose frames come late: the processes that carry them
        self.cuts, self.lost = set(), 0
        remove_stale()
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        place.at_end.append(self.end)
        switch = self.name("sw")
        run("ip", "netns", "add", switch)
        run("ip", "-n", switch, "link", "set", "lo", "up")
        run("ip", "-n", switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", switch, "addr", "add", f"{NET}.254/24", "dev", "br0")
        run("ip", "-n", switch, "link", "set", "br0", "up")
        for i in self.machines:
            name = self.name(i)
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", switch, "link", "add", f"p{i}", "type", "veth", "peer", "name", "eth0", "netns", name)
            self._plug_in(i)
        enter(f"{NAMESPACES}/{switch}")
        self._rules()

    def name(self, i):
        return f"meso-{os.getpid()}-{i}"

    def _plug_in(self, i):
        run("ip", "-n", self.name("sw"), "link", "set", f"p{i}", "master", "br0", "up")
        run("ip", "-n", self.name(i), "addr", "add", f"{NET}.{i}/24", "dev", "eth0")
        run("ip", "-n", self.name(i), "link", "set", "eth0", "up")

    def member(self, i, at=None, token=None, **flags):
        member = Machine(self, i, at, token or (at.printed_token if at else None), **flags)
        self.place.nodes.append(member)
        return member

    # -- faults

    def cut(self, pairs):
        """No frame from a to b any more, for each (a, b)."""
        self.cuts |= set(pairs)
        self._rules()

    def heal(self):
        self.cuts = set()
        self._rules()

    def lose(self, percent):
        self.lost = percent
        self._rules()

    def _rules(self):
        """All at once, in the place of those before."""
        rules = [f'iifname "p{a}" oifname "p{b}" drop' for a, b in sorted(self.cuts)]
        if self.lost:
            rules.append(f'iifname "p*" oifname "p*" numgen random mod 100 < {self.lost} drop')
        text = "add table bridge faults\ndelete table bridge faults\ntable bridge faults {\n chain forward {\n"
        text += "  type filter hook forward priority 0; policy accept;\n  " + "\n  ".join(rules) + "\n }\n}\n"
        run("nft", "-f", "-", text=text)

    def delay(self, i, ms, jitter_ms=0):
        """All frames from and to a machine come so much later, each way."""
        self.undo_delay(i, plug_in=False)
        switch = self.name("sw")
        subprocess.run(["ip", "-n", switch, "link", "del", f"p{i}"], capture_output=True)
        self.cables[i] = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "cable.py"), self.name(i), "eth0", switch, f"p{i}", str(ms), str(jitter_ms)],
            env=self.place.environment(), start_new_session=True)
        wait_for(lambda: subprocess.run(["ip", "-n", switch, "link", "show", f"p{i}"], capture_output=True).returncode == 0,
                 "the slow cable is there")
        self._plug_in(i)

    def undo_delay(self, i, plug_in=True):
        if i not in self.cables:
            return
        cable = self.cables.pop(i)
        cable.kill()
        cable.wait()
        if plug_in:
            run("ip", "-n", self.name("sw"), "link", "add", f"p{i}", "type", "veth", "peer", "name", "eth0",
                "netns", self.name(i))
            self._plug_in(i)

    def end(self):
        for i in list(self.cables):
            self.undo_delay(i, plug_in=False)
        if libc.setns(self.home, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(self.home)
        for i in [*self.machines, "sw"]:
            subprocess.run(["ip", "netns", "del", self.name(i)], capture_output=True)


class Machine(Member):
    """A member of a cluster that has a machine to itself."""

    def __init__(self, network, i, at, token, **flags):
        super().__init__(network.place, i, at, token, plain=OPEN_DOORS, **flags)
        self.network, self.number = network, i
        self.address = self.flags["address"] = f"{NET}.{i}"

        self.clock = self.place.path(self.name + ".clock")

    def command(self):
        return ["nsenter", f"--net={NAMESPACES}/{self.network.name(self.number)}",
                "env", "MESOLITH_TEST_CLOCK=" + self.clock, *super().command()]

    def set_clock_by(self, ms):
        """Its wall clock jumps: it is so many ms ahead from now on."""
        self.place.write(self.name + ".new-clock", str(ms))
        os.rename(self.place.path(self.name + ".new-clock"), self.clock)


def clocks_can_be_set():
    """Only those of a build for tests."""
    with open(BINARY, "rb") as f:
        return b"MESOLITH_TEST_CLOCK" in f.read()
