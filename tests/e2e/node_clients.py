"""Clients that were written for Marathon: npm's marathon-node and marathon-event-bus-client."""
import json
import os
import subprocess

from mesolith import HERE, case, equal, sample_app, wait_for

CLIENTS = os.path.join(HERE, "clients")


def fetch():
    """Their node_modules, as the lock file says."""
    done, lock = (os.path.join(CLIENTS, p) for p in ("node_modules/.package-lock.json", "package-lock.json"))
    if os.path.exists(done) and os.path.getmtime(done) > os.path.getmtime(lock):
        return
    subprocess.run(["npm", "ci", "--silent"], cwd=CLIENTS, check=True)
    os.utime(done)


def play(place, name, *words):
    done = subprocess.run(["node", os.path.join(CLIENTS, name), *words], capture_output=True, text=True, timeout=300,
                          env=place.environment(), cwd=CLIENTS)
    equal(done.returncode, 0, f"{name}: {done.stdout}{done.stderr}")


def story(place):
    node = place.node().start()
    url = node.urls["marathon"]
    with case("npm's clients are there", place):
        fetch()
    with case("marathon-node does all that it can do", place):
        play(place, "marathon_node.mjs", url)
    with case("marathon-event-bus-client hears an app's whole life, in its order", place):
        play(place, "event_bus.mjs", url, json.dumps(sample_app("/bus/web")))
    with case("its stream is no subscriber any more", place):
        wait_for(lambda: node.get("/metrics").json["gauges"]["marathon.http.event-streams.active.gauge"]["value"] == 0,
                 "no streams")
    wait_for(lambda: node.supervised() == {}, "no tasks left")
    equal(node.stop()[0], 0, "exit status")
