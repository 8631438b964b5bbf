"""A hundred upgrades at once, all of them in the middle when the leader is killed, when the leadership is handed over,
and when the next leader is killed. All end, and there is neither an instance too few nor one too many.

  DEPLOYMENTS=100 tests/e2e/run interrupted      so many; 100 is the most that Marathon lets go on at once
"""
import os
import time
from concurrent.futures import ThreadPoolExecutor

from crowd import leader_of, wait_voting
from mesolith import case, command_of, equal, say, sleeper, wait_for
from storm import recount

DEPLOYMENTS = int(os.environ.get("DEPLOYMENTS", "100"))
LONG_S = 120


def upgrade(name, gate):
    """Its new tasks are healthy once there is a gate, and until then no old one may go."""
    check = {"protocol": "COMMAND", "command": {"value": f"test -e {gate}"}, "intervalSeconds": 2, "timeoutSeconds": 2,
             "delaySeconds": 0}
    return {"id": name, "cmd": "exec sleep 100001", "healthChecks": [check]}


def deployments(node):
    return {d["id"] for d in node.get("/v2/deployments").json}


def leader(nodes):
    return wait_for(lambda: leader_of(nodes), "somebody leads")


def kill_leader(nodes):
    killed = leader(nodes)
    killed.kill9()
    leader([n for n in nodes if n is not killed])
    killed.start()
    wait_voting(nodes)


def hand_over(nodes):
    before = leader(nodes)
    before.cli("leader", "transfer")
    wait_for(lambda: leader_of(nodes) not in (None, before), "another one leads")


def story(place):
    first = place.member(1).start()
    nodes = [first] + [place.member(i, first).start() for i in (2, 3)]
    wait_voting(nodes)
    apps = {f"/a{i}": 1 + i % 2 for i in range(DEPLOYMENTS)}
    total = sum(apps.values())

    def running():
        return sum(a["tasksRunning"] for a in first.get("/v2/apps").json["apps"])

    def settled():
        return not deployments(first) and running() == total

    a = first.put("/v2/apps", [sleeper(name, instances=n) for name, n in apps.items()])
    equal(a.status, 200, f"creating them: {a}")
    wait_for(settled, "all run", LONG_S)
    old = {t["id"] for t in first.get("/v2/tasks").json["tasks"]}

    gate = place.path("gate")
    with ThreadPoolExecutor(10) as clients:
        answers = clients.map(lambda name: first.put("/v2/apps" + name, upgrade(name, gate)).status, apps)
        equal(set(answers), {200}, "answers to the upgrades")
    began = deployments(first)
    equal(len(began), DEPLOYMENTS, "deployments")
    wait_for(lambda: running() > total, "the first new tasks run", LONG_S)
    for what, interrupt in (("the leader is killed", kill_leader), ("the leadership is handed over", hand_over),
                            ("the next leader is killed", kill_leader)):
        with case(f"{DEPLOYMENTS} upgrades go on when {what}", place):
            interrupt(nodes)
            for node in nodes:
                equal(deployments(node), began, f"deployments, as {node.name} tells")

    place.write("gate", "")
    opened = time.monotonic()
    with case("all of them end", place):
        wait_for(settled, "no deployment, and as many tasks as wanted", LONG_S)
    say(f"{time.monotonic() - opened:.1f} s after the gate was opened")
    with case("no instance is too few or too many, in the state and as processes", place):
        tasks = {t["id"]: t["appId"] for t in first.get("/v2/tasks").json["tasks"]}
        equal({app: list(tasks.values()).count(app) for app in apps}, apps, "instances")
        equal(old & set(tasks), set(), "tasks of the old version")
        wait_for(lambda: sorted(t.name for n in nodes for t in n.supervised().values()) == sorted(tasks),
                 "the processes are those of the tasks")
        equal({command_of(t.pid) for n in nodes for t in n.supervised().values()}, {"sleep 100001"}, "commands")
        for node in nodes:
            equal(recount(node), [], f"counted wrong on {node.name}")
    with case("all end as they should", place):
        for node in nodes:
            equal(node.stop()[0], 0, node.name)
