"""The seed demo as it was meant: in containers, under a Docker Engine that the test starts."""
import json
import os
import subprocess

import seed_demo
from engine import Engine
from mesolith import BINARY, ask, case, equal, skip, wait_for


def of_apps(engine):
    """The ids of those that run for apps: a job's may end at any time."""
    shown = ((c, json.loads(engine.docker("inspect", c).stdout)[0]) for c in engine.containers())
    return {c for c, s in shown if any(e.startswith("MARATHON_APP_ID") for e in s["Config"]["Env"])}


def environments(engine):
    found = {}
    for c in engine.containers():
        config = json.loads(engine.docker("inspect", c).stdout)[0]["Config"]
        env = dict(e.split("=", 1) for e in config["Env"])
        found[env.get("MARATHON_APP_ID", "").strip("/")] = env
    return found if set(found) >= {"nginx", "date"} else None


POD = {"id": "/pair", "volumes": [{"name": "data"}], "networks": [{"mode": "container", "name": "pairs"}],
       "containers": [
           {"name": "web", "resources": {"cpus": 0.1, "mem": 32}, "image": {"kind": "DOCKER", "id": "busybox"},
            "endpoints": [{"name": "http", "containerPort": 8000}],
            "exec": {"command": {"shell": "exec httpd -f -p $ENDPOINT_HTTP -h /data"}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
           {"name": "side", "resources": {"cpus": 0.1, "mem": 32}, "image": {"kind": "DOCKER", "id": "busybox"},
            "exec": {"command": {"shell": "echo heard > /shared/word; while true; do sleep 1; done"}},
            "healthCheck": {"exec": {"command": {"argv": ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/word"]}},
                            "intervalSeconds": 2, "timeoutSeconds": 1, "delaySeconds": 0},
            "volumeMounts": [{"name": "data", "mountPath": "/shared"}]}]}


ENDING = {"id": "/ending", "networks": [{"mode": "container", "name": "pairs"}],
          "containers": [
              {"name": "begins", "resources": {"cpus": 0.1, "mem": 32}, "image": {"kind": "DOCKER", "id": "busybox"},
               "exec": {"command": {"shell": "true"}}},
              {"name": "goes-on", "resources": {"cpus": 0.1, "mem": 32}, "image": {"kind": "DOCKER", "id": "busybox"},
               "endpoints": [{"name": "http", "containerPort": 8000, "hostPort": 0}],
               "exec": {"command": {"shell": "echo well >/word; exec httpd -f -p 8000 -h /"}}}]}


def held_by(engine):
    return engine.docker("ps", "-aq", "--no-trunc", "--filter", "label=mesolith.network").stdout.decode().split()


def held(engine, *names):
    """The ids of what holds the network, and of the containers of those names, which have no other."""
    hold, = held_by(engine)
    shown = [json.loads(engine.docker("inspect", c).stdout)[0] for c in engine.containers()]
    found = [next(c for c in shown if f"MARATHON_CONTAINER_ID={n}" in c["Config"]["Env"]) for n in names]
    for c in found:
        equal(c["HostConfig"]["NetworkMode"], "container:" + hold, "the network")
    return [hold] + [c["Id"] for c in found]


def pods(place, node, engine):
    made = engine.docker("network", "create", "pairs", check=False)
    if made.returncode != 0:
        skip("containers: pods", made.stderr.decode().strip())
        return
    with case("two images of a pod share a network that neither has to hold, and a volume", place):
        a = node.post("/v2/pods", POD)
        equal(a.status, 201, a)
        wait_for(lambda: node.get("/v2/pods/pair::status").json["status"] == "STABLE"
                 and node.get("/v2/deployments").json == [], "the pod is stable")
        hold, web, side = held(engine, "web", "side")
    with case("both are found again when the node was killed, and end as one", place):
        ids = {hold, web, side}
        node.kill9()
        node.start()
        wait_for(lambda: node.get("/v2/pods/pair::status").json["status"] == "STABLE", "the pod is stable")
        assert ids <= set(engine.containers()), "they were started anew"
        equal(node.delete("/v2/pods/pair").status, 202, "delete")
        wait_for(lambda: not ids & set(engine.containers()), "no container of it")
    with case("a first container that ends well takes no port from the others", place):
        equal(node.post("/v2/pods", ENDING).status, 201, "create")

        def port():
            for i in node.get("/v2/pods/ending::status").json["instances"]:
                states = {c["name"]: c["status"] for c in i["containers"]}
                if states == {"begins": "TASK_FINISHED", "goes-on": "TASK_RUNNING"}:
                    return i["containers"][1]["endpoints"][0]["allocatedHostPort"]
            return None
        at = f"http://127.0.0.1:{wait_for(port, 'the first has ended')}/word"
        wait_for(lambda: ask(at).text == "well\n", "the other answers through its port")
        node.kill9()
        node.start()
        wait_for(port, "it is found again")
        equal(ask(at).text, "well\n", "the port after a new start")
        equal(node.delete("/v2/pods/ending").status, 202, "delete")
        wait_for(lambda: not held_by(engine), "nothing holds a network any more")


def resident(node):
    with case("a container finds its persistent volume again, and a wipe takes it away", node.place):
        node.create({"id": "/kept", "instances": 1, "cpus": 0.1, "mem": 16, "disk": 0, "portDefinitions": [],
                     "cmd": "echo x >>$MESOS_SANDBOX/data/n; exec sleep 1000000", "backoffSeconds": 0,
                     "container": {"type": "DOCKER", "docker": {"image": "busybox"}, "volumes": [
                         {"containerPath": "data", "mode": "RW", "persistent": {"size": 1}}]}})
        node.wait_running("/kept", 1)
        task = node.tasks_of("/kept")[0]
        folder = os.path.join(node.data, "agent", "volumes", "roles", "marathon",
                              task["localVolumes"][0]["persistenceId"])

        def count():
            with open(os.path.join(folder, "n")) as f:
                return len(f.readlines())
        wait_for(lambda: count() == 1, "it has counted to 1")
        equal(node.delete(f"/v2/apps/kept/tasks/{task['id']}").status, 200, "kill")
        wait_for(lambda: count() == 2, "it has counted to 2")
        equal(node.delete("/v2/apps/kept").status, 200, "delete")
        wait_for(lambda: not os.path.exists(folder), "its data is gone")


def story(place):
    engine = Engine(place)
    if engine.why_not:
        skip("containers", engine.why_not)
        return None
    node = place.node(docker=engine.socket).start()
    place.write("nginx.json", seed_demo.NGINX)
    place.write("date.json", seed_demo.DATE)
    seed_demo.post_apps(node)
    with case("an engine that comes later is found, and what waited is started", place):
        assert "no engine" in wait_for(lambda: node.get("/api/why/app/nginx").json["sentences"], "why")[0]["because"]
        engine.start()
        engine.import_image("smarthall/example-nginx",
                            '["sh", "-c", "exec httpd -f -p $PORT -h /www"]',
                            [("www/index.html", "hello from a container\n")])
        engine.import_image("busybox:latest")
        node.wait_running("/nginx", 1)
        node.wait_running("/date", 1)
    seed_demo.apps_run(node, lambda: environments(engine))
    with case("the service port shows what the image holds, and a log what it prints", place):
        equal(ask(f"http://{place.service_address}:8080/").text, "hello from a container\n", "page")
        task = node.tasks_of("/date")[0]["id"]
        wait_for(lambda: json.loads(node.get(f"/api/tasks/{task}/logs").text)["data"], "a line of date")

    with case("stop --all ends them though nobody says again which engine has them", place):
        done = subprocess.run([BINARY, "stop", "--all", "--data", node.data], capture_output=True, text=True, timeout=60,
                              env=place.environment())
        equal(done.returncode, 0, done)
        equal(node.process.wait(5), 0, "the node's exit status")
        node.process.stdout.close()
        equal(of_apps(engine), set(), "containers")
        node.start()
        node.wait_running("/nginx", 1)
        node.wait_running("/date", 1)

    place.write("date.json", seed_demo.JOB)
    place.write("date1.json", seed_demo.JOB.replace('"name":"date"', '"name":"date1"'))
    later = seed_demo.jobs(node)

    with case("containers go on when the node is killed, and are found again", place):
        before = {n: (t["id"], t["ports"]) for n in ("/nginx", "/date") for t in node.tasks_of(n)}
        running = of_apps(engine)
        node.kill9()
        equal(ask(f"http://{place.service_address}:8080/").status, 200, "the service port without a node")
        node.start()
        node.wait_running("/nginx", 1)
        after = {n: (t["id"], t["ports"]) for n in ("/nginx", "/date") for t in node.tasks_of(n)}
        equal(after, before, "tasks")
        equal(of_apps(engine), running, "containers")
    with case("a container that takes too much memory is ended, and that is said", place):
        node.create({"id": "/hungry", "instances": 1, "cpus": 0.1, "mem": 16, "disk": 0, "portDefinitions": [],
                     "cmd": "a=x; while true; do a=$a$a; done",
                     "container": {"type": "DOCKER", "docker": {"image": "busybox"}}})

        def told():
            failure = node.get("/v2/apps/hungry?embed=apps.lastTaskFailure").json["app"].get("lastTaskFailure")
            return failure and "memory" in failure["message"].lower()
        wait_for(told, "memory as the reason")
        equal(node.delete("/v2/apps/hungry").status, 200, "delete")
    with case("the memory of a run in a container is told at its highest", place):
        command = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 3; exit 4"
        answer = node.put("/api/jobs/eats", {"schedule": "R/2035-01-01T00:00:00Z/P1Y", "retries": 0, "cpus": 0.1,
                                             "mem": 100, "command": command,
                                             "container": {"type": "DOCKER", "image": "busybox"}})
        equal(answer.status, 200, answer.text)
        run = node.post("/api/jobs/eats/run", {}).json["run"]
        wait_for(lambda: "ended" in node.get(f"/api/runs/{run}").json["run"], "its end")
        told = node.get(f"/api/runs/{run}").json["run"]
        equal(told["exit"], 4, "the exit status")
        assert 20_000_000 <= told["mem_peak_bytes"] <= 100 << 20, told
    if os.path.exists("/proc/net/if_inet6"):
        with case("a health check asks over IPv6 what listens there only", place):
            node.create({"id": "/six", "instances": 1, "cpus": 0.1, "mem": 16, "disk": 0,
                         "cmd": "echo well > /index.html; exec httpd -f -p [::1]:$PORT0 -h /",
                         "portDefinitions": [{"port": 0}],
                         "container": {"type": "DOCKER", "docker": {"image": "busybox"}},
                         "healthChecks": [{"protocol": "MESOS_HTTP", "ipProtocol": "IPv6", "delaySeconds": 0,
                                           "intervalSeconds": 1}]})
            wait_for(lambda: node.app("/six")["tasksHealthy"] == 1, "it is healthy")
            equal(node.delete("/v2/apps/six").status, 200, "delete")
    with case("an image that is nowhere is a reason that is told", place):
        node.create({"id": "/nowhere", "instances": 1, "cpus": 0.1, "mem": 16, "disk": 0, "cmd": "true",
                     "container": {"type": "DOCKER", "docker": {"image": "nowhere.invalid/nothing:1"}}})
        wait_for(lambda: "nowhere.invalid" in node.get("/api/why/app/nowhere").text, "why")
        equal(node.delete("/v2/apps/nowhere").status, 200, "delete")
    resident(node)
    pods(place, node, engine)
    with case("a deleted app leaves no container running", place):
        for app in ("nginx", "date"):
            equal(node.delete(f"/v2/apps/{app}").status, 200, app)
        wait_for(lambda: not of_apps(engine), "no app's container")
    return later
