"""Pods: the containers of an instance share a volume and talk to each other; they are scaled, upgraded,
replaced and ended as one."""
import json
import os
import re
import signal

from mesolith import ask, case, equal, wait_for

SERVER = "cd www && exec python3 -m http.server --bind 127.0.0.1 $ENDPOINT_HTTP"
# Asks its sibling, and writes into the volume what it heard: which its sibling serves.
SIDE = """while true; do
 word=$(python3 -c 'import os, urllib.request as u
print(u.urlopen("http://127.0.0.1:" + os.environ["ENDPOINT_HTTP"] + "/").status)' || echo nobody)
 echo "$VERSION $word" > shared/heard.new; mv shared/heard.new shared/heard; sleep 0.5; done"""


SMALL = {"cpus": 0.01, "mem": 32}


def pod(instances=1, version="one"):
    return {
        "id": "/shop/pair", "environment": {"VERSION": version},
        "scaling": {"kind": "fixed", "instances": instances},
        "volumes": [{"name": "data"}], "executorResources": {"cpus": 0, "mem": 0, "disk": 0},
        "containers": [
            {"name": "web", "resources": SMALL, "exec": {"command": {"shell": SERVER}},
             "endpoints": [{"name": "http"}], "volumeMounts": [{"name": "data", "mountPath": "www"}],
             "healthCheck": {"http": {"endpoint": "http", "path": "/heard"}, "gracePeriodSeconds": 60,
                             "intervalSeconds": 2, "timeoutSeconds": 1, "delaySeconds": 0}},
            {"name": "side", "resources": SMALL, "exec": {"command": {"shell": SIDE}},
             "volumeMounts": [{"name": "data", "mountPath": "/shared"}]}]}


def status(node):
    return node.get("/v2/pods/shop/pair::status").json


def stable(node, n):
    """The instances by their ids, once there are n and nothing is to be done any more."""
    s = status(node)
    so = s["status"] == "STABLE" and [i["status"] for i in s["instances"]] == n * ["STABLE"]
    return {i["id"]: i for i in s["instances"]} if so and node.get("/v2/deployments").json == [] else None


def heard(instance):
    port = instance["containers"][0]["endpoints"][0]["allocatedHostPort"]
    return ask(f"http://127.0.0.1:{port}/heard").text.split()


def process_of(node, instance, container):
    name = next(c["containerId"] for c in instance["containers"] if c["name"] == container)
    return next(s for s in node.supervised().values() if s.name == name)


def without(node, n, gone):
    """As stable(), but for an instance that is to be replaced."""
    now = stable(node, n)
    return now if now and gone not in now else None


TRIES = "cat data/word && ! touch data/word 2>/dev/null"


def read_only(place, node):
    check = {"gracePeriodSeconds": 60, "intervalSeconds": 2, "timeoutSeconds": 1, "delaySeconds": 0}
    with case("what is mounted read-only is so for the task and for its check, without any container", place):
        a = node.post("/v2/pods", {
            "id": "/reads", "volumes": [{"name": "data"}],
            "containers": [
                {"name": "writes", "resources": SMALL, "volumeMounts": [{"name": "data", "mountPath": "data"}],
                 "exec": {"command": {"shell": "echo well >data/new && mv data/new data/word; exec sleep 1000000"}}},
                {"name": "reads", "resources": SMALL,
                 "volumeMounts": [{"name": "data", "mountPath": "data", "readOnly": True}],
                 "exec": {"command": {"shell": f"until {TRIES}; do sleep 0.2; done; exec sleep 1000000"}},
                 "healthCheck": {"exec": {"command": {"shell": TRIES}}, **check}}]})
        equal(a.status, 201, a)
        one = wait_for(lambda: next((i for i in node.get("/v2/pods/reads::status").json["instances"]
                                     if i["status"] == "STABLE"), None), "it is stable")
        reads = next(c["containerId"] for c in one["containers"] if c["name"] == "reads")
        wait_for(lambda: json.loads(node.get(f"/api/tasks/{reads}/logs").text)["data"] == "well\n", "its output")
        equal(node.cli("logs", reads).stdout, "well\n", "the output of one container, on the command line")
        equal(node.delete("/v2/pods/reads").status, 202, "delete")
    with case("the same of an app's volumes", place):
        os.mkdir(place.path("words"))
        place.write("words/word", "well\n")
        node.create({"id": "/reader", "instances": 1, "cpus": 0.01, "mem": 32, "disk": 0, "portDefinitions": [],
                     "cmd": f"{TRIES} && exec sleep 1000000", "container": {"type": "MESOS", "volumes": [
                         {"containerPath": "data", "hostPath": place.path("words"), "mode": "RO"}]},
                     "healthChecks": [{"protocol": "COMMAND", "command": {"value": TRIES}, "delaySeconds": 0,
                                       "intervalSeconds": 1}]})
        wait_for(lambda: node.app("/reader")["tasksHealthy"] == 1, "it is healthy")
        equal(node.delete("/v2/apps/reader").status, 200, "delete")


def story(place):
    node = place.node().start()
    with case("two containers share a volume, and talk over the loopback", place):
        a = node.post("/v2/pods", pod())
        equal(a.status, 201, a)
        first, one = next(iter(wait_for(lambda: stable(node, 1), "one stable instance").items()))
        equal([c["name"] for c in one["containers"]], ["web", "side"], "containers")
        wait_for(lambda: heard(one) == ["one", "200"], "what one has heard of the other")
    with case("scaled up there are more whole instances, and down fewer", place):
        equal(node.put("/v2/pods/shop/pair", pod(3)).status, 200, "scale up")
        assert first in wait_for(lambda: stable(node, 3), "three instances"), "the first one was touched"
        equal(len(node.supervised()), 6, "processes")
        equal(node.put("/v2/pods/shop/pair", pod(2)).status, 200, "scale down")
        old = wait_for(lambda: stable(node, 2), "two instances")
        wait_for(lambda: len(node.supervised()) == 4, "four processes")
    with case("a new version replaces them", place):
        equal(node.put("/v2/pods/shop/pair", pod(2, "two")).status, 200, "upgrade")
        now = wait_for(lambda: stable(node, 2), "two instances")
        assert old.keys().isdisjoint(now), now
        for i in now.values():
            wait_for(lambda i=i: heard(i) == ["two", "200"], "the new version's word")
    with case("a restart of the node touches none of them", place):
        node.restart()
        equal(wait_for(lambda: stable(node, 2), "two instances").keys(), now.keys(), "instances")
        equal(len(node.supervised()), 4, "processes")
    with case("of a container that is killed by hand the whole instance is replaced, and no other", place):
        victim, other = now
        os.kill(process_of(node, now[victim], "side").pid, signal.SIGKILL)
        now = wait_for(lambda: without(node, 2, victim), "a replacement")
        assert other in now, now
        wait_for(lambda: len(node.supervised()) == 4, "four processes")
        ended = status(node)["terminationHistory"][0]
        equal(ended["instanceID"], victim, "history")
        equal([c["lastKnownState"] for c in ended["containers"]], ["TASK_KILLED", "TASK_FAILED"], "history")
    with case("an instance that a person ends is replaced", place):
        victim = next(iter(now))
        a = node.delete(f"/v2/pods/shop/pair::instances/{victim}")
        equal((a.status, a.json["instanceId"]), (200, victim), a)
        wait_for(lambda: without(node, 2, victim), "a replacement")
    with case("the command line makes one, and shows its containers by their names", place):
        small = dict(pod(), id="/made")
        place.write("pod.json", small)
        assert "/made runs: " in node.cli("app", "create", "pod.json").stdout
        for words in (("app", "show", "/made"), ("task", "list", "--app", "/made")):
            shown = node.cli(*words).stdout
            for name in ("web", "side"):
                assert re.search(rf"made\.[0-9a-f]{{8}}\.{name} ", shown), shown
        equal(node.cli("task", "show", re.search(r"made\.[0-9a-f]{8}\.side", shown).group()).returncode, 0, "task show")
        node.cli("app", "delete", "/made")
    with case("the command line lists it, explains it and scales it", place):
        assert "/shop/pair" in node.cli("app", "list").stdout
        assert "/shop/pair" in node.cli("why", "/shop/pair").stdout
        node.cli("app", "scale", "/shop/pair", "1")
        wait_for(lambda: stable(node, 1) and len(node.supervised()) == 2, "one instance")
    read_only(place, node)
    with case("deleted it leaves nothing", place):
        equal(node.delete("/v2/pods/shop/pair").status, 202, "delete")
        equal(node.get("/v2/pods").json, [], "pods")
        wait_for(lambda: node.supervised() == {}, "no process")
        wait_for(lambda: node.get("/v2/groups/shop").json["pods"] == [] and node.get("/v2/deployments").json == [],
                 "no deployment")
