"""The sample app is upgraded again and again behind its service port while clients ask: nobody notices."""
from mesolith import Traffic, ask, case, equal, sample_app, say, wait_for

PORT, RATE = 10000, 500


def upgrade(node, n, version):
    before = {t["id"] for t in node.tasks_of("/sample")}
    a = node.put("/v2/apps/sample", {"instances": n, "env": {"VERSION": version}})
    equal(a.status, 200, str(a))

    def done():
        app, tasks = node.app("/sample"), node.tasks_of("/sample")
        return (app["deployments"] == [] and app["tasksHealthy"] == n == len(tasks) and
                not before & {t["id"] for t in tasks})
    wait_for(done, f"{n} healthy tasks of version {version} and no other", within=90)


def under_traffic(place, node, name, connections):
    with case(f"no request fails: {RATE} a second, {name}", place):
        traffic = Traffic(place, PORT, RATE, connections)
        for n in (4, 2):
            upgrade(node, n, f"{name} {n}")
        said = traffic.end()
        say(f"{name}: {said['asked']} requests, {said['rate']} a second, the slowest {said['slowest_ms']} ms")


def story(place):
    node = place.node().start()
    with case("the sample app is there, and healthy", place):
        node.create(sample_app("/sample", PORT, instances=2, mem=128, upgradeStrategy={
            "minimumHealthCapacity": 1, "maximumOverCapacity": 0.5}))
        wait_for(lambda: node.app("/sample")["tasksHealthy"] == 2, "two healthy tasks")
        url = f"http://{place.service_address}:{PORT}/"
        wait_for(lambda: ask(url, timeout=5).status == 200, url)
    under_traffic(place, node, "kept alive", 20)
    under_traffic(place, node, "one connection each", 0)
    with case("no task of an old version is left", place):
        wait_for(lambda: len(node.supervised()) == 2, "two supervisors")
        equal(node.stop()[0], 0, "exit status")
