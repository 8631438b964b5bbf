"""The four requests of the seed demo, sent with curl as they were written, and what must follow:
spec/marathon.md 16 and spec/chronos.md 9. Without an engine, then through plain processes."""
import calendar
import json
import os
import re
import subprocess
import time

from mesolith import BINARY, ask, case, equal, wait_for

POST_APP = ("""curl -X POST -H "Content-Type: application/json" 'http://HOST:8080/v2/apps?force=true' """
            "-d@%s.json")
POST_JOB = "curl -L -H 'Content-Type: application/json' -X POST -d@%s.json http://HOST:4400%s"

NGINX = """{"container":{"type":"DOCKER","docker":{"image":"smarthall/example-nginx"}},
 "id":"nginx","instances":1,"cpus":0.1,"mem":32,"uris":[],"ports":[8080]}
"""
DATE = """{"container":{"type":"DOCKER","docker":{"image":"library/busybox:latest"}},
 "id":"date","instances":1,"cpus":0.1,"mem":32,"uris":[],"ports":[],
 "cmd":"while sleep 10; do date -u +%T; done"}
"""
JOB = r"""{"schedule":"R\/2014-09-25T17:22:00Z\/PT2M","name":"date","container":{"type":"DOCKER","image":"library/busybox:latest"},"cpus":"0.1","mem":"64","uris":[],"command":"echo 'Running Chronos Job :D'; date -u +%T"}
"""
PERIOD = 120


def plain(text, **more):
    body = json.loads(text)
    del body["container"]
    return json.dumps(dict(body, **more))


class Said:
    """What curl got: status, headers, body."""

    def __init__(self, headers, body):
        self.status = int(headers.split()[1])
        self.headers = dict(re.findall(r"^([\w-]+): (.*?)\r?$", headers, re.M))
        self.body = body


def send(node, line):
    """Runs a curl line as it stands, but for HOST and its port. Its settings make it tell headers."""
    place = node.place
    place.write(".curlrc", f"silent\ndump-header = {place.path('headers')}\n")
    for name, door in (("HOST:8080", "marathon"), ("HOST:4400", "chronos")):
        line = line.replace("http://" + name, node.urls[door])
    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=place.folder,
                          env=dict(os.environ, HOME=place.folder), timeout=30)
    equal(done.returncode, 0, line)
    with open(place.path("headers"), newline="") as f:
        return Said(f.read(), done.stdout)


# ---- Marathon, 16.2

def post_apps(node):
    place = node.place
    nginx = send(node, POST_APP % "nginx")
    date = send(node, POST_APP % "date")
    with case("both apps are answered 201, with where they are and what deploys them", place):
        for said, name in ((nginx, "nginx"), (date, "date")):
            equal(said.status, 201, name)
            equal(said.headers["Location"], f"{node.urls['marathon']}/{name}", "Location")
            deployments = [d["id"] for d in json.loads(said.body)["deployments"]]
            equal(deployments, [said.headers["Marathon-Deployment-Id"]], "deployments")
    with case("they are stored as Marathon stores them", place):
        app = json.loads(nginx.body)
        for member, value in {"id": "/nginx", "uris": [], "networks": [{"mode": "host"}], "ports": [8080],
                              "portDefinitions": [{"port": 8080, "protocol": "tcp"}],
                              "requirePorts": False, "tasksRunning": 0, "tasksStaged": 0}.items():
            equal(app[member], value, member)
        assert "fetch" not in app or app["fetch"] == [], app
        equal(json.loads(date.body)["portDefinitions"], [], "date's ports")
    with case("the second time they are refused, and the script goes on", place):
        for name in ("nginx", "date"):
            again = send(node, POST_APP % name)
            equal(again.status, 409, name)
            assert f"/{name}" in json.loads(again.body)["message"] and "deployments" not in again.body, again.body


def apps_run(node, environments):
    """`environments()` are those of the running tasks, by the name of the app."""
    place = node.place
    with case("both run: the list has one running task each", place):
        def running():
            apps = node.get("/v2/apps").json["apps"]
            return {a["id"]: a["tasksRunning"] for a in apps} == {"/nginx": 1, "/date": 1}
        wait_for(running, "tasksRunning 1 each")
    with case("nginx has a host port in PORT, PORT0 and PORT_8080; date has no port", place):
        env = wait_for(environments, "environments")
        port = node.tasks_of("/nginx")[0]["ports"][0]
        equal({env["nginx"].get(k) for k in ("PORT", "PORT0", "PORT_8080")}, {str(port)}, "PORT")
        equal([k for k in env["date"] if k.startswith("PORT")], [], "date's PORT variables")
        equal(node.tasks_of("/date")[0]["ports"], [], "date's ports")
    with case("the text list is what the bridge script reads", place):
        text = node.get("/v2/tasks", headers={"Accept": "text/plain"}).text
        host = node.place.address
        equal(text, f"date\t \t{host}\t\nnginx\t8080\t{host}:{port}\t\n", "text list")
    with case("the service port 8080 leads to nginx", place):
        url = f"http://{place.service_address}:8080/"
        wait_for(lambda: ask(url, timeout=5).status == 200, url)


# ---- Chronos, 9

def wall(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def runs_of(node, job):
    """(due, start, run), earliest first."""
    items = node.get(f"/api/runs?job={job}").json["items"]
    found = [(wall(r["due"]), wall(r["started"]) if r.get("started") else None, r) for r in items]
    return sorted(found, key=lambda f: f[0])


def targets(node, job):
    return [r[0] for r in runs_of(node, job) if r[2]["cause"] == "schedule"]


def post_job(node, file="date", face=""):
    """The last target before the job was accepted, and when that was."""
    began = time.time()
    said = send(node, POST_JOB % (file, face + "/scheduler/iso8601"))
    took = time.time() - began
    equal((said.status, said.body), (204, ""), "answer")
    assert took < 1, f"{took:.1f} s"
    return int(began) // PERIOD * PERIOD, began


def jobs(node):
    """Posts the job on both faces; returns what is to be looked at when some targets have passed."""
    place = node.place
    def moment():
        since = time.time() % PERIOD
        return 1 < since < 50 or 61 < since < PERIOD - 15
    wait_for(moment, "a moment that is not close to a target or to the end of its window")
    with case("the job is answered 204, with the values that Chronos fills in", place):
        target, began = post_job(node)
        job = [j for j in node.get("/scheduler/jobs", "chronos").json if j["name"] == "date"][0]
        for member, value in {"cpus": 0.1, "mem": 64.0, "disk": 256.0, "epsilon": "PT60S", "retries": 2,
                              "concurrent": False, "shell": True, "scheduleTimeZone": ""}.items():
            equal(job[member], value, member)
        upcoming = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(target + PERIOD))
        equal(job["schedule"], f"R/{upcoming}.000Z/PT2M", "the shown schedule")
    at_once = began - target <= 60
    with case("a target that is no older than a minute is run at once, an older one never", place):
        if at_once:
            wait_for(lambda: targets(node, "date"), "a run")
        equal(targets(node, "date"), [target] * at_once, "targets")
    with case("posted again it is replaced, and no target is run twice", place):
        post_job(node)
        equal(targets(node, "date"), [target] * at_once, "targets")
    with case("the other face, which has no window, runs the last target at once", place):
        post_job(node, "date1", "/v1")
        wait_for(lambda: targets(node, "date1") == [target], "a run")

    with case("run by hand, it prints the greeting and the time", place):
        equal(node.put("/scheduler/job/date", door="chronos").status, 204, "run it now")
        def ran():
            return [r for _, _, r in runs_of(node, "date") if (r["cause"], r["state"]) == ("manual", "ok")]
        run = wait_for(ran, "a run that went well")[0]
        log = node.get(f"/api/tasks/{run['task']}/logs").json["data"]
        assert re.fullmatch(r"Running Chronos Job :D\n\d\d:\d\d:\d\d\n", log), repr(log)

    def later():
        with case("then there is one run every even minute, started within 2 s", place):
            for name, first in (("date", target if at_once else target + PERIOD), ("date1", target)):
                wait_for(lambda n=name: [r for r in runs_of(node, n) if r[0] > began and r[1]],
                         "a run at a later target", within=PERIOD + 10)
                runs = [r for r in runs_of(node, name) if r[2]["cause"] == "schedule"]
                equal([r[0] for r in runs], [first + PERIOD * i for i in range(len(runs))], name)
                for due, started, run in runs:
                    if due > began:
                        assert started - due <= 2, f"{name}: {run}"
                    equal(run["task"], f"ct:{int(due)}000:0:{name}:", "task id")
        equal(node.stop()[0], 0, "exit status")
    return later


def write_jobs(place, text):
    place.write("date.json", text)
    place.write("date1.json", re.sub('"name": ?"date"', '"name":"date1"', text))


def environment_of(pid):
    with open(f"/proc/{pid}/environ") as f:
        return dict(e.split("=", 1) for e in f.read().split("\0") if "=" in e)


def story(place):
    node = place.node("no-engine", docker="unix:///none/docker.sock").start()
    place.write("nginx.json", NGINX)
    place.write("date.json", DATE)
    post_apps(node)
    with case("without an engine they wait, and queue, API and command line say why", place):
        queue = wait_for(lambda: node.get("/v2/queue").json["queue"], "the queue")
        equal({q["app"]["id"] for q in queue}, {"/nginx", "/date"}, "waiting")
        for q in queue:
            reasons = q["processedOffersSummary"]["rejectSummaryLaunchAttempt"]
            assert any("Docker" in r["reason"] and r["declined"] for r in reasons), reasons
        assert "no engine" in node.get("/api/why/app/nginx").text
        assert "/none/docker.sock" in node.cli("why", "nginx").stdout
    with case("and can be deleted", place):
        for app in ("nginx", "date"):
            equal(node.delete(f"/v2/apps/{app}").status, 200, app)
        wait_for(lambda: node.get("/v2/apps").json["apps"] == [], "no apps")
    equal(node.stop()[0], 0, "exit status")

    node = place.node("plain").start()
    place.write("nginx.json", plain(NGINX, cmd=f"exec '{BINARY}' demo-server", mem=256))
    place.write("date.json", plain(DATE))
    post_apps(node)

    def environments():
        found = {}
        for task in node.supervised().values():
            env = environment_of(task.pid)
            found[env.get("MARATHON_APP_ID", "").strip("/")] = env
        return found if set(found) >= {"nginx", "date"} else None
    apps_run(node, environments)
    write_jobs(place, plain(JOB))
    return jobs(node)
