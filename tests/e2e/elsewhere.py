"""One node has no agent, another is nothing but an agent: each answers for the other."""
import json
import os
import urllib.parse

from logs import Follower
from mesolith import case, equal, sleeper, wait_for

BIG = 5 << 20


def path_of(agent_state, task):
    for framework in agent_state["frameworks"]:
        for executor in framework["executors"]:
            if executor["id"] == task:
                return executor["directory"]
    raise KeyError(task)


def read(node, door, path, offset=0):
    return node.get(f"/files/read?offset={offset}&path={urllib.parse.quote(path)}", door=door)


def story(place):
    first = place.member(1, modes="master,scheduler")
    first.start()
    second = place.member(2, first, modes="agent")
    second.start()
    go = place.path("go")
    first.create(sleeper("/talks", cmd=f"echo hello; head -c {BIG} /dev/zero | tr '\\0' x > big; "
                                       f"while [ ! -e {go} ]; do sleep 0.05; done; echo on; sleep 1000"))
    first.wait_running("/talks", 1)
    task = first.tasks_of("/talks")[0]["id"]
    log = f"/api/tasks/{task}/logs"

    with case("a log is read at a node that has no agent"):
        wait_for(lambda: first.get(log).json["data"] == "hello\n", "the log")
        equal(first.get(f"/api/tasks/{task}/logs?file=none").status, 404, "what is not there")
        names = [f["name"] for f in first.get(f"/api/tasks/{task}/files").json["items"]]
        assert "stdout" in names and "big" in names, names

    with case("an agent that is nothing else shows itself"):
        state = second.get("/state", door="agent").json
        equal(state["hostname"], second.address, "hostname")
        equal(state["flags"]["work_dir"], os.path.join(os.path.realpath(second.data), "agent"), "work_dir")
        equal(second.get("/slave(1)/state", door="agent").json["id"], state["id"], "id")
        equal(second.get("/health", door="agent").status, 200, "health")
        equal(second.get("/version", door="agent").status, 200, "version")
        assert "slave/tasks_running" in second.get("/metrics/snapshot", door="agent").json, "metrics"
        assert "master/elected" not in second.get("/metrics/snapshot", door="agent").json, "metrics"

    with case("a file is read by Mesos's paths at both"):
        box = path_of(state, task)
        for node, door in ((first, "mesos"), (second, "agent")):
            answer = read(node, door, box + "/stdout")
            equal((answer.status, answer.json), (200, {"data": "hello\n", "offset": 0}), node.name)

    with case("a long one is downloaded"):
        files = f"/api/tasks/{task}/files"
        wait_for(lambda: {f["name"]: f["size"] for f in first.get(files).json["items"]}["big"] == BIG, "all of it")
        for node, door in ((first, "mesos"), (second, "agent")):
            answer = node.get(f"/files/download?path={urllib.parse.quote(box)}/big", door=door)
            equal((answer.status, answer.body), (200, b"x" * BIG), node.name)

    with case("a log is followed"):
        followers = [Follower(node.urls[door] + log + "?follow=1&offset=0")
                     for node, door in ((first, "marathon"), (second, "agent"))]
        for f in followers:
            f.until("hello\n")
        with open(go, "w"):
            pass
        for f in followers:
            f.until("hello\non\n")
        followers.pop().connection.close()

    with case("whatever the others answer, it does too"):
        equal([a["id"] for a in second.get("/v2/apps", door="agent").json["apps"]], ["/talks"], "apps")
        equal(second.post("/v2/apps", sleeper("/more"), door="agent").status, 201, "a write")
        first.wait_running("/more", 1)
        events = second.get("/v2/events", door="agent", headers={"Accept": "text/event-stream"})
        equal((events.status, events.headers["Location"]), (307, first.urls["marathon"] + "/v2/events"), "events")

    with case("who follows a log hears that its node has gone"):
        equal(second.stop()[0], 0, "exit status")
        while followers[0].answer.readline() != b"":
            pass
        answer = first.get(log)
        equal(answer.status, 503, answer)
        assert second.address in json.loads(answer.text)["error"]["message"], answer

    with case("and finds it again"):
        second.start()
        wait_for(lambda: first.get(log).status == 200, "the log")

    with case("an agent alone says what it waits for"):
        equal(first.stop()[0], 0, "exit status")
        equal(second.get("/v2/apps", door="agent").status, 503, "apps")
        equal(second.get("/health", door="agent").status, 200, "its health is its own")
    with case("and goes on when the others are back"):
        first.start()
        wait_for(lambda: second.get("/v2/apps", door="agent").status == 200, "apps")
        equal(second.get("/state", door="agent").json["id"], state["id"], "id")
    for node in (second, first):
        equal(node.stop()[0], 0, "exit status")
