"""A new version is upgraded to only as fast as its instances say that they are ready, also when its node dies
in the middle."""
import os

from mesolith import case, equal, wait_for


def app(place, version, **more):
    """Serves a folder of the test's; it is ready when the file `ready` is in it."""
    return dict({
        "id": "/web", "instances": 2, "cpus": 0.01, "mem": 64, "disk": 0,
        "cmd": f"exec python3 -m http.server --directory '{place.path(version)}' $PORT0",
        "portDefinitions": [{"port": 0, "name": "http"}],
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 0},
        "readinessChecks": [{"name": "up", "portName": "http", "path": "/ready", "intervalSeconds": 2,
                             "timeoutSeconds": 1, "preserveLastResponse": True}],
    }, **more)


def results(node):
    """What the readiness checks of the deployment at work say, one after another."""
    return [r for d in node.get("/v2/deployments").json for a in d["currentActions"]
            for r in a["readinessCheckResults"]]


def first_no(node):
    said = results(node)
    return said[0] if said and said[0].get("lastResponse", {}).get("status") == 404 else None


def story(place):
    for version in ("one", "two"):
        os.mkdir(place.path(version))
    place.write("one/ready", "yes\n")
    node = place.node().start()
    with case("a deployment ends when what it started is ready", place):
        node.create(app(place, "one"))
        node.wait_running("/web", 2)
        old = {t["id"] for t in node.tasks_of("/web")}
    with case("what is not ready keeps the old ones, and that is said", place):
        equal(node.put("/v2/apps/web", app(place, "two")).status, 200, "put")
        no = wait_for(lambda: first_no(node), "an answer that is not ready")
        equal((no["name"], no["ready"]), ("up", False), str(no))
        assert no["taskId"] not in old, no
        equal(no["lastResponse"]["contentType"].split(";")[0], "text/html", str(no))
        wait_for(lambda: "is not ready: up says HTTP 404" in node.cli("why", "/web", check=False).stdout, "why says it")
        equal(len(node.tasks_of("/web")), 3, "two old ones and a new one")
    with case("a node that dies in the middle goes on waiting", place):
        before = {t["id"] for t in node.tasks_of("/web")}
        node.kill9()
        node.start()
        wait_for(lambda: node.app("/web")["tasksRunning"] == 3, "three tasks are found again")
        wait_for(lambda: first_no(node), "it is asked again")
        equal({t["id"] for t in node.tasks_of("/web")}, before, "tasks")
    with case("one by one the old ones go when the new ones are ready", place):
        place.write("two/ready", "yes\n")
        node.wait_running("/web", 2)
        assert not old & {t["id"] for t in node.tasks_of("/web")}
        equal(node.app("/web")["deployments"], [], "deployments")
