"""`mesolith recover`: two of three machines are gone for good, the third goes on; and a backup that
others join."""
import json
import subprocess

from mesolith import BINARY, case, equal, sleeper, wait_for


def mesolith(place, *words):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=60, env=place.environment(),
                          cwd=place.folder, stdin=subprocess.DEVNULL)


def roles(node):
    return {n["name"]: n["role"] for n in node.get("/api/nodes").json["items"]}


def hosts(node, app):
    tasks = json.loads(node.cli("task", "--app", app, "--json").stdout)["items"]
    return [t["host"] for t in tasks if t["state"] == "running"]


def recover(place, node, *words):
    return mesolith(place, "recover", "--data", node.data, *words)


def story(place):
    first = place.member(1).start()
    second, third = place.member(2, first), place.member(3, first)
    for n in (second, third):
        n.start()
    wait_for(lambda: sorted(roles(first).values()) == ["leader", "voter", "voter"], "three vote")
    first.create(sleeper("/web", instances=6, constraints=[["hostname", "GROUP_BY"]]))
    first.wait_running("/web", 6)
    wait_for(lambda: len(set(hosts(first, "/web"))) == 3, "tasks on each")
    cluster = first.get("/api/status").json["cluster"]
    first.cli("backup", "save", place.path("three.backup"))

    with case("who alone is left says that what it lists may be old"):
        for n in (second, third):
            n.kill9()
        wait_for(lambda: "no leader for" in first.cli("app", "list").stderr, "it says so")
        assert "/web" in first.cli("app", "list").stdout, "and lists it"
        for n in (second, third):
            n.start()
        wait_for(lambda: "no leader" not in first.cli("app", "list").stderr, "it is up to date again")
        wait_for(lambda: sorted(roles(first).values()) == ["leader", "voter", "voter"], "three vote again")
    with case("who runs, and who has a majority, is not to be recovered"):
        done = recover(place, first)
        assert done.returncode == 5 and "runs, process" in done.stderr, done
        third.kill9()
        first.stop()
        done = recover(place, first)
        assert done.returncode == 5 and "a majority with this node" in done.stderr, done
        second.kill9()
    with case("without a word for it nothing happens, and what is lost is said"):
        done = recover(place, first)
        equal(done.returncode, 2, done)
        assert "is LOST" in done.stdout and "node2" in done.stdout and "node3" in done.stdout, done
        assert "--yes" in done.stderr, done
    with case("who is left leads, and runs all of it"):
        done = recover(place, first, "--yes")
        equal(done.returncode, 0, done)
        assert f"mesolith serve --data {first.data}" in done.stdout, done
        first.start()
        equal(roles(first), {"node1": "leader"}, "nodes")
        equal(first.get("/api/status").json["cluster"], cluster, "the cluster's name")
        first.wait_running("/web", 6)
        equal(set(hosts(first, "/web")), {first.address}, "where they run")
        first.create(sleeper("/more"))
        first.wait_running("/more", 1)
    with case("a removed one is refused when it comes back, and told why"):
        second.launch()
        equal(second.process.wait(30), 3, "its exit status, with which it is not started again")
        assert second.logged("is not used again") and second.logged("it stops before it leads others"), "its log"
        equal(roles(first), {"node1": "leader"}, "nodes")
    with case("two that lead each other already are not ended by the word of one"):
        first.stop()
        for n in (second, third):
            n.launch()
        for n in (second, third):
            n.start_ends()
        heard = " a master says that this node was removed"
        before = {n: n.logged(heard) for n in (second, third)}
        first.start()
        for n in (second, third):
            wait_for(lambda: n.logged(heard) > before[n], f"{n.name} hears it")
            equal(n.get("/api/nodes").status, 200, n.name)
        for n in (second, third):
            n.stop()
            mesolith(place, "stop", "--all", "--data", n.data)
    with case("two removed ones that are started together make no cluster of their own"):
        led = {n: n.logged(" leading term=") for n in (second, third)}
        for n in (second, third):
            n.launch()
        for n in (second, third):
            equal(n.process.wait(30), 3, n.name)
            equal(n.logged(" leading term="), led[n], f"{n.name} has not led again")
            mesolith(place, "stop", "--all", "--data", n.data)
    with case("new ones join, and three vote again"):
        token = first.cli("token", "create", "--quiet").stdout.strip()
        others = [place.member(n, first, token=token).start() for n in (4, 5)]
        wait_for(lambda: sorted(roles(first).values()) == ["leader", "voter", "voter"], "three vote")
        others[1].create(sleeper("/again"))
        wait_for(lambda: first.get("/v2/apps/again").status == 200, "the first knows")
    for n in (first, *others):
        n.stop()

    with case("of a backup others can join a new cluster is made"):
        again = place.member(6)
        equal(mesolith(place, "backup", "restore", "three.backup", "--data", again.data).returncode, 0, "restore")
        again.start()
        equal(roles(again), {"node6": "leader"}, "nodes")
        assert again.get("/api/status").json["cluster"] != cluster
        again.wait_running("/web", 6)
        joined = place.member(7, again).start()
        wait_for(lambda: joined.get("/v2/apps/web").status == 200, "who joins has it")
        admitted = again.cli("sql", "select name from identities where gone_ms is null order by name", "--json")
        equal([row[0] for row in json.loads(admitted.stdout)["rows"]], ["node6", "node7"], "who is admitted")
