#!/usr/bin/python3
"""How long lists of many apps take over HTTP, how large they are, and whether a change stands in the next one.

  bench_list.py [APPS…]        1000 and 10000 when not said; MESOLITH=PATH, by default build/mesolith
"""
import statistics
import sys
import time

from figures import Place, ask, memory_kib, wait_for

LISTS = ("/v2/apps", "/v2/apps?embed=apps.tasks&embed=apps.deployments", "/v2/groups", "/api/apps",
         "/api/status")
BATCH, TIMES = 1000, 20


def app(i):
    return {"id": f"/team{i % 100}/app{i}", "cmd": "sleep 1000", "instances": 0, "cpus": 0.1, "mem": 64,
            "env": {"COLOUR": "blue", "NUMBER": str(i)}, "labels": {"team": str(i % 100)}}


def timed(url):
    took = []
    for _ in range(TIMES):
        began = time.monotonic()
        answer = ask(url, headers={"Accept-Encoding": "identity"})
        took.append((time.monotonic() - began) * 1000)
        assert answer.status == 200, answer
    return sorted(took), len(answer.body)


def main(n):
    place = Place("bench")
    try:
        node = place.node().start()
        began = time.monotonic()
        for first in range(0, n, BATCH):
            a = node.put("/v2/apps?force=true", [app(i) for i in range(first, min(first + BATCH, n))])
            assert a.status == 200, a
        wait_for(lambda: node.get("/v2/deployments").json == [], "no deployment", within=120)
        print(f"{n} apps put in {time.monotonic() - began:.1f} s, in batches of {BATCH}")
        for path in LISTS:
            took, size = timed(node.urls["marathon"] + path)
            print(f"  GET {path:50} {statistics.median(took):7.1f} ms in the median, {took[-1]:.1f} at most, "
                  f"{size >> 10} KiB", flush=True)
        seen = 0
        for i in range(TIMES):
            labels, path = {"changed": str(i)}, app(i)["id"]
            a = node.put("/v2/apps" + path, {"labels": labels})
            assert a.status == 200, a
            seen += any(x["id"] == path and x["labels"] == labels for x in node.get("/v2/apps").json["apps"])
        print(f"  {seen} of {TIMES} changes stand in the list that is asked for next")
        print(f"  memory of the node: {memory_kib(node.pid)[0] / 1024:.1f} MiB")
    finally:
        place.end()


if __name__ == "__main__":
    for number in map(int, sys.argv[1:] or ("1000", "10000")):
        main(number)
