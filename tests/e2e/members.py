"""Who is of a cluster, who votes, who leads, and what runs where: as people want it."""
import http.server
import json
import re
import threading

from mesolith import case, equal, processes_of, sleeper, wait_for


def nodes(node):
    return {n["name"]: n for n in json.loads(node.cli("node", "--json").stdout)["items"]}


def roles(node):
    return {name: n["role"] for name, n in nodes(node).items()}


def hosts(node, app):
    tasks = json.loads(node.cli("task", "--app", app, "--json").stdout)["items"]
    return sorted(t["host"] for t in tasks if t["state"] == "running")


def refused(node, *words, status, text):
    done = node.cli(*words, check=False)
    equal(done.returncode, status, done)
    assert text in done.stderr, done


class HandedOn(http.server.BaseHTTPRequestHandler):
    """A node at which node2 was to lead and did, and node1 leads again before anybody has looked."""

    def do_GET(self):
        node1, node2 = {"id": "1", "node": "1", "name": "node1"}, {"id": "2", "node": "2", "name": "node2"}
        self.answer({"leader": node1, "term": 7} if "status" in self.path else {"items": [node1, node2]})

    def do_POST(self):
        self.answer({"index": 9})

    def answer(self, what):
        text = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def story(place):
    first = place.member(1).start()
    second, third = place.member(2, first), place.member(3, first)

    with case("a token is made for some modes; the command that joins with it is printed"):
        said = first.cli("token", "create", "--modes", "agent", "--hours", "2").stdout
        token = re.search(r"MESO1-a-\S+", said).group()
        assert f"mesolith join {first.address}:5055 --token {token} --modes agent" in said, said
        refused(first, "token", "create", "--modes", "boss", status=3, text='modes: got "boss", need some of master')
        listed = first.cli("token").stdout
        assert token not in listed and token[-52:-44] in listed, listed

    with case("of two masters one votes, and the list says what the other waits for"):
        second.token = first.cli("token", "create", "--quiet").stdout.strip()
        second.start()
        wait_for(lambda: roles(first)["node2"] == "standby" and "third master" in nodes(first)["node2"]["waits"],
                 "node2 is a standby that waits")
        assert "node2 stays a standby until a third master has caught up." in first.cli("node").stdout
        refused(first, "node", "remove", "node2", status=3, text="need --yes")
        refused(first, "node", "remove", "node1", "--yes", status=5, text="node1 leads the cluster")
        refused(first, "node", "demote", "node1", status=5, text="the only one that votes")
        refused(first, "leader", "transfer", "node2", status=5, text="node2 does not vote")

    with case("with a third all vote"):
        third.start()
        wait_for(lambda: sorted(roles(third).values()) == ["leader", "voter", "voter"], "three vote")

    with case("an agent joins with the token for agents, and through it all is asked that a master is asked"):
        fourth = place.member(4, first, token, modes="agent").start()
        wait_for(lambda: roles(first).get("node4") == "none", "node4 is there")
        fourth.urls.setdefault("marathon", fourth.urls["agent"])
        assert "node4 is drained" in fourth.cli("node", "drain", "node4").stdout
        assert f"mesolith join {first.address}:5055 " in fourth.cli("token", "create").stdout, "whom to join"
        refused(fourth, "node", "promote", "node4", status=5, text="has not the mode master")
        refused(fourth, "node", "remove", "node1", "--yes", status=5, text="node1 leads")
        fourth.stop()
        assert "of the cluster no more" in first.cli("node", "remove", "node4", "--yes").stdout
        wait_for(lambda: "node4" not in roles(second), "node4 is gone everywhere")

    with case("what runs on a node that drains moves off"):
        first.create(sleeper("/web", instances=6, cpus=0.01, mem=16))
        first.wait_running("/web", 6)
        wait_for(lambda: third.address in hosts(first, "/web") or first.cli("app", "restart", "/web"), "one is there")
        assert "node3 is drained" in second.cli("node", "drain", "node3").stdout  # asked at another one
        assert third.address not in hosts(first, "/web"), hosts(first, "/web")
        equal(len(hosts(first, "/web")), 6, "instances")
        equal(nodes(first)["node3"]["state"], "drained", "node3")

    with case("a drain outlives a restart of its node"):
        third.stop()
        third.start()
        wait_for(lambda: nodes(third)["node3"]["state"] == "drained", "node3 is drained still")
        first.cli("node", "undrain", "node3")
        wait_for(lambda: nodes(first)["node3"]["state"] == "ready", "node3 is ready, once its agent is back as well")

    with case("another one leads when that is wanted"):
        wait_for(lambda: roles(first)["node2"] == "voter", "node2 votes")
        assert "node2 leads" in first.cli("leader", "transfer", "node2").stdout
        wait_for(lambda: roles(third)["node2"] == "leader", "all know that node2 leads")

    with case("whoever is asked says that the one that was named leads, not who led before"):
        wait_for(lambda: sorted(roles(third).values()) == ["leader", "voter", "voter"], "three vote")
        for name in ("node1", "node3", "node1", "node2"):
            for asked in (third, first):
                said = asked.cli("leader", "transfer", name).stdout
                assert said.startswith(f"{name} leads"), (name, said)

    with case("who leads abdicates when Marathon's clients say so, whoever they ask"):
        equal(third.delete("/v2/leader").json, {"message": "Leadership abdicated"}, "answer")
        wait_for(lambda: roles(third)["node2"] == "voter" and "leader" in roles(third).values(), "another one leads")
        assert "node2 leads" in third.cli("leader", "transfer", "node2").stdout

    with case("who has another one lead hears it when somebody else has had it handed on"):
        with http.server.ThreadingHTTPServer((place.net + ".9", 0), HandedOn) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            asked, first.urls["marathon"] = first.urls["marathon"], "http://%s:%d" % server.server_address
            refused(first, "leader", "transfer", "node2", status=5, text="leader: it is node1: somebody has had it")
            first.urls["marathon"] = asked
            server.shutdown()

    with case("of two nodes of one name none is meant, before one says which"):
        twin = place.member(5, first, token=first.cli("token", "create", "--quiet").stdout.strip())
        twin.flags["name"], twin.serves = "node2", False
        equal(twin.run().returncode, 0, "joins, and does not start")
        wait_for(lambda: [n["name"] for n in third.get("/api/nodes").json["items"]].count("node2") == 2, "both are known")
        refused(third, "node", "remove", "node2", "--yes", status=3, text="node2: several nodes are called so")
        assert third.cli("node", "show", second.address).stdout.startswith("node2\n")
        def away():
            items = json.loads(first.cli("node", "--json").stdout)["items"]
            return [n["id"] for n in items if n["name"] == "node2" and n["state"] == "unreachable"]
        wait_for(away, "the twin is missed")
        id = away()[0]
        assert "of the cluster no more" in third.cli("node", "remove", id, "--yes").stdout
        equal(sorted(roles(first)), ["node1", "node2", "node3"], "nodes")

    with case("a vote is taken, and given back"):
        assert "node1 is a standby" in second.cli("node", "demote", "node1").stdout
        assert "until it is promoted" in nodes(second)["node1"]["waits"]
        second.cli("node", "promote", "node1")
        wait_for(lambda: roles(second)["node1"] == "voter", "node1 votes again")

    with case("a node that lives when it is removed is told, ends its tasks and stays ended"):
        leaver = place.member(6, second, token=first.cli("token", "create", "--modes", "agent", "--quiet").stdout.strip(),
                              modes="agent").start()
        only_there = [["hostname", "LIKE", leaver.address]]
        first.create(sleeper("/leaver", instances=2, cpus=0.01, mem=16, constraints=only_there))
        first.wait_running("/leaver", 2)
        assert "of the cluster no more" in second.cli("node", "remove", "node6", "--yes").stdout
        equal(leaver.process.wait(30), 3, "its exit status, with which it is not started again")
        assert leaver.logged("this node was removed from its cluster: it ends its tasks and stops"), "its log"
        wait_for(lambda: not processes_of(leaver.data), "nothing of it runs")
        leaver.launch()
        equal(leaver.process.wait(30), 3, "said again when it is started again")
        first.delete("/v2/apps/leaver")

    with case("a node that is lost is removed, and what it ran is replaced"):
        third.kill9()
        wait_for(lambda: nodes(second)["node3"]["state"] == "unreachable", "node3 is out of reach")
        refused(second, "node", "remove", "node1", "--yes", status=5, text="no majority would be left")
        assert "node3 is of the cluster no more" in second.cli("node", "remove", "node3").stdout
        equal(sorted(roles(second)), ["node1", "node2"], "nodes")
        wait_for(lambda: len(hosts(second, "/web")) == 6 and third.address not in hosts(second, "/web"), "six elsewhere")

    with case("it cannot come back but as a new one"):
        third.launch()
        equal(third.process.wait(30), 3, "it is told, and ends")
        assert third.logged("is not used again") and third.logged("it ends its tasks and stops"), "its log"
        equal(sorted(roles(second)), ["node1", "node2"], "nodes")
        wait_for(lambda: not processes_of(third.data), "nor do its tasks go on")
