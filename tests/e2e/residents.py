"""An app with a persistent volume counts in it how often it was started: through its own death, its node's, an upgrade
and a suspension it finds its data again, on the same node; a wipe takes it away, also from a node that was away. A pod
does the same, and its other container reads it."""
import json
import os
import signal

from mesolith import case, equal, wait_for

APP = "/shop/db"
COUNTS = "echo $(($(cat data/n 2>/dev/null || echo 0) + 1)) >data/n.new && mv data/n.new data/n && exec sleep 1000000"


def app(**more):
    return {"id": APP, "cmd": COUNTS, "instances": 1, "cpus": 0.01, "mem": 32, "disk": 0, "portDefinitions": [{"port": 0}],
            "container": {"type": "MESOS", "volumes": [
                {"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}]},
            "backoffSeconds": 0, **more}


class Residence:
    """A master, and two nodes that are only agents."""

    def __init__(self, place):
        self.node = place.member(1, modes="master,scheduler").start()
        self.agents = [place.member(n, self.node, modes="agent").start() for n in (2, 3)]

    def running(self):
        """The only task, once it runs and nothing is to be done any more."""
        tasks = self.node.tasks_of(APP)
        done = self.node.get("/v2/deployments").json == []
        return tasks[0] if done and [t["state"] for t in tasks] == ["TASK_RUNNING"] else None

    def agent_of(self, task):
        return next(a for a in self.agents if a.address == task["host"])

    def folder(self, task):
        volume = task["localVolumes"][0]["persistenceId"]
        return os.path.join(self.agent_of(task).data, "agent", "volumes", "roles", "marathon", volume)

    def count(self, task):
        with open(os.path.join(self.folder(task), "n")) as f:
            return int(f.read())

    def again(self, before, count):
        """The same instance's next task, on the same node, which has counted on."""
        instance, n = before["id"].rsplit(".", 1)
        task = wait_for(lambda: (t := self.running()) and t["id"] != before["id"] and t, "it runs again")
        equal(task["id"], f"{instance}.{int(n) + 1}", "the next of the same instance")
        equal((task["host"], task["ports"], task["localVolumes"]),
              (before["host"], before["ports"], before["localVolumes"]), "its place")
        wait_for(lambda: self.count(task) == count, f"it has counted to {count}")
        return task

    def reserved(self):
        slaves = self.node.get("/state", door="mesos").json["slaves"]
        return sum(s["reserved_resources"].get("marathon", {}).get("disk", 0) for s in slaves)

    def process_of(self, task):
        return next(s for s in self.agent_of(task).supervised().values() if s.name == task["id"])


def story(place):
    r = Residence(place)
    with case("it is accepted, and its data lies on the node apart from its sandbox", place):
        r.node.create(app())
        task = wait_for(r.running, "it runs")
        wait_for(lambda: r.count(task) == 1, "it has counted to 1")
        equal((r.node.app(APP)["residency"]["taskLostBehavior"], r.node.app(APP)["unreachableStrategy"]),
              ("WAIT_FOREVER", "disabled"), "defaults")
        equal(r.reserved(), 10, "reserved disk")
        shown = r.node.cli("task", "show", task["id"]).stdout
        assert task["localVolumes"][0]["persistenceId"] in shown, shown
        assert "data, persistent, 10 MiB" in (shown := r.node.cli("app", "show", APP).stdout), shown
        files = r.node.get(f"/api/tasks/{task['id']}/files?path=data").json["items"]
        equal([f["name"] for f in files], ["n"], "its data's files")
        equal(r.node.get(f"/api/tasks/{task['id']}/logs?file=data/n").json["data"], "1\n", "its data")
    with case("killed by hand it goes on with its data", place):
        os.kill(r.process_of(task).pid, signal.SIGKILL)
        task = r.again(task, 2)
    with case("an upgrade starts the new version where the data is", place):
        equal(r.node.put("/v2/apps" + APP, app(env={"V": "2"})).status, 200, "upgrade")
        task = r.again(task, 3)
        a = r.node.put("/v2/apps" + APP, app(cpus=0.02))
        equal(a.status, 422, a)
    with case("suspended it keeps its place, and resumed it goes on", place):
        equal(r.node.put("/v2/apps" + APP, {"instances": 0}).status, 200, "suspend")
        wait_for(lambda: [t["state"] for t in r.node.tasks_of(APP)] == ["TASK_KILLED"], "it is stopped, and listed")
        wait_for(lambda: r.node.get("/v2/deployments").json == [], "no deployment")
        equal((r.reserved(), r.count(task)), (10, 3), "reserved disk, and its data")
        equal(r.node.put("/v2/apps" + APP, {"instances": 1}).status, 200, "resume")
        task = r.again(task, 4)
    with case("its machine is started anew: it waits for it, and goes on", place):
        agent, process = r.agent_of(task), r.process_of(task)
        agent.kill9()
        os.kill(process.pid, signal.SIGKILL)
        agent.start()
        task = r.again(task, 5)
    with case("while its node is silent it is not started elsewhere, and why says so", place):
        agent = r.agent_of(task)
        os.kill(agent.pid, signal.SIGSTOP)
        why = wait_for(lambda: (t := r.node.cli("why", APP).stdout) and "the node where its data is" in t and t, "why")
        assert task["localVolumes"][0]["persistenceId"] in why, why
        assert f"mesolith task kill {task['id']} --wipe" in " ".join(why.split()), why
        equal([t["id"] for t in r.node.tasks_of(APP)], [task["id"]], "tasks")
        os.kill(agent.pid, signal.SIGCONT)
        equal(wait_for(r.running, "it is back")["id"], task["id"], "the task")
        equal(r.count(task), 5, "its count")
    with case("a wipe begins anew, also when its node was away: that one removes the data when it is back", place):
        os.kill(agent.pid, signal.SIGSTOP)
        wait_for(lambda: r.node.tasks_of(APP)[0]["state"] == "TASK_UNREACHABLE", "its node is out of reach")
        folder = r.folder(task)
        r.node.cli("task", "kill", task["id"], "--wipe")
        other = wait_for(r.running, "another one runs")
        assert other["host"] != task["host"], other
        wait_for(lambda: r.count(other) == 1, "it has counted to 1")
        assert os.path.exists(folder), folder
        os.kill(agent.pid, signal.SIGCONT)
        wait_for(lambda: not os.path.exists(folder), "the data is removed")
        wait_for(lambda: agent.supervised() == {}, "and no process is left there")
    with case("deleted it leaves no data and no reservation", place):
        folder = r.folder(other)
        equal(r.node.delete("/v2/apps" + APP).status, 200, "delete")
        wait_for(lambda: not os.path.exists(folder) and r.reserved() == 0, "all is gone")
        volumes = "select name from volumes"
        wait_for(lambda: json.loads(r.node.cli("sql", "--json", volumes).stdout)["rows"] == [], "no row of it")
    pods(place, r)


POD = "/shop/pair"
READS = "touch seen/x && exit 1; while true; do cat seen/n; sleep 0.2; done"


def pod(instances=1, version="1"):
    small = {"cpus": 0.01, "mem": 32}
    return {"id": POD, "environment": {"V": version}, "scaling": {"kind": "fixed", "instances": instances},
            "executorResources": {"cpus": 0, "mem": 0, "disk": 0}, "volumes": [{"name": "data", "persistent": {"size": 10}}],
            "scheduling": {"backoff": {"backoff": 0}}, "containers": [
                {"name": "db", "resources": small, "exec": {"command": {"shell": COUNTS}},
                 "volumeMounts": [{"name": "data", "mountPath": "data"}]},
                {"name": "reads", "resources": small, "exec": {"command": {"shell": READS}},
                 "volumeMounts": [{"name": "data", "mountPath": "seen", "readOnly": True}]}]}


class PairOf:
    """The pod's only instance, once nothing is to be done any more."""

    def __init__(self, residence):
        self.r = residence

    def now(self, status="STABLE"):
        instances = self.r.node.get(f"/v2/pods{POD}::status").json["instances"]
        done = self.r.node.get("/v2/deployments").json == []
        return instances[0] if done and [i["status"] for i in instances] == [status] else None

    def folder(self, instance):
        agent = next(a for a in self.r.agents if a.address == instance["agentHostname"])
        volume = instance["localVolumes"][0]["persistenceId"]
        return os.path.join(agent.data, "agent", "volumes", "roles", "marathon", volume)

    def counted(self, instance, n):
        """It has counted to n, and its other container has read that."""
        with open(os.path.join(self.folder(instance), "n")) as f:
            if int(f.read()) != n:
                return False
        reads = next(c["containerId"] for c in instance["containers"] if c["name"] == "reads")
        return self.r.node.get(f"/api/tasks/{reads}/logs").json["data"].split()[-1:] == [str(n)]

    def again(self, before, start, n):
        """The same instance's next start, on the same node, which has counted on."""
        def next_start():
            now = self.now()
            return now if now and all(c["containerId"].endswith(f".{start}") for c in now["containers"]) else None
        now = wait_for(next_start, f"start {start}")
        equal((now["id"], now["agentHostname"], now["localVolumes"]),
              (before["id"], before["agentHostname"], before["localVolumes"]), "its place")
        wait_for(lambda: self.counted(now, n), f"it has counted to {n}")
        return now


def pods(place, r):
    p = PairOf(r)
    with case("a pod's containers share what it keeps", place):
        a = r.node.post("/v2/pods", pod())
        equal((a.status, a.json["scheduling"]["unreachableStrategy"]), (201, "disabled"), a)
        one = wait_for(p.now, "it is stable")
        wait_for(lambda: p.counted(one, 1), "it has counted to 1")
    with case("a new version of it goes on with the data, and so it does after a suspension", place):
        equal(r.node.put(f"/v2/pods{POD}", pod(version="2")).status, 200, "upgrade")
        one = p.again(one, 2, 2)
        equal(r.node.put(f"/v2/pods{POD}", pod(0, "2")).status, 200, "suspend")
        equal(wait_for(lambda: p.now("TERMINAL"), "it is stopped, and listed")["localVolumes"], one["localVolumes"], "data")
        equal(r.node.put(f"/v2/pods{POD}", pod(1, "2")).status, 200, "resume")
        one = p.again(one, 3, 3)
    with case("a wipe of its instance begins anew", place):
        folder = p.folder(one)
        equal(r.node.delete(f"/v2/pods{POD}::instances/{one['id']}?wipe=true").status, 200, "wipe")
        other = wait_for(lambda: (now := p.now()) and now["id"] != one["id"] and now, "another one")
        wait_for(lambda: p.counted(other, 1), "it has counted to 1")
        wait_for(lambda: not os.path.exists(folder), "the data is removed")
    with case("deleted it leaves no data", place):
        folder = p.folder(other)
        equal(r.node.delete(f"/v2/pods{POD}").status, 202, "delete")
        wait_for(lambda: not os.path.exists(folder) and r.reserved() == 0, "all is gone")
