"""A group with groups in it lives on a real node: what depends on others waits until they are healthy; it rolls,
is scaled by a factor, says what it would do, goes back, outlives a restart of the node, and is deleted. Then one of
5,000 apps."""
import time

from mesolith import case, equal, say, sleeper, wait_for

APPS, GROUPS = 5000, 50


def shop(healthy):
    check = {"protocol": "COMMAND", "command": {"value": f"test -e '{healthy}'"}, "intervalSeconds": 1,
             "timeoutSeconds": 10, "delaySeconds": 1, "gracePeriodSeconds": 0, "maxConsecutiveFailures": 0}
    return {"id": "/shop", "groups": [
        {"id": "db", "apps": [sleeper("mongo", healthChecks=[check])]},
        {"id": "svc", "dependencies": ["../db"],
         "apps": [sleeper("api", instances=2), sleeper("web", dependencies=["api"])]},
        {"id": "later"}]}


def ids_of(node, app):
    return {t["id"] for t in node.tasks_of(app)}


def wait_quiet(node, within=90):
    wait_for(lambda: node.get("/v2/deployments").json == [], "no deployment runs", within=within)


def changed(node, path, body, query=""):
    a = node.put(f"/v2/groups{path}{query}", body)
    equal(a.status, 200, str(a))
    return a.json


def bare(group):
    """A group without what changes by itself: its apps are ids."""
    return {"id": group["id"], "version": group["version"], "dependencies": group["dependencies"],
            "apps": [a["id"] for a in group["apps"]], "groups": [bare(g) for g in group["groups"]]}


def grows(node, place):
    healthy = place.path("healthy")
    with case("what depends on an app waits until that is healthy", place):
        a = node.post("/v2/groups", shop(healthy))
        equal(a.status, 201, str(a))
        wait_for(lambda: node.app("/shop/db/mongo")["tasksRunning"] == 1, "the first runs")
        wait_for(lambda: node.app("/shop/db/mongo")["tasksUnhealthy"] == 1, "it is not healthy")
        d = node.get("/v2/deployments").json[0]
        equal((d["currentStep"], d["totalSteps"]), (2, 4), "step")
        equal((node.tasks_of("/shop/svc/api"), node.tasks_of("/shop/svc/web")), ([], []), "tasks of the others")
        place.write("healthy", "")
        wait_for(lambda: len(node.tasks_of("/shop/svc/web")) == 1, "the last runs")
        wait_quiet(node)
        equal(len(ids_of(node, "/shop/svc/api")), 2, "tasks in between")
    with case("a group without apps is there", place):
        equal(node.get("/v2/groups/shop/later").json["apps"], [], "apps")
    return a.json["version"]


def changes(node, place, first):
    svc = {"apps": [sleeper("api", instances=2, env={"VERSION": "2"}), sleeper("new")]}
    with case("a dry run tells the steps and does nothing", place):
        before, tasks = node.get("/v2/groups/shop").json, ids_of(node, "/shop/svc/api")
        steps = changed(node, "/shop/svc", svc, "?dryRun=true")["steps"]
        equal([sorted((a["action"], a["app"]) for a in s["actions"]) for s in steps],
              [[("StopApplication", "/shop/svc/web")], [("StartApplication", "/shop/svc/new")],
               [("RestartApplication", "/shop/svc/api"), ("ScaleApplication", "/shop/svc/new")]], "steps")
        equal(node.get("/v2/groups/shop").json["version"], before["version"], "version")
        equal(ids_of(node, "/shop/svc/api"), tasks, "tasks")
    with case("what is named rolls or begins, what is not is gone", place):
        changed(node, "/shop/svc", svc)
        wait_quiet(node)
        equal(len(ids_of(node, "/shop/svc/api") - tasks), 2, "new tasks")
        equal(bare(node.get("/v2/groups/shop/svc").json)["apps"], ["/shop/svc/api", "/shop/svc/new"], "apps")
        wait_for(lambda: len(node.supervised()) == 4, "four supervisors")
    with case("a group is scaled by a factor", place):
        changed(node, "/shop", {"scaleBy": 1.5})
        wait_quiet(node)
        equal({a["id"]: a["tasksRunning"] for a in node.get("/v2/apps/shop/*").json["*"]},
              {"/shop/db/mongo": 2, "/shop/svc/api": 3, "/shop/svc/new": 2}, "tasks")
    with case("a restarted node knows the group as it was and as it is", place):
        group, versions = node.get("/v2/groups/shop").json, node.get("/v2/groups/shop/versions").json
        node.restart()
        equal(node.get("/v2/groups/shop").json, group, "the group")
        equal(node.get("/v2/groups/shop/versions").json, versions, "versions")
    with case("it goes back to what it was first", place):
        was = node.get(f"/v2/groups/shop/versions/{first}").json
        changed(node, "/shop", {"version": first})
        wait_quiet(node)
        now = node.get("/v2/groups/shop").json
        equal([(g["id"], g["dependencies"], [(a["id"], a["instances"], a.get("env")) for a in g["apps"]])
               for g in now["groups"]],
              [(g["id"], g["dependencies"], [(a["id"], a["instances"], a.get("env")) for a in g["apps"]])
               for g in was["groups"]], "what is in it")
        wait_for(lambda: len(node.supervised()) == 4, "four supervisors")


def ends(node, place):
    with case("a deleted group ends with all that is in it", place):
        a = node.delete("/v2/groups/shop")
        equal(a.status, 200, str(a))
        equal(node.get("/v2/groups/shop").status, 404, "status")
        wait_quiet(node)
        wait_for(lambda: not node.supervised(), "no supervisor")
        equal(bare(node.get("/v2/groups").json)["groups"], [], "groups")


def many(cmd):
    def app(i):
        return {"id": f"service-{i}", "cmd": cmd, "cpus": 0.1, "mem": 64, "instances": 0,
                "env": {"LEVEL": "info", "DATABASE": f"db-{i}.internal"}, "labels": {"team": f"{i % GROUPS}"},
                "healthChecks": [{"protocol": "HTTP", "path": "/health"}], "constraints": [["hostname", "UNIQUE"]]}
    return {"groups": [{"id": f"team-{g}", "dependencies": [f"../team-{g - 1}"] if g else [],
                        "apps": [app(i) for i in range(g, APPS, GROUPS)]} for g in range(GROUPS)]}


def timed(what, do):
    began = time.monotonic()
    a = do()
    equal(a.status, 200, f"{what}: {a}")
    say(f"{APPS} apps: {what} took {time.monotonic() - began:.2f} s")
    return a


def crowd(node, place):
    with case(f"a group of {APPS} apps is created, changed and deleted by one request each", place):
        timed("creating them", lambda: node.put("/v2/groups/crowd", many("exec ./server"), timeout=120))
        equal(len(node.get("/v2/apps/crowd/*", timeout=60).json["*"]), APPS, "apps")
        timed("changing them", lambda: node.put("/v2/groups/crowd?force=true", many("exec ./server2"), timeout=120))
        for path in ("/v2/deployments", "/v2/apps?id=none", "/v2/groups/crowd"):
            a = node.get(path, timeout=60)
            equal(a.status, 200, f"{path} meanwhile: {a}")
        timed("deleting them", lambda: node.delete("/v2/groups/crowd?force=true", timeout=120))
        wait_quiet(node)


def story(place):
    node = place.node().start()
    first = grows(node, place)
    changes(node, place, first)
    ends(node, place)
    crowd(node, place)
    with case("the node ends in peace", place):
        equal(node.stop()[0], 0, "exit status")
