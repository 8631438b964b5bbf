"""A check that only informs: what it says is shown, and neither kills nor holds up anything; the next node knows it
too."""
import os

from mesolith import case, equal, wait_for

OFTEN = {"intervalSeconds": 2, "timeoutSeconds": 1, "delaySeconds": 0}


def app(place):
    return {"id": "/web", "cpus": 0.01, "mem": 64, "disk": 0, "portDefinitions": [{"port": 0}],
            "cmd": f"exec python3 -m http.server --directory '{place.path('www')}' $PORT0",
            "check": {"http": {"path": "/there"}, **OFTEN}}


def pod(place):
    return {"id": "/pod", "executorResources": {"cpus": 0, "mem": 0, "disk": 0},
            "containers": [{"name": "c", "resources": {"cpus": 0.01, "mem": 32},
                            "exec": {"command": {"shell": "exec sleep 100000"}},
                            "check": {"exec": {"command": {"shell": f"[ -e '{place.path('www/there')}' ] || exit 7"}},
                                      **OFTEN}}]}


def said(node):
    return node.tasks_of("/web")[0].get("checkResult")


def in_mesos(node):
    """The check_status of each running task, by kind."""
    tasks = node.get("/tasks").json["tasks"]
    found = [s["check_status"] for t in tasks for s in t["statuses"] if "check_status" in s]
    return {c["type"]: {k: v for k, v in c.items() if k != "type"} for c in found}


def story(place):
    os.mkdir(place.path("www"))
    node = place.node().start()
    with case("what a check says is shown, and holds up nothing", place):
        node.create(app(place))
        equal(node.post("/v2/pods", pod(place)).status, 201, "pod")
        node.wait_running("/web", 1)
        task = node.tasks_of("/web")[0]["id"]
        node.create({"id": "/well", "cmd": "exec sleep 1000000", "instances": 1, "cpus": 0.01, "mem": 32, "disk": 0,
                     "portDefinitions": [],
                     "healthChecks": [{"protocol": "COMMAND", "gracePeriodSeconds": 0, "delaySeconds": 0,
                                       "command": {"value": f"test -e '{place.path('late')}' && exec sleep 300; true"},
                                       "intervalSeconds": 3600, "timeoutSeconds": 300}]})
        wait_for(lambda: node.app("/well")["tasksHealthy"] == 1, "its first check was good")
        wait_for(lambda: said(node) == {"http": {"statusCode": 404}}, "404 in /v2/tasks")
        wait_for(lambda: in_mesos(node) == {"HTTP": {"http": {"status_code": 404}},
                                            "COMMAND": {"command": {"exit_code": 7}}}, "both in /tasks")
        equal(node.app("/web")["tasksUnhealthy"], 0, "nobody is unhealthy")
    with case("a node that dies knows it when it is back", place):
        place.write("late", "")
        node.kill9()
        node.start()
        equal(said(node), {"http": {"statusCode": 404}}, "after the start")
        node.create({"id": "/later", "cmd": "exec sleep 1000000", "instances": 1, "cpus": 0.01, "mem": 32, "disk": 0,
                     "portDefinitions": []})
        node.wait_running("/later", 1)  # by then its agent has told what it found again
        equal(node.app("/well")["tasksHealthy"], 1, "what was healthy is so without another check")
    with case("what changes is shown", place):
        place.write("www/there", "yes\n")
        wait_for(lambda: said(node) == {"http": {"statusCode": 200}}, "200 in /v2/tasks")
        wait_for(lambda: in_mesos(node)["COMMAND"] == {"command": {"exit_code": 0}}, "0 in /tasks")
        equal([t["id"] for t in node.tasks_of("/web")], [task], "the same task all the while")
