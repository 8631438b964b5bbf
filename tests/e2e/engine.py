"""A Docker Engine of the test's own: no bridge, no firewall, nothing outside its folder."""
import io
import os
import shutil
import signal
import subprocess
import tarfile

from mesolith import wait_for

CONTAINERD = """version = 2
root = "{0}/containerd"
state = "{0}/containerd-run"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{0}/containerd.sock"
"""
APPLETS = ("sh", "httpd", "date", "sleep", "echo", "cat", "env", "id", "wget")


class Engine:
    """`why_not` says why there is none, or is None. The place ends it."""

    def __init__(self, place):
        self.place, self.folder = place, place.path("docker")
        self.socket = f"unix://{self.folder}/docker.sock"
        self.processes = []
        self.why_not = self._obstacle()

    @staticmethod
    def _obstacle():
        if os.geteuid() != 0:
            return "only root can start a Docker Engine"
        for program in ("dockerd", "containerd", "docker", "busybox"):
            if not shutil.which(program):
                return f"{program} is not installed"
        if not any(os.path.exists(f"/sys/fs/cgroup/{name}") for name in ("cgroup.controllers", "devices")):
            return "no cgroups are mounted in /sys/fs/cgroup"
        with open("/proc/self/mountinfo") as f:
            if not any(line.split()[4] == "/" for line in f):
                return "the root folder is no mount point, as in a chroot, and runc cannot leave it"
        return None

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        if not self.processes:
            self.place.at_end.append(self.end)
        config = self.place.write("docker/containerd.toml", CONTAINERD.format(self.folder))
        self._run("containerd", "-c", config)
        wait_for(lambda: os.path.exists(f"{self.folder}/containerd.sock"), "containerd is up")
        self._run("dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec",
                  "--pidfile", f"{self.folder}/pid", "--host", self.socket,
                  "--containerd", f"{self.folder}/containerd.sock",
                  "--exec-opt", "native.cgroupdriver=cgroupfs", "--iptables=false", "--ip6tables=false",
                  "--ip-forward=false", "--ip-masq=false", "--bridge=none")
        wait_for(lambda: self.docker("info", check=False).returncode == 0, "the engine answers")

    def _run(self, *command):
        with open(f"{self.folder}/{command[0]}.out", "ab") as out:
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=self.place.environment(), start_new_session=True))

    def docker(self, *words, check=True, data=None):
        done = subprocess.run(["docker", "--host", self.socket, *words], input=data,
                              capture_output=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr.decode()
        return done

    def import_image(self, name, command=None, files=()):
        """An image with busybox and the given (path, text); no registry is asked."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(shutil.which("busybox"), "bin/busybox")
            for applet in APPLETS:
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
            for path, text in files:
                info = tarfile.TarInfo(path)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        change = ["--change", "ENV PATH=/bin"] + (["--change", f"CMD {command}"] if command else [])
        self.docker("import", *change, "-", name, data=archive.getvalue())

    def containers(self):
        return self.docker("ps", "-q", "--no-trunc").stdout.decode().split()

    def end(self):
        everything = self.docker("ps", "-aq", check=False).stdout.decode().split()
        if everything:
            self.docker("rm", "-f", *everything, check=False)
        for p in reversed(self.processes):
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.processes.clear()
