"""`mesolith stop`: the node alone, or all that it started."""
import json
import os
import shutil
import subprocess
import time

from mesolith import BINARY, ask, case, equal, processes_of, sample_app, sleeper, wait_for

PORT = 10000


def stop(place, *words):
    return subprocess.run([BINARY, "stop", *words], capture_output=True, text=True, timeout=60,
                          env=place.environment(), cwd="/")


def container_left(node):
    """The folder of a task that an engine has started, as the node leaves it."""
    tasks = os.path.join(node.data, "agent", "tasks")
    left, folder = os.path.join(tasks, "900"), next(iter(node.supervised().values())).folder
    os.mkdir(left)
    with open(os.path.join(folder, "spec")) as f:
        spec = dict(json.load(f), image="busybox", name="contained.1")
    for name, text in (("spec", json.dumps(spec)), ("container", "")):
        with open(os.path.join(left, name), "w") as f:
            f.write(text)
    shutil.copy(os.path.join(folder, "task"), left)
    return left


def story(place):
    socket = place.path("none.sock")
    node = place.node(docker=f"unix://{socket}").start()
    node.create(sample_app("/sample", PORT, instances=2))
    node.create(sleeper("/stubborn", cmd="trap '' TERM; while true; do sleep 1; done"))
    wait_for(lambda: node.app("/sample")["tasksHealthy"] == 2, "two healthy tasks")
    node.wait_running("/stubborn", 1)
    with case("stop ends the node and says what goes on", place):
        done = stop(place, "--data", node.data)
        equal(done.returncode, 0, done)
        equal(node.process.wait(5), 0, "the node's exit status")
        node.process.stdout.close()
        assert f"stop --all --data {node.data}" in done.stdout, done
        equal(len(node.supervised()), 3, "tasks")
        equal(ask(f"http://{place.service_address}:{PORT}/").status, 200, "the service port")
    with case("stop once more has nothing to do, and says so", place):
        done = stop(place, f"--data={node.data}")
        assert done.returncode == 0 and "no node" in done.stdout, done
    with case("containers whose engine is not there are told of at once, with the engine that the node had", place):
        left, began = container_left(node), time.monotonic()
        done = stop(place, "--all", "--data", node.data)
        assert time.monotonic() - began < 60, "the time that tasks have to end"
        equal(done.returncode, 7, done)
        assert f"1 container has not ended: docker: no engine at unix://{socket}: " in done.stderr, done
        assert "--docker" in done.stderr and "3 tasks and the proxy have ended" in done.stdout, done
        shutil.rmtree(left)
        node.start()
        wait_for(lambda: node.app("/sample")["tasksHealthy"] == 2, "two healthy tasks")
        node.wait_running("/stubborn", 1)
        node.stop()
    with case("stop --all ends tasks and proxy when the node has gone", place):
        done = stop(place, "--all", "--data", node.data)
        equal(done.returncode, 0, done)
        assert "3 tasks and the proxy have ended" in done.stdout, done
        wait_for(lambda: processes_of(place.folder) == [], "no process is left")
        done = stop(place, "--all", "--data", node.data)
        assert done.returncode == 0 and "\nnothing of it goes on;" in done.stdout, f"once more: {done}"
    with case("the next start runs what is wanted", place):
        node.start()
        wait_for(lambda: node.app("/sample")["tasksHealthy"] == 2, "two healthy tasks")
        node.wait_running("/stubborn", 1)
        wait_for(lambda: ask(f"http://{place.service_address}:{PORT}/").status == 200, "the service port")
    with case("stop --all ends a node that runs, and all that is its", place):
        done = stop(place, "--all", "--data", node.data)
        equal(done.returncode, 0, done)
        equal(node.process.wait(5), 0, "the node's exit status")
        node.process.stdout.close()
        wait_for(lambda: processes_of(place.folder) == [], "no process is left")
    with case("a folder without a node, and a wrong flag, are named", place):
        for words, status, text in ((("--data", place.path("none")), 4, place.path("none")),
                                    (("--dta", "x"), 3, "did you mean --data?")):
            done = stop(place, *words)
            equal(done.returncode, status, done)
            assert text in done.stderr, done
