"""vagrant/init-cluster: the sample apps and the sample job of the demo cluster, put into one node."""
import os
import shutil
import subprocess

from mesolith import BINARY, ROOT, ask, case, equal, wait_for

PROGRAM = "/usr/local/bin/mesolith"  # where the demo's machines have it


def story(place):
    node = place.node().start()
    shutil.copytree(os.path.join(ROOT, "vagrant"), place.path("vagrant"))
    hello = place.path("vagrant", "apps", "hello.json")
    with open(hello) as f:
        text = f.read()
    assert PROGRAM in text, text
    place.write(hello, text.replace(PROGRAM, f"'{BINARY}'").replace('"mem":32', '"mem":256'))  # sanitizers

    def init_cluster():
        return subprocess.run([place.path("vagrant", "init-cluster")], capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, MARATHON=node.urls["marathon"], CHRONOS=node.urls["chronos"]))
    with case("the requests of old are taken", place):
        done = init_cluster()
        equal((done.returncode, done.stderr), (0, ""), done)
        equal(done.stdout.splitlines(), ["apps/date.json: 201", "apps/hello.json: 201", "jobs/date.json: 204"], "said")
    with case("the apps run, and the service port leads to one", place):
        wait_for(lambda: (node.app("hello")["tasksHealthy"], node.app("date")["tasksRunning"]) == (2, 1), "they run")
        wait_for(lambda: ask(f"http://{place.service_address}:10000/").status == 200, "an answer")
    with case("so does the job", place):
        equal(node.put("/scheduler/job/date", door="chronos").status, 204, "run it now")
        wait_for(lambda: [r for r in node.get("/api/runs?job=date").json["items"] if r["state"] == "ok"], "a run")
    with case("a second time all stays as it is", place):
        done = init_cluster()
        equal((done.returncode, done.stderr), (0, ""), done)
        equal(done.stdout.splitlines(), ["apps/date.json: 409", "apps/hello.json: 409", "jobs/date.json: 204"], "said")
    equal(node.stop()[0], 0, "exit status")
    with case("a cluster that does not answer is an error", place):
        done = init_cluster()
        equal(done.returncode, 1, done)
        assert "apps/hello.json: 000" in done.stderr, done
