"""Clients that were written for Marathon: Debian's python3-marathon, unchanged."""
from mesolith import case, equal, sample_app, skip, wait_for


def story(place):
    try:
        from marathon import MarathonClient, NotFoundError
        from marathon.exceptions import MarathonHttpError
        from marathon.models import MarathonApp, MarathonGroup
    except ImportError as why:
        skip("old_clients", str(why))
        return
    node = place.node().start()
    client = MarathonClient(node.urls["marathon"])

    def running(name, n):
        app = client.get_app(name)
        return app if (app.tasks_running, app.deployments) == (n, []) else None

    with case("it pings, and knows who leads", place):
        assert b"pong" in client.ping(), "ping"
        equal(client.get_leader()["leader"], node.urls["marathon"].removeprefix("http://"), "leader")
        equal(client.get_info().name, "marathon", "info")
    with case("it creates an app, and waits for its task", place):
        sample = sample_app("/shop/web", mem=128)
        created = client.create_app("/shop/web", MarathonApp(
            cmd=sample["cmd"], cpus=0.01, mem=128, disk=0, instances=1,
            port_definitions=sample["portDefinitions"], health_checks=sample["healthChecks"],
            labels={"team": "shop"}, env={"COLOUR": "green"}))
        equal(created.id, "/shop/web", "id")
        app = wait_for(lambda: running("/shop/web", 1), "one task")
        equal((app.env, app.labels), ({"COLOUR": "green"}, {"team": "shop"}), "env and labels")
        wait_for(lambda: client.get_app("/shop/web").tasks_healthy == 1, "it is healthy")
    with case("it lists apps and tasks, and filters by label", place):
        client.create_app("/other", MarathonApp(cmd="sleep 1000", cpus=0.01, mem=16, instances=1))
        wait_for(lambda: running("/other", 1), "one task")
        equal(sorted(a.id for a in client.list_apps(embed_tasks=True)), ["/other", "/shop/web"], "apps")
        equal([a.id for a in client.list_apps(label="team==shop")], ["/shop/web"], "by label")
        tasks = client.list_tasks("/shop/web")
        equal([(t.app_id, len(t.ports), t.host) for t in tasks], [("/shop/web", 1, place.address)], "tasks")
        equal({t.app_id for t in client.list_tasks()}, {"/shop/web", "/other"}, "all tasks")
        assert client.list_endpoints(), "endpoints"
    with case("it scales up and down", place):
        client.scale_app("/shop/web", instances=3)
        wait_for(lambda: running("/shop/web", 3), "three tasks")
        client.scale_app("/shop/web", delta=-2)
        wait_for(lambda: running("/shop/web", 1), "one task")
    with case("it changes an app, which is upgraded, and lists its versions", place):
        old = client.list_tasks("/shop/web")[0].id
        client.update_app("/shop/web", MarathonApp(env={"COLOUR": "blue"}))
        wait_for(lambda: running("/shop/web", 1), "one task")
        assert client.list_tasks("/shop/web")[0].id != old, "a new task"
        equal(client.get_app("/shop/web").env, {"COLOUR": "blue"}, "env")
        versions = client.list_versions("/shop/web")
        assert len(versions) >= 2, versions
        client.get_version("/shop/web", versions[0])
    with case("it kills a task, which is replaced, and restarts an app", place):
        old = client.list_tasks("/shop/web")[0].id
        client.kill_task("/shop/web", old)
        wait_for(lambda: running("/shop/web", 1) and client.list_tasks("/shop/web")[0].id != old, "another task")
        old = client.list_tasks("/shop/web")[0].id
        client.restart_app("/shop/web")
        wait_for(lambda: running("/shop/web", 1) and client.list_tasks("/shop/web")[0].id != old, "another task")
    with case("it sees deployments and the queue", place):
        client.create_app("/huge", MarathonApp(cmd="true", cpus=100000, mem=16, instances=1))
        wait_for(lambda: [d for d in client.list_deployments() if "/huge" in d.affected_apps], "a deployment")
        equal([q.app.id for q in wait_for(client.list_queue, "the queue")], ["/huge"], "queue")
        client.delete_app("/huge", force=True)
    with case("wrong input reaches it as the exception that it knows", place):
        try:
            client.create_app("/wrong", MarathonApp(cmd="true", cpus=-1, mem=16))
            raise AssertionError("it was taken")
        except MarathonHttpError as why:
            equal(why.status_code, 422, str(why))
    with case("it makes a group, changes it, scales it, goes back and deletes it", place):
        def settled(instances):
            apps = client.get_group("/team/in").apps
            return [(a.id, a.instances) for a in apps] == instances and client.list_deployments() == []
        client.create_group(MarathonGroup(id="/team", dependencies=["/shop"], groups=[MarathonGroup(
            id="in", apps=[MarathonApp(id="web", cmd="exec sleep 100000", cpus=0.01, mem=16, instances=1)])]))
        wait_for(lambda: settled([("/team/in/web", 1)]), "one instance")
        first = client.get_group("/team").version
        client.scale_group("/team", 2)
        wait_for(lambda: settled([("/team/in/web", 2)]), "two instances")
        group = client.get_group("/team/in")
        group.apps[0].env = {"COLOUR": "red"}
        client.update_group("/team/in", group)
        wait_for(lambda: settled([("/team/in/web", 2)]), "both changed")
        equal(client.get_app("/team/in/web").env, {"COLOUR": "red"}, "env")
        client.rollback_group("/team", first)
        wait_for(lambda: settled([("/team/in/web", 1)]), "as it was first")
        equal(client.get_app("/team/in/web").env, {}, "env")
        equal({g.id for g in client.list_groups()}, {"/shop", "/team"}, "groups")
        client.delete_group("/team")
        wait_for(lambda: client.list_deployments() == [], "no deployment")
    with case("it deletes what it made", place):
        for app in ("/shop/web", "/other"):
            client.delete_app(app)
        wait_for(lambda: client.list_apps() == [], "no apps")
        try:
            client.get_app("/shop/web")
            raise AssertionError("it is still there")
        except NotFoundError:
            pass
        wait_for(lambda: node.supervised() == {}, "no tasks left")
    equal(node.stop()[0], 0, "exit status")
