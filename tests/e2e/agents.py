"""Agents and their leader: whichever of them goes, what runs goes on. Only what a silent host ran is replaced, and ends
when it is back."""
import json
import os
import re
import signal
import time

from mesolith import Traffic, alive, ask, case, equal, sample_app, say, sleeper, wait_for

PORT = 10000
KILLS = 10
RATE = 100  # requests a second, to each agent's service port


class Cluster:
    """Three masters, and two nodes that are only agents; of the sample app each runs two."""

    def __init__(self, place):
        modes = {"modes": "master,scheduler"}
        first = place.member(1, **modes).start()
        self.place, self.looks = place, 0
        self.masters = [first] + [place.member(n, first, **modes).start() for n in (2, 3)]
        wait_for(lambda: sorted(n["role"] for n in self.nodes().values()) == ["leader", "voter", "voter"], "three vote")
        self.agents = [place.member(4, first, modes="agent", resources="cpus:0.025;mem:1000;ports:[31000-31999]").start()]
        first.create(sample_app("/web", PORT, instances=4))
        wait_for(lambda: first.app("/web")["tasksHealthy"] == 2, "two are healthy, and more have no room")
        self.agents.append(place.member(5, first, modes="agent").start())
        wait_for(lambda: first.app("/web")["tasksHealthy"] == 4, "all are healthy")
        for agent in self.agents:
            wait_for(lambda: self.answers(agent), f"{agent.name} forwards")

    def nodes(self):
        up = next(m for m in self.masters if m.process.poll() is None)
        return {n["name"]: n for n in json.loads(up.cli("node", "--json").stdout)["items"]}

    def leader(self):
        def known():
            name = next((name for name, n in self.nodes().items() if n["role"] == "leader"), None)
            return next((m for m in self.masters if m.name == name and m.process.poll() is None), None)
        return wait_for(known, "a leader")

    def state_at_leader(self, agent):
        return self.leader().get("/api/nodes/" + agent.name).json["state"]

    def closed(self, agent):
        """How often masters have seen the end of its connection."""
        with open(os.path.join(agent.data, "node.json")) as f:
            id = json.load(f)["id"]
        return sum(m.logged(f" disconnected node={id} ") for m in self.masters)

    def answers(self, agent):
        """Which task answers at its service port."""
        a = ask(f"http://{agent.address}:{PORT}/", timeout=1)
        return a.status == 200 and re.search(r"web[._][\w.-]+", a.text).group()

    def traffic(self):
        return [Traffic(self.place, PORT, RATE, 0, agent.address) for agent in self.agents]

    def processes(self, agent):
        return {n: (t.pid, t.started) for n, t in agent.supervised().items() if alive(t.pid)}

    def look(self):
        """All that was ever started of the app, where it is and how, and the processes."""
        rows = self.leader().cli("sql", "--json", "select id, agent, state from tasks where name like 'web%' "
                                 "order by id").stdout
        return json.loads(rows)["rows"], [self.processes(a) for a in self.agents]

    def both_work(self):
        """The leader has them run something, and end it."""
        leader, self.looks = self.leader(), self.looks + 1
        ran = {}
        for agent in self.agents:
            known = self.processes(agent)
            app = f"/look{self.looks}-{agent.name}"
            leader.create(sleeper(app, constraints=[["hostname", "LIKE", agent.address.replace(".", "\\.")]]))
            leader.wait_running(app, 1)
            ran[agent] = self.processes(agent).keys() - known.keys()
            leader.delete(f"/v2/apps{app}")
        for agent in self.agents:
            wait_for(lambda: leader.get("/v2/apps" + f"/look{self.looks}-{agent.name}").status == 404, "it is gone")
            wait_for(lambda: not ran[agent] & self.processes(agent).keys(), "and its process")


def told(traffic):
    say(", ".join(f"{t.end()['answers']} requests answered" for t in traffic) + ", none failed")


def story(place):
    with case("three masters, and two nodes that are only agents"):
        s = Cluster(place)
        four, five = s.agents
        before = s.look()
        equal([len(p) for p in before[1]], [2, 2], "tasks of the agents")

    with case(f"an agent's process is killed and started again {KILLS} times: nothing is replaced"):
        traffic = s.traffic()
        for _ in range(KILLS):
            closed = s.closed(four)
            four.kill9()
            wait_for(lambda: s.closed(four) > closed, "a master has noticed")
            wait_for(lambda: s.state_at_leader(four) == "restarting", "it is shown as what it is")
            equal(s.look(), before, "tasks while it is away")
            four.start()
        s.both_work()
        equal(s.look(), before, "tasks")
        told(traffic)

    with case("the leader is killed: its agents find the next one, and nothing is replaced"):
        traffic, began, leader = s.traffic(), time.monotonic(), s.leader()
        leader.kill9()
        s.both_work()
        say(f"{(time.monotonic() - began) * 1000:.0f} ms until both have run something for the next one")
        leader.start()
        equal(s.look(), before, "tasks")
        told(traffic)

    with case("an agent is started anew while no master is there: what runs goes on, and is found again"):
        traffic, troubles = s.traffic(), four.logged(" no connection node=")
        for node in [*s.masters, four]:
            node.kill9()
        four.launch()
        wait_for(lambda: four.logged(" no connection node=") > troubles, "it finds nobody")
        equal([s.processes(a) for a in s.agents], before[1], "processes")
        for m in s.masters:
            m.launch()
        for node in [*s.masters, four]:
            node.start_ends()
        s.both_work()
        equal(s.look(), before, "tasks")
        told(traffic)

    with case("an agent's host falls silent: what it ran is replaced, and routed"):
        old = {t["id"] for t in s.leader().tasks_of("/web")}
        traffic, began = s.traffic(), time.monotonic()
        four.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: len(s.processes(five)) == 4, "two more run elsewhere")
        ran = time.monotonic() - began
        wait_for(lambda: s.answers(five) not in old, "another one answers")
        routed = time.monotonic() - began
        wait_for(lambda: s.leader().app("/web")["tasksHealthy"] == 4, "all are healthy")
        equal(s.nodes()["node4"]["state"], "unreachable", "its node")
        equal(s.processes(four), before[1][0], "processes of the silent host")
        say(f"{ran:.2f} s from its silence to two that run elsewhere, {routed:.2f} s to an answer of one of them")
        told(traffic)

    with case("it is back: what was replaced ends there, and nothing else"):
        traffic, now = s.traffic(), s.processes(five)
        four.process.send_signal(signal.SIGCONT)
        wait_for(lambda: s.processes(four) == {}, "it runs nothing any more")
        wait_for(lambda: s.nodes()["node4"]["state"] == "ready", "it is ready")
        s.both_work()
        equal(s.processes(five), now, "processes of the other one")
        equal(s.leader().app("/web")["tasksRunning"], 4, "tasks")
        told(traffic)
