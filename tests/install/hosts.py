"""The playbook on machines: from nothing to three masters and two agents that run the sample apps."""
import collections
import contextlib
import json
import os
import re
import signal
import sys
import threading
import traceback

from machines import ROOT, Site, wait_for

BINARY = os.path.join(ROOT, "build", "mesolith") if "MESOLITH" not in os.environ else os.environ["MESOLITH"]
PLAYBOOK = os.path.join(ROOT, "ansible", "mesolith.yml")
SECRET = b"MESO1-"
failures = 0


class Failed(Exception):
    pass


@contextlib.contextmanager
def case(name, site):
    global failures
    try:
        yield
    except BaseException:
        failures += 1
        traceback.print_exc(file=sys.stdout)
        for machine in site.machines:
            if machine.process is not None:
                journal = machine.enter("journalctl", "-u", "mesolith", "-n", "40", "--no-pager", check=False)
                print(f"--- {machine.name}\n{journal.stdout}---")
        print(f"not ok hosts: {name}", flush=True)
        raise Failed(name) from None
    print(f"ok hosts: {name}", flush=True)


class Lookout:
    """Watches, while it is entered, whether a command line or an environment shows a token, in a
    machine or in what ansible runs here."""

    def __init__(self, site):
        self.site = site

    def __enter__(self):
        self.seen, self.looks, self.ends = set(), 0, False
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def _look(self):
        while not self.ends:
            self.looks += 1
            for pid in os.listdir("/proc"):
                text = {what: self._read(pid, what) for what in ("cmdline", "environ", "cgroup") if pid.isdigit()}
                ours = self.site.prefix.encode() in text.get("cgroup", b"") or \
                    self.site.folder.encode() in text.get("environ", b"")
                self.seen |= {t[:200] for t in text.values() if ours and SECRET in t}

    def _read(self, pid, what):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/{what}", "rb") as f:
            return f.read()
        return b""

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()


class Playbook:
    def __init__(self, site, masters, agents):
        self.site, self.hosts = site, masters + agents
        self.inventory = os.path.join(site.folder, "hosts.ini")
        with open(self.inventory, "w") as f:
            for group, machines in (("mesolith_masters", masters), ("mesolith_agents", agents)):
                f.write(f"[{group}]\n")
                f.writelines(f"{m.name} ansible_host={m.address}\n" for m in machines)
            f.write(f"[all:vars]\nansible_user=root\nansible_ssh_private_key_file={site.key}\n"
                    f"ansible_python_interpreter=/usr/bin/python3\nmesolith_binary={BINARY}\n"
                    "ansible_ssh_common_args='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'\n")

    def run(self, *words, good=True):
        """What was changed, by host."""
        env = dict(os.environ, LC_ALL="C.UTF-8", ANSIBLE_LOCAL_TEMP=os.path.join(self.site.folder, "ansible"), ANSIBLE_NOCOLOR="1",
                   HOME=self.site.folder, ANSIBLE_SSH_CONTROL_PATH_DIR=os.path.join(self.site.folder, "cp"))
        done = self.site.at_switch("ansible-playbook", "-vvv", "-i", self.inventory, PLAYBOOK, *words, check=False, env=env)
        self.output = done.stdout + done.stderr
        if good and done.returncode != 0:
            raise AssertionError(f"{done.returncode}\n" + "\n".join(
                line for line in self.output.splitlines() if re.search(r"^TASK|^fatal|FAILED|msg|^\w+ +: ok=", line)))
        return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +: ok=\d+ +changed=(\d+)", self.output, re.M)}


def ask(site, machine, path, port=8080):
    done = site.at_switch("curl", "-sf", "-m", "5", f"http://{machine.address}:{port}{path}")
    return json.loads(done.stdout) if path.startswith(("/v2", "/api")) else done.stdout


def roles(site, machine):
    """How many nodes that are ready have which part in the cluster."""
    return collections.Counter(n["role"] for n in ask(site, machine, "/api/nodes")["items"] if n["state"] == "ready")


def main_pid(machine):
    return machine.enter("systemctl", "show", "-P", "MainPID", "mesolith").stdout.strip()


def from_nothing(site):
    masters = [site.machine(f"m{i}", i) for i in (1, 2, 3)]
    agents = [site.machine(f"a{i}", 10 + i) for i in (1, 2)]
    hosts = masters + agents
    for machine in hosts:
        machine.wait_booted()
    playbook = Playbook(site, masters, agents)

    with case("a check of bare hosts is clean, and changes nothing", site):
        changed = playbook.run("--check")
        assert set(changed) == {m.name for m in hosts} and all(changed.values()), changed
        for machine in hosts:
            for path in ("/usr/local/bin/mesolith", "/etc/mesolith", "/var/lib/mesolith"):
                assert not os.path.exists(machine.root + path), (machine.name, path)
    with case("from nothing to three masters and two agents", site):
        with Lookout(site) as lookout:
            playbook.run()
        for machine in hosts:
            assert machine.unit() == "active", machine.name
    with case("no token was shown by a command line, an environment, ansible or a journal", site):
        assert lookout.looks > 10, lookout.looks
        assert not lookout.seen, lookout.seen
        assert SECRET.decode() not in playbook.output, "ansible's output"
        for machine in hosts:
            done = machine.enter("journalctl", "--no-pager", "-o", "export")
            assert SECRET.decode() not in done.stdout, machine.name
    with case("all are of one cluster: three voters and two agents", site):
        wait_for(lambda: roles(site, masters[0]) == {"leader": 1, "voter": 2, "none": 2}, "three vote, two do not")
    with case("no token is good any more", site):
        tokens = ask(site, masters[0], "/api/tokens")["items"]
        assert len(tokens) == 2 and not [t for t in tokens if t["state"] == "good"], tokens

    with case("the sample apps and the sample job run", site):
        done = site.at_switch(os.path.join(ROOT, "vagrant", "init-cluster"), masters[1].address)
        assert done.stdout.count(": 20") == 3, done.stdout
        def running():
            apps = {a["id"]: a for a in ask(site, masters[2], "/v2/apps")["apps"]}
            return apps["/hello"]["tasksHealthy"] == 2 and apps["/date"]["tasksRunning"] == 1
        wait_for(running, "hello and date run")
        for machine in agents:
            wait_for(lambda m=machine: "mesolith" in ask(site, m, "/", 10000), f"hello through {machine.name}")
    with case("put in again, they stay as they are", site):
        assert "apps/hello.json: 409" in site.at_switch(
            os.path.join(ROOT, "vagrant", "init-cluster"), masters[0].address).stdout

    with case("run again, the playbook changes nothing; nor does a check", site):
        nothing = {m.name: 0 for m in hosts}
        assert playbook.run() == nothing, playbook.output
        assert playbook.run("--check") == nothing, playbook.output

    def tasks():
        return {t["id"] for app in ("hello", "date") for t in ask(site, masters[0], f"/v2/apps/{app}/tasks")["tasks"]}
    with case("other settings: every node is restarted, and no task", site):
        before, pids = tasks(), [main_pid(m) for m in hosts]
        changed = playbook.run("-e", '{"mesolith_settings": {"log": "debug"}}')
        assert all(changed.values()), changed
        assert not {p for p, m in zip(pids, hosts) if main_pid(m) == p}, "the same process"
        assert {m.unit() for m in hosts} == {"active"}
        wait_for(lambda: tasks() == before, "the same tasks")
    with case("all of them stopped: the playbook starts them, though no master alone is ready", site):
        for machine in hosts:
            machine.enter("systemctl", "stop", "mesolith")
        playbook.run("-e", '{"mesolith_settings": {"log": "debug"}}')
        assert {m.unit() for m in hosts} == {"active"}
        wait_for(lambda: tasks() == before, "the same tasks")
    with case("a master that boots again is ready again", site):
        masters[0].power_off()
        masters[0].boot().wait_booted()
        wait_for(lambda: masters[0].unit() == "active", "the node runs")
        wait_for(lambda: tasks() == before, "the same tasks")
    with case("a master that is not ready in time with its new settings ends the run, and the next run mends it", site):
        for machine in masters[1:]:
            machine.enter("systemctl", "stop", "mesolith")  # behind the playbook's back: no quorum
        pids = [main_pid(m) for m in masters]
        playbook.run("--limit", "m1", "-e", '{"mesolith_settings": {"log": "info"}, "mesolith_patience": 5}', good=False)
        assert "did not complete within the requested time" in playbook.output, playbook.output[-3000:]
        assert masters[0].unit() == "activating" and main_pid(masters[0]) != pids[0]
        playbook.run()
        assert {m.unit() for m in hosts} == {"active"}
        wait_for(lambda: tasks() == before, "the same tasks")
    with case("a wrong setting is refused before it is installed, and the cluster goes on", site):
        playbook.run("-e", '{"mesolith_settings": {"agnet-port": 5051}}', good=False)
        assert "did you mean agent-port?" in playbook.output, playbook.output[-3000:]
        assert {m.unit() for m in hosts} == {"active"}


def growing(site):
    machines = [site.machine(f"m{i}", i) for i in range(1, 6)]
    for machine in machines:
        machine.wait_booted()
    with case("one machine, master and agent in one", site):
        Playbook(site, machines[:1], machines[:1]).run()
        site.at_switch(os.path.join(ROOT, "vagrant", "init-cluster"), machines[0].address)
        wait_for(lambda: "mesolith" in ask(site, machines[0], "/", 10000), "hello")
    pid = main_pid(machines[0])
    for n in (3, 5):
        with case(f"{n} masters: the new ones vote, and nothing else changes", site):
            changed = Playbook(site, machines[:n], machines[:1]).run()
            wanted = {m.name: m in machines[n - 2:n] for m in machines[:n]}
            assert {name: bool(count) for name, count in changed.items()} == wanted, changed
            wait_for(lambda count=n: roles(site, machines[0]) == {"leader": 1, "voter": count - 1}, f"{n} masters")
            assert main_pid(machines[0]) == pid, "restarted"
    with case("a master with a new disk joins anew once its old node is removed, while another does not answer", site):
        machines[4].power_off()
        machines[3].enter("systemctl", "stop", "mesolith")
        machines[3].enter("rm", "-r", "/var/lib/mesolith")
        playbook = Playbook(site, machines, machines[:1])
        playbook.run(good=False)
        assert "remove that node first" in playbook.output, playbook.output[-3000:]
        machines[0].enter("mesolith", "node", "remove", "m4", "--yes", "--address", f"http://{machines[0].address}:8080")
        playbook.run(good=False)
        assert machines[3].unit() == "active", playbook.output[-3000:]
        wait_for(lambda: len([n for n in ask(site, machines[0], "/api/nodes")["items"] if n["name"] == "m4"
                              and n["state"] == "ready"]) == 1, "m4 is there")


def main():
    if os.getuid() != 0:
        print("skip hosts: machines want root")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the machines go, too
    for story in (from_nothing, growing):
        with contextlib.suppress(Failed), Site() as site:
            story(site)
    return 1 if failures else 0
