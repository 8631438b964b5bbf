"""Chronos's numbers are pushed to Graphite by whoever leads, and by nobody else; a server that is away or takes nothing
is told of once, and asked again."""
import re
import socket
import threading

from crowd import leader_of, wait_voting
from mesolith import case, equal, free_port, wait_for

LINE = re.compile(r"([^ ]+) (-?\d+(?:\.\d\d)?) (\d{10})\n")


class Graphite:
    """What came, line by line; it may end and begin again on its port, and take nothing."""

    def __init__(self, place):
        self.address, self.port, self.lines, self.listener = place.address, free_port(place.address), [], None
        place.at_end.append(self.end)
        self.begin()

    def begin(self):
        self.listener = socket.create_server((self.address, self.port))
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def serve(self, listener):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection, connection.makefile("r") as lines:
                self.lines += lines

    def end(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.listener = None

    def value(self, name):
        """Of the newest line of that name."""
        return next((m[2] for m in map(LINE.fullmatch, reversed(self.lines)) if m[1] == name), None)

    def prefixes(self):
        return {line.split(".")[0] for line in self.lines}


def add(node, name, command):
    a = node.post("/v1/scheduler/iso8601", {"name": name, "command": command, "schedule": "R1//PT1H", "mem": 1, "disk": 1,
                                            "cpus": 0.01, "retries": 0, "epsilon": "PT1M"}, "chronos")
    equal(a.status, 204, f"adding {name}: {a}")


def alone(place):
    graphite = Graphite(place)
    node = place.node(graphite_host_port=f"{graphite.address}:{graphite.port}", graphite_reporting_interval="100ms",
                      graphite_group_prefix="jobs of us").start()
    with case("numbers are pushed under Chronos's names", place):
        add(node, "good-one", "true")
        add(node, "bad", "false")
        wait_for(lambda: graphite.value("jobs-of-us.jobs.run.success.good-one.count") == "1", "the run that went well counts")
        wait_for(lambda: graphite.value("jobs-of-us.jobs.run.failure.bad.count") == "1", "and the one that failed")
        wait_for(lambda: graphite.value("jobs-of-us.jobs.run.time.good-one.p99"), "it has its times")
        equal(graphite.value("jobs-of-us.org.apache.mesos.chronos.scheduler.jobs.TaskManager.queueSize"), "0", "the queue")
        equal([x for x in graphite.lines if not LINE.fullmatch(x)], [], "lines of another form")
    with case("a server that is away is told of once, and had again", place):
        graphite.end()
        wait_for(lambda: node.logged("numbers are not pushed"), "it is told of")
        graphite.lines.clear()
        add(node, "later", "true")
        wait_for(lambda: node.get("/v1/scheduler/job/later", "chronos").json["successCount"] == 1, "a run while it is away")
        graphite.begin()
        wait_for(lambda: graphite.value("jobs-of-us.jobs.run.success.later.count") == "1", "what came meanwhile counts")
        wait_for(lambda: node.logged("numbers are pushed again"), "it is told of")
        equal(node.logged("numbers are not pushed"), 1, "so often it was told of")
    node.stop()


def together(place):
    graphite = Graphite(place)
    flags = dict(graphite_host_port=f"{graphite.address}:{graphite.port}", graphite_reporting_interval="100ms")
    first = place.member(1, graphite_group_prefix="m1", **flags).start()
    nodes = [first]
    for i in (2, 3):
        token = first.cli("token", "create", "--quiet").stdout.strip()
        nodes.append(place.member(i, first, token, graphite_group_prefix=f"m{i}", **flags).start())
    wait_voting(nodes)
    prefix = {node.name: f"m{i + 1}" for i, node in enumerate(nodes)}
    with case("whoever leads pushes, and nobody else", place):
        leader = wait_for(lambda: leader_of(nodes), "one leads")
        graphite.lines.clear()
        wait_for(lambda: len(graphite.lines) > 20, "numbers come")
        equal(graphite.prefixes(), {prefix[leader.name]}, "who pushes")
    with case("his successor goes on", place):
        nodes.remove(leader)
        leader.kill9()
        other = wait_for(lambda: leader_of(nodes), "another leads")
        wait_for(lambda: prefix[other.name] in graphite.prefixes(), "he pushes")
    for node in nodes:
        node.stop()


def story(place):
    alone(place)
    together(place)
