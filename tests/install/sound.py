"""What can be seen of ansible/ and vagrant/ without a machine."""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BINARY = os.environ.get("MESOLITH") or os.path.join(
    os.environ.get("BUILD") or os.path.join(ROOT, "build-test"), "mesolith")
ANSIBLE = os.path.join(ROOT, "ansible")
ROLE = os.path.join(ANSIBLE, "roles", "mesolith")
VAGRANT = os.path.join(ROOT, "vagrant")
failures = 0


@contextlib.contextmanager
def case(name):
    global failures
    try:
        yield
        print(f"ok install: {name}", flush=True)
    except Exception:
        failures += 1
        traceback.print_exc(file=sys.stdout)
        print(f"not ok install: {name}", flush=True)


def run(*words, good=True, **environment):
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment}, cwd=environment.get("PWD"))
    if good != (done.returncode == 0):
        raise AssertionError(f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def ansible(folder):
    # a bare machine says LC_ALL=C, which ansible refuses
    env = {"LC_ALL": "C.UTF-8", "HOME": folder, "ANSIBLE_LOCAL_TEMP": folder, "ANSIBLE_NOCOLOR": "1", "NO_COLOR": "1",
           "PWD": ANSIBLE}
    inventory = os.path.join(ANSIBLE, "hosts.example.ini")
    with case("the playbook and the example of an inventory can be read"):
        out = run("ansible-playbook", "-i", inventory, "--list-hosts", "--syntax-check", "mesolith.yml", **env)
        assert "WARNING" not in out, out
    with case("ansible-lint finds nothing"):
        run("ansible-lint", "--offline", "mesolith.yml", **env)
    with case("the settings that the role writes are right for each host of the example"):
        run("ansible-playbook", "-i", inventory, "-e", f"mesolith_binary={BINARY} folder={folder}",
            os.path.join(HERE, "settings.yml"), **env)
        with open(os.path.join(folder, "a2.json")) as f:
            assert '"attributes": "rack:b"' in f.read()
    with case("a cluster of two masters is refused in words"):
        with open(os.path.join(folder, "two.ini"), "w") as f:
            f.write("[mesolith_masters]\nm1 ansible_connection=local\nm2 ansible_connection=local\n")
        out = run("ansible-playbook", "-i", os.path.join(folder, "two.ini"), "--check", "mesolith.yml", good=False, **env)
        assert "mesolith_masters: got 2 hosts, need 1, 3 or 5" in out, out


def unit(folder):
    with case("systemd understands the unit"):
        path = os.path.join(folder, "mesolith.service")
        with open(os.path.join(ROLE, "files", "mesolith.service")) as f, open(path, "w") as copy:
            copy.write(f.read().replace("/usr/local/bin/mesolith", BINARY))
        out = run("systemd-analyze", "verify", "--man=no", path)
        assert not [line for line in out.splitlines() if line.startswith(path) or "mesolith.service" in line], out


def vagrant(folder):
    env = {"HOME": folder, "VAGRANT_HOME": os.path.join(folder, "vagrant"), "VAGRANT_CHECKPOINT_DISABLE": "1",
           "VAGRANT_DOTFILE_PATH": os.path.join(folder, "dot"), "VAGRANT_CWD": VAGRANT, "MESOLITH": BINARY}
    for masters in ("1", "3"):
        with case(f"the Vagrantfile is right for libvirt and others, {masters} master(s)"):
            run("vagrant", "validate", VAGRANT_DEFAULT_PROVIDER="libvirt", MASTERS=masters, **env)
            run("vagrant", "validate", "--ignore-provider", MASTERS=masters, **env)
    with case("two masters are refused in words"):
        assert "MASTERS: got 2, need 1 or 3" in run("vagrant", "validate", MASTERS="2", good=False, **env)


def main():
    folder = tempfile.mkdtemp(prefix="install.")
    try:
        ansible(folder)
        unit(folder)
        vagrant(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failures else 0
