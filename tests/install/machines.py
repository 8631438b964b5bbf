"""Debian machines with a systemd of their own, on a switch of their own: systemd-nspawn in network
namespaces, all over one debootstrapped tree. Wants root."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TREE = os.path.join(os.environ.get("MACHINES") or os.path.join(ROOT, "build-machines"), "tree")
PACKAGES = "systemd-sysv,dbus,procps,iproute2,python3,openssh-server"
NET = "10.77.0"
PATIENCE_S = 60


def run(*words, check=True, **more):
    done = subprocess.run(words, capture_output=True, text=True, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait_for(condition, what, within=PATIENCE_S):
    end = time.monotonic() + within
    while True:
        trouble = None
        try:
            value = condition()
            if value:
                return value
        except (OSError, ValueError, KeyError, IndexError, AssertionError) as why:
            trouble = why
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}" + (f" ({trouble!r})" if trouble else ""))
        time.sleep(0.1)


def make_tree():
    """Once: 40 s."""
    if os.path.exists(TREE):
        return
    targets = run("apt-get", "indextargets", "--format", "$(CREATED_BY)|$(RELEASE)|$(REPO_URI)").stdout
    with open("/etc/os-release") as f:
        release = dict(line.strip().split("=", 1) for line in f if "=" in line)["VERSION_CODENAME"]
    mirror = [t.split("|")[2] for t in targets.splitlines() if t.startswith(f"Packages|{release}|")][0]
    shutil.rmtree(TREE + ".tmp", ignore_errors=True)
    run("debootstrap", "--variant=minbase", "--include=" + PACKAGES, release, TREE + ".tmp", mirror)
    os.rename(TREE + ".tmp", TREE)


def hierarchies():
    """Of cgroups: a machine gets a folder of its own in each, or all machines would share one."""
    root = "/sys/fs/cgroup"
    found = [os.path.join(root, n) for n in
             ("systemd", "unified", "cpu", "cpuacct", "memory", "pids", "freezer", "blkio")]
    return [f for f in found if os.path.isdir(f)] or [root]


class Machine:
    def __init__(self, site, name, address):
        self.site, self.name, self.address = site, name, address
        self.folder = os.path.join(site.folder, name)
        self.root = os.path.join(self.folder, "root")
        self.log = os.path.join(site.folder, name + ".log")
        self.net = f"{site.prefix}-{name}"
        self.process = None
        for below in ("up", "wk", "root"):
            os.makedirs(os.path.join(self.folder, below))
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={TREE},upperdir={self.folder}/up,workdir={self.folder}/wk", self.root)
        self.write("/etc/hostname", name + "\n")
        self.write("/etc/machine-id", "")
        self.write("/root/.ssh/authorized_keys", site.public_key)
        self._plug_in()

    def _plug_in(self):
        switch, port = self.site.net, "p-" + self.name
        run("ip", "netns", "add", self.net)
        run("ip", "-n", self.net, "link", "set", "lo", "up")
        run("ip", "-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.net)
        run("ip", "-n", switch, "link", "set", port, "master", "br0", "up")
        run("ip", "-n", self.net, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.net, "link", "set", "eth0", "up")

    def write(self, path, text):
        path = self.root + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)

    def boot(self):
        groups = [os.path.join(h, self.net) for h in hierarchies()]
        enter = "; ".join(f"mkdir -p {g} && echo $$ >{g}/cgroup.procs" for g in groups)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", enter + '; exec "$@"', "boot", "systemd-nspawn", "-q", "-D", self.root,
                 "--machine=" + self.net, "--boot", "--keep-unit", "--register=no",
                 "--network-namespace-path=/run/netns/" + self.net, "--resolv-conf=off", "--timezone=off",
                 "--console=pipe"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def init_pid(self):
        return int(run("pgrep", "-P", str(self.process.pid)).stdout.split()[0])

    def enter(self, *words, check=True):
        return run("nsenter", "-t", str(self.init_pid()), "-a", "-r", "-w", "--", *words, check=check)

    def wait_booted(self):
        wait_for(lambda: self.enter("systemctl", "is-active", "ssh").stdout.strip() == "active",
                 f"{self.name} is up")

    def unit(self):
        return self.enter("systemctl", "is-active", "mesolith", check=False).stdout.strip()

    def power_off(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.kill(self.init_pid(), signal.SIGKILL)  # and with it all that runs there
            self.process.wait(PATIENCE_S)
        self.process = None

    def remove(self):
        self.power_off()
        run("umount", self.root, check=False)
        for hierarchy in hierarchies():
            run("find", os.path.join(hierarchy, self.net), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";",
                check=False)
        run("ip", "netns", "del", self.net, check=False)


class Site:
    """A switch and its machines; `with Site() as site`."""

    def __init__(self):
        make_tree()
        self.folder = tempfile.mkdtemp(prefix="install.")
        self.prefix = f"mi{os.getpid()}"
        self.net = self.prefix + "-sw"
        self.machines = []
        self.key = os.path.join(self.folder, "key")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        with open(self.key + ".pub") as f:
            self.public_key = f.read()
        run("ip", "netns", "add", self.net)
        for words in ("link set lo up", "link add br0 type bridge", f"addr add {NET}.254/24 dev br0",
                      "link set br0 up"):
            run("ip", "-n", self.net, *words.split())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for machine in self.machines:
            machine.remove()
        run("ip", "netns", "del", self.net, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def machine(self, name, number):
        self.machines.append(Machine(self, name, f"{NET}.{number}"))
        return self.machines[-1].boot()

    def at_switch(self, *words, check=True, **more):
        """Runs a command where all machines can be reached."""
        return run("nsenter", f"--net=/run/netns/{self.net}", *words, check=check, **more)
