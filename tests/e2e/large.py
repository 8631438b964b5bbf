"""Changes of 5,000 apps of 1.5 KiB, through each of three masters: who is long at writing or applying one is borne with,
so the same node leads before and after. With sanitizers, whose turns are longer than anybody bears with, they are 1,000,
and it is only looked that none is missing."""
import time

from crowd import leaders_by_term, wait_voting
from mesolith import BINARY, case, equal, say, sleeper, wait_for

def is_sanitized():
    with open(BINARY, "rb") as f:
        return b"__asan_init" in f.read()


SANITIZED = is_sanitized()
GROUPS, APPS, BYTES = 10 if SANITIZED else 50, 100, 1536


def filled(name, size, mark):
    return sleeper(name, instances=0, labels={"mark": mark, "fill": "x" * (size - 200)})


def crowd(mark):
    return {"groups": [{"id": f"team-{g}", "apps": [filled(f"service-{i}", BYTES, mark) for i in range(APPS)]}
                       for g in range(GROUPS)]}


def change(node, mark):
    began = time.monotonic()
    a = node.put("/v2/groups/crowd?force=true", crowd(mark), timeout=120)
    say(f"through {node.name}: {a.status} after {time.monotonic() - began:.2f} s")
    return a


def marks_of(node):
    """How many apps have which mark."""
    apps = node.get("/v2/apps?embed=apps.none", timeout=60).json["apps"]
    marks = [a["labels"]["mark"] for a in apps]
    return {mark: marks.count(mark) for mark in set(marks)}


def too_large(place, nodes):
    fill = "x" * (17 << 20)
    with case("what is above the limit gets 413 and is told which, at every door", place):
        for door, method, path in (("marathon", "PUT", "/v2/groups/crowd"), ("marathon", "POST", "/v2/apps"),
                                   ("marathon", "POST", "/v2/pods"), ("chronos", "POST", "/v1/scheduler/iso8601"),
                                   ("mesos", "POST", "/api/v1")):
            for node in nodes[:2]:
                a = node.ask(method, path, {"id": "/large", "cmd": fill}, door)
                equal(a.status, 413, f"{door} {path}: {a}")
                for word in (str(16 << 20), "send less"):
                    assert word in a.text, f"{door} {path}: got {a.text!r}, need {word!r} in it"


def story(place):
    first = place.member(1).start()
    nodes = [first] + [place.member(i, first).start() for i in (2, 3)]
    wait_voting(nodes)
    terms, _ = leaders_by_term(nodes)

    with case(f"changes of {GROUPS * APPS} apps are answered, whoever is asked", place):
        answers = [change(node, node.name) for node in nodes]
        if not SANITIZED:
            equal([a.status for a in answers], [200] * 3, "answers")
    with case("no app is missing on any node", place):
        wait_for(lambda: change(first, "last").status == 200, "the last change is made", within=180)
        for node in nodes:
            wait_for(lambda: marks_of(node) == {"last": GROUPS * APPS}, f"all of {node.name}'s apps are the last",
                     within=120)
    if not SANITIZED:
        with case("the same node leads as before", place):
            equal(leaders_by_term(nodes)[0], terms, "terms that had a leader")
    too_large(place, nodes)
