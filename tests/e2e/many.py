"""A thousand apps and a thousand jobs on one node."""
import http.client
import json
import statistics
import time
import urllib.parse

from mesolith import ask, case, equal, memory_kib, say, sleeper, wait_for

N = 1000


def one_by_one(node, door, requests):
    """On one connection, each (method, path, body) after the answer to the last. A request that is over
    the number of deployments that may go on at once is asked again."""
    u = urllib.parse.urlsplit(node.urls[door])
    connection = http.client.HTTPConnection(u.hostname, u.port, timeout=60)

    def done(method, path, body):
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        r = connection.getresponse()
        text = r.read()
        assert r.status in (200, 201, 204, 403), f"{r.status}: {text[:300]}"
        return r.status != 403
    for r in requests:
        wait_for(lambda r=r: done(*r), "fewer deployments")
    connection.close()


def timed(node, path, door="marathon", times=5):
    """The median of some answers, in ms; and the last of them."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        a = node.get(path, door)
        took.append((time.monotonic() - began) * 1000)
        equal(a.status, 200, path)
    return statistics.median(took), a


def story(place):
    node = place.node(resources="cpus:16;mem:65536;disk:100000;ports:[31000-32000]").start()
    idle = memory_kib(node.pid)
    with case(f"{N} apps of one instance each come up, in one deployment", place):
        began = time.monotonic()
        a = node.put("/v2/apps", [sleeper(f"/many/app{i}") for i in range(N)])
        equal(a.status, 200, str(a))
        wait_for(lambda: node.get("/api/status").json["tasks"]["running"] == N, f"{N} running tasks", within=120)
        wait_for(lambda: node.get("/v2/deployments").json == [], "no deployment")
        say(f"{N} apps up after {time.monotonic() - began:.1f} s")
    with case(f"{N} jobs are taken", place):
        began = time.monotonic()
        one_by_one(node, "chronos", [("POST", "/scheduler/iso8601", {
            "name": f"job{i}", "command": "true", "schedule": "R/2099-01-01T00:00:00Z/P1D"}) for i in range(N)])
        say(f"{N} jobs put one after the other in {time.monotonic() - began:.1f} s")
    with case("the lists have them all", place):
        for path, door, count in [
                ("/v2/apps", "marathon", lambda j: len(j["apps"])),
                ("/v2/apps?embed=apps.tasks", "marathon", lambda j: len(j["apps"])),
                ("/v2/tasks", "marathon", lambda j: len(j["tasks"])),
                ("/scheduler/jobs", "chronos", len),
                ("/api/apps?limit=1000", "marathon", lambda j: len(j["items"])),
                ("/api/jobs?limit=1000", "marathon", lambda j: len(j["items"])),
                ("/state", "mesos", lambda j: sum(len(f["tasks"]) for f in j["frameworks"]))]:
            ms, a = timed(node, path, door)
            equal(count(a.json), N, path)
            say(f"{path}: {ms:.0f} ms, {len(a.body) >> 10} KiB")
    with case("the dashboard's pages are answered", place):
        equal(ask(node.urls["ui"] + "/").status, 200, "the page")
        for path in ("/api/status", "/api/apps", "/api/jobs", "/api/tasks", "/api/nodes", "/api/services"):
            say(f"{path}: {timed(node, path)[0]:.0f} ms")
    tasks = node.supervised()
    with case("each app has a task of its own", place):
        equal(len(tasks), N, "supervisors")
        private = sorted(memory_kib(t.supervisor)[1] for t in list(tasks.values())[:100])
        say(f"memory: the node {idle[0]} KiB when idle, {memory_kib(node.pid)[0]} KiB now; "
            f"a supervisor {private[50]} KiB of its own in the median")
    with case("all of them are found again after a kill", place):
        node.restart()
        wait_for(lambda: node.get("/api/status").json["tasks"]["running"] == N, f"{N} running tasks")
        say(f"ready again after {node.ready_s * 1000:.0f} ms")
        equal({n: t.pid for n, t in node.supervised().items()}, {n: t.pid for n, t in tasks.items()}, "tasks")
    with case("and all of them can be deleted, one after the other", place):
        began = time.monotonic()
        one_by_one(node, "marathon", [("DELETE", f"/v2/apps/many/app{i}", None) for i in range(N)])
        wait_for(lambda: node.supervised() == {}, "no tasks", within=120)
        say(f"gone after {time.monotonic() - began:.1f} s")
        equal(node.stop()[0], 0, "exit status")
