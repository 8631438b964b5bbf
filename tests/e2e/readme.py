"""The README: every command and every address in it, as a newcomer types them, but for the ports."""
import os
import re
import subprocess

from mesolith import BINARY, HERE, ask, case, equal, wait_for

ROOT = os.path.join(HERE, "..", "..")
PORTS = {"8080": "marathon", "4400": "chronos", "5050": "mesos", "9090": "stats"}
SCRIPTS = ("cmd/dev", "tests/run")  # they are what runs this


def blocks(text):
    """The indented blocks, one command an entry; what stands behind three spaces is a remark."""
    found, command = [], None
    for line in text.splitlines():
        if not line.startswith("    "):
            command = None
        elif command is not None and line.startswith("      "):
            found[-1] += "\n" + line
        else:
            command = re.split(r" {3,}", line.strip())[0]
            found.append(command)
    return found


def here(node, text):
    """The same for this node: its addresses, its binary, its folder."""
    for port, door in PORTS.items():
        text = text.replace(f"http://127.0.0.1:{port}", node.urls[door])
    text = text.replace("http://127.0.0.1:10000", f"http://{node.place.service_address}:10000")
    return text.replace("build/mesolith", BINARY)


def shell(node, command):
    env = {k: v for k, v in node.place.environment().items() if not k.startswith("MESOLITH_ADDRESS")}
    return subprocess.run(["sh", "-c", here(node, command)], capture_output=True, text=True, timeout=120,
                          env=env, cwd=node.place.folder)


def serve(place, number, command):
    """A command that stays in the foreground, at an address of the place's own. What it has said
    when it is ready."""
    said, log_path = place.path(f"serve{number}.out"), place.path(f"serve{number}.log")
    with open(said, "w") as out, open(log_path, "w") as log:
        subprocess.Popen(["sh", "-c", "exec " + command.replace("build/mesolith", BINARY)], stdin=subprocess.DEVNULL,
                         stdout=out, stderr=log, env=place.environment(), cwd=place.folder, start_new_session=True)

    def ready():
        with open(said) as f:
            text = f.read()
        with open(log_path) as f:
            assert "\nready " in text, text + f.read()
        return text
    return wait_for(ready, f"ready: {command}")


def cluster(place, commands):
    with case("the three commands make a cluster of three", place):
        equal(len(commands), 3, commands)
        token = "TOKEN"
        for number, command in enumerate(commands, 1):
            command = command.replace("127.0.0.", place.net + ".3").replace("TOKEN", token)
            said = serve(place, number, command)
            token = re.search(r"MESO1-\S+", said).group() if number == 1 else token
        env = dict(place.environment(), MESOLITH_ADDRESS=f"http://{place.net}.31:8080")

        def three_vote():
            done = subprocess.run([BINARY, "node", "list"], capture_output=True, text=True, env=env, cwd=place.folder)
            return done.stdout.count(" voter ") + done.stdout.count(" leader ") == 3
        wait_for(three_vote, "three masters vote")


def story(place):
    with open(os.path.join(ROOT, "README.md")) as f:
        text = re.sub(r"^## On several machines\n.*?(?=^## )", "", f.read(), flags=re.M | re.S)  # tests/install
    node = place.node("mesolith-dev", demo=True).start()  # where the command line looks
    wait_for(lambda: node.app("/demo/hello")["tasksHealthy"] == 2, "two healthy tasks")
    commands = [c for c in blocks(text) if c.split()[0] not in SCRIPTS and "--serve" not in c]
    assert len(commands) > 10, commands
    for url in re.findall(r"^\| (http://\S+)", text, re.M):
        with case(f"{url} answers", place):
            a = wait_for(lambda: ask(here(node, url)), url)
            assert a.status == 200 and a.body, a
    for command in commands:
        with case(command.splitlines()[0], place):
            if "logs /clock" in command:
                node.wait_running("/clock", 1)
                wait_for(lambda: shell(node, command).stdout, "a line")
            done = shell(node, command)
            equal(done.returncode, 0, done.stderr)
            assert done.stdout or command.startswith("rm "), f"{command}: nothing is said"
    cluster(place, [c for c in blocks(text) if "--serve" in c])
    with case("nothing is left", place):
        assert not os.path.exists(node.data), "its folder"
        equal(node.process.wait(5), 0, "exit status")
        node.process.stdout.close()
    with case("its links lead somewhere", place):
        for link in re.findall(r"\]\(([^):]+)\)", text):
            assert os.path.exists(os.path.join(ROOT, link)), link
