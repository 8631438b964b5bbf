#!/usr/bin/python3
"""Many instances on three masters: apps created all at once, and rolled to a new version all at once. The agents are
real sessions (swarm.c) that pretend to run their tasks.

  bench_instances.py [APPS [INSTANCES [AGENTS]]]   16, 500 and 400 when not said; BUILD as for bench_agents.py
"""
import sys
import threading

from bench_agents import Cluster, Swarm, cpu_s, now_ms, pretend, told
from figures import Place, load, wait_for


def each(apps, do):
    """All at once, as people's scripts do."""
    workers = [threading.Thread(target=do, args=(app,)) for app in apps]
    for w in workers:
        w.start()
    for w in workers:
        w.join()


def settled(leader, n):
    def so():
        apps = leader.get("/v2/apps").json["apps"]
        return sum(a["tasksRunning"] for a in apps) == n and not any(a["deployments"] or a["tasksStaged"] for a in apps)
    wait_for(so, f"{n} tasks run, and nothing is being deployed", 300)


def told_of(what, cluster, n, did):
    before = {m: cpu_s(m.pid) for m in cluster.masters}
    at = now_ms()
    did()
    settled(cluster.leader(), n)
    took = now_ms() - at
    used = sorted((cpu_s(m.pid) - before[m] for m in cluster.masters), reverse=True)
    told(what, f"{took / 1000:.1f} s; processor of the masters {' '.join(f'{s:.1f}' for s in used)} s")


def main(apps, instances, agents):
    place = Place("bench")
    try:
        cluster = Cluster(place)
        leader = cluster.leader()
        token = leader.cli("token", "create", "--modes", "agent", "--quiet").stdout.strip()
        Swarm(place, leader, token, "many", 0, agents).wait("registered")
        print(f"three masters, {agents} agents; {load()}")
        n = apps * instances
        names = [f"/a{i}" for i in range(apps)]
        told_of(f"{apps} apps of {instances} instances created, all running", cluster, n,
                lambda: each(names, lambda name: leader.create(pretend(name, instances))))
        old = {t["id"] for t in leader.get("/v2/tasks").json["tasks"]}
        told_of("all rolled to a new version", cluster, n,
                lambda: each(names, lambda name: leader.put("/v2/apps" + name, {"cmd": "false"})))
        new = {t["id"] for t in leader.get("/v2/tasks").json["tasks"]}
        assert len(new) == n and not new & old, (len(new), len(new & old))
        told_of("all scaled to one instance", cluster, apps,
                lambda: each(names, lambda name: leader.put("/v2/apps" + name, {"instances": 1})))
    except AssertionError:
        place.show_logs()
        raise
    finally:
        place.end()


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:]] + [16, 500, 400][len(sys.argv) - 1:])
