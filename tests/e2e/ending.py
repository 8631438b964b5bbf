"""`mesolith stop`: the node alone, or all that it started."""
import subprocess

from mesolith import BINARY, ask, case, equal, processes_of, sample_app, sleeper, wait_for

PORT = 10000


def stop(place, *words):
    return subprocess.run([BINARY, "stop", *words], capture_output=True, text=True, timeout=60,
                          env=place.environment(), cwd="/")


def story(place):
    node = place.node().start()
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
    with case("stop --all ends tasks and proxy when the node has gone", place):
        done = stop(place, "--all", "--data", node.data)
        equal(done.returncode, 0, done)
        assert "3 tasks and the proxy have ended" in done.stdout, done
        wait_for(lambda: processes_of(place.folder) == [], "no process is left")
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
