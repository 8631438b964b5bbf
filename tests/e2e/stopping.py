"""A node that is told to stop does so at once, and what it served goes on without it."""
import os
import signal
import socket
import subprocess

from mesolith import BINARY, Traffic, ask, case, equal, processes_of, sample_app, say, sleeper, wait_for

PORT = 10000


def answers(place):
    return ask(f"http://{place.service_address}:{PORT}/", timeout=5).status == 200


def slow_request(place, ms):
    """A connection on which an answer is awaited."""
    s = socket.create_connection((place.service_address, PORT), timeout=30)
    s.sendall(b"GET /slow?ms=%d HTTP/1.1\r\nHost: x\r\n\r\n" % ms)
    return s


def answered(s):
    text = b""
    while b"at last" not in text:
        chunk = s.recv(4096)
        assert chunk, f"closed after {text!r}"
        text += chunk
    s.close()


def stop(node, number=signal.SIGTERM):
    status, took = node.stop(number)
    equal(status, 0, "exit status")
    assert took < 5, f"took {took:.1f} s"
    return took


def story(place):
    node = place.node().start()
    node.create(sample_app("/sample", PORT, instances=2, mem=128))
    node.create(sleeper("/quiet"))
    wait_for(lambda: node.app("/sample")["tasksHealthy"] == 2, "two healthy tasks")
    node.wait_running("/quiet", 1)
    tasks, proxy = node.supervised(), node.proxies()
    equal((len(tasks), len(proxy)), (3, 1), "supervisors and proxies")

    def same():
        found = node.supervised()
        return {n: (t.pid, t.started) for n, t in found.items()} == \
            {n: (t.pid, t.started) for n, t in tasks.items()} and node.proxies() == proxy

    for number in (signal.SIGTERM, signal.SIGINT):
        with case(f"{number.name}: exit 0 within 5 s; tasks, proxy and connections go on; a start finds them", place):
            traffic = Traffic(place, PORT, 100, 10)
            waiting = slow_request(place, 3000)
            ids = {t["id"] for t in node.tasks_of("/sample")}
            say(f"{number.name}: ended after {stop(node, number) * 1000:.0f} ms")
            assert same(), "tasks and proxy go on"
            node.start()
            node.wait_running("/quiet", 1)
            wait_for(lambda: node.app("/sample")["tasksHealthy"] == 2, "two healthy tasks")
            equal({t["id"] for t in node.tasks_of("/sample")}, ids, "task ids")
            assert same(), "they are found again"
            answered(waiting)
            traffic.end()
    with case("a new proxy takes over from the old one, and no connection is lost", place):
        traffic = Traffic(place, PORT, 100, 10)
        waiting = slow_request(place, 3000)
        with open(place.path("successor.log"), "wb") as log:
            successor = subprocess.Popen([BINARY, "proxy", os.path.join(node.data, "agent")], stderr=log,
                                         stdin=subprocess.DEVNULL, env=place.environment(), start_new_session=True)
        took_over = "another proxy has taken over"
        wait_for(lambda: took_over in open(node.log).read(), "the node hears of it")
        assert answers(place), "a new connection"
        answered(waiting)
        traffic.end()
        wait_for(lambda: node.proxies() == [successor.pid], "the old one ends with its last connection")
        node.wait_running("/sample", 2)
        proxy[:] = [successor.pid]
    with case("stop --all on a copy of the folder ends nothing of the original", place):
        copy = place.path("copy")
        subprocess.run(["cp", "-a", node.data, copy], check=True, timeout=30)
        done = subprocess.run([BINARY, "stop", "--all", "--data", copy], capture_output=True, text=True, timeout=60,
                              env=place.environment())
        equal(done.returncode, 0, done)
        assert same(), "tasks and proxy go on"
        assert answers(place), "and serve"
    with case("TERM while much is going on: exit 0 within 5 s, and the rest is done after the next start", place):
        for i in range(20):
            node.create(sleeper(f"/more{i}"))
        stop(node)
        node.start()
        for i in range(20):
            node.wait_running(f"/more{i}", 1)
    with case("a killed proxy is replaced, a killed supervisor's task too", place):
        os.kill(proxy[0], signal.SIGKILL)
        wait_for(lambda: node.proxies() not in ([], proxy), "another proxy")
        wait_for(lambda: answers(place), "an answer")
        quiet = node.tasks_of("/quiet")[0]["id"]
        number = [n for n, t in tasks.items() if t.name == quiet][0]
        os.kill(tasks[number].supervisor, signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{tasks[number].pid}"), "its task has ended too")
        wait_for(lambda: [t["id"] for t in node.tasks_of("/quiet") if t["state"] == "TASK_RUNNING"]
                 not in ([], [quiet]), "another task")
    with case("when all apps are deleted and the node is stopped, only the proxy is left", place):
        for app in node.get("/v2/apps").json["apps"]:
            equal(node.delete("/v2/apps" + app["id"]).status, 200, app["id"])
        wait_for(lambda: node.get("/v2/apps").json["apps"] == [], "no apps")
        wait_for(lambda: node.supervised() == {}, "no tasks")
        stop(node)
        equal(processes_of(place.folder), node.proxies(), "processes")
