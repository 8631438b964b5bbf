"""What a newcomer sees: one command, and a demo that runs."""
from mesolith import ask, case, equal, say, wait_for


def sample_answers(place):
    a = ask(f"http://{place.service_address}:10000/", timeout=5)
    return a.status == 200 and "/demo/hello" in a.text


def story(place):
    node = place.node(demo=True)
    with case("one command, and a ready line names what serves", place):
        node.start()
        say(f"ready after {node.ready_s * 1000:.0f} ms")
        equal(set(node.urls), {"marathon", "chronos", "mesos", "agent", "stats", "ui"}, "ready line")
        equal(node.get("/ping").text.strip(), "pong", "/ping")
    with case("mesolith status finds the node and exits 0 from then on", place):
        with open(place.path("node", "address")) as f:
            equal(f.read().strip(), node.urls["marathon"], "the address in the data folder")
        assert node.cli("status").stdout
    with case("the sample app is healthy, and answers through its service port", place):
        wait_for(lambda: node.app("/demo/hello")["tasksHealthy"] == 2, "two healthy tasks")
        wait_for(lambda: sample_answers(place), "an answer on the service port")
    with case("the sample job is scheduled, and runs when it is asked to", place):
        job = wait_for(lambda: node.get("/api/jobs/demo-date").json["job"], "the sample job")
        assert job["schedule"].startswith("R/"), job
        equal(node.put("/scheduler/job/demo-date", door="chronos").status, 204, "run it now")

        def ran():
            runs = node.get("/api/runs?job=demo-date").json["items"]
            return [r for r in runs if (r["cause"], r["state"]) == ("manual", "ok")]
        task = wait_for(ran, "a run that went well")[0]["task"]
        log = node.get(f"/api/tasks/{task}/logs").text
        assert "Hello from a scheduled job" in log, log
    with case("the dashboard, our API's description and the proxy's page are served", place):
        for url in (node.urls["ui"] + "/", node.urls["stats"] + "/",
                    node.urls["marathon"] + "/api/openapi.json"):
            a = ask(url)
            assert a.status == 200 and len(a.body) > 500, f"{url}: {a}"
    with case("Mesos's clients find the tasks, and what they print", place):
        for path in ("/state", "/metrics/snapshot", "/version", "/health"):
            for door in ("mesos", "agent"):
                equal(node.get(path, door).status, 200, f"{path} of {door}")
        executors = [e for f in node.get("/state", "agent").json["frameworks"] for e in f["executors"]]
        folder = next(e["directory"] for e in executors if e["id"].startswith("demo_hello"))
        files = [f["path"] for f in node.get(f"/files/browse?path={folder}", "agent").json]
        equal(sorted(files), [f"{folder}/stderr", f"{folder}/stdout"], "files")
        read = node.get(f"/files/read?path={folder}/stdout&offset=0&length=7", "agent").json
        equal(read, {"data": "started", "offset": 0}, "read")
        assert node.get(f"/files/download?path={folder}/stdout", "agent").text.startswith("started on")
    with case("the command line shows all of it", place):
        for words in (["app", "list"], ["job", "list"], ["task", "list"], ["node", "list"],
                      ["service", "list"], ["why", "/demo/hello"], ["status", "--json"],
                      ["sql", "select path, instances from apps"]):
            assert node.cli(*words).stdout, words
    with case("the demo's second start changes nothing", place):
        def plain():  # not what a job is just doing
            return {n: t.pid for n, t in node.supervised().items() if t.name.startswith("demo_hello")}

        def job():
            return node.cli("sql", "--json", "select name, generation from jobs").stdout
        before, job_before = plain(), job()
        equal(node.stop()[0], 0, "exit status")
        node.start()
        for sample in ("the sample app", "the sample job"):
            wait_for(lambda: node.logged(sample) == 2, f"{sample} to be found")
        wait_for(lambda: node.app("/demo/hello")["tasksHealthy"] == 2, "two healthy tasks")
        equal(plain(), before, "tasks")
        equal(job(), job_before, "the sample job")
