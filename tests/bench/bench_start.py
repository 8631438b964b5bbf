#!/usr/bin/python3
"""How soon a node serves, and how soon the sample app answers through its service port.

  bench_start.py [ROUNDS]        20 when not said; MESOLITH=PATH, by default build/mesolith
"""
import statistics
import sys
import time

from figures import Place, ask, memory_kib, wait_for


def told(name, values, unit="ms"):
    values = sorted(values)
    print(f"{name:48} {statistics.median(values):8.1f} {unit} in the median, "
          f"{values[-1]:.1f} at most, of {len(values)}", flush=True)


def main(rounds):
    first, again, healthy, answers, memory = [], [], [], [], []
    for _ in range(rounds):
        place = Place("bench")
        try:
            node = place.node(demo=True)
            node.start()
            first.append(node.ready_s * 1000)
            url = f"http://{place.service_address}:10000/"
            wait_for(lambda: ask(url, timeout=1).status == 200, "an answer")
            answers.append((time.monotonic() - node.began) * 1000)
            wait_for(lambda: node.app("/demo/hello")["tasksHealthy"] == 2, "two healthy tasks")
            healthy.append((time.monotonic() - node.began) * 1000)
            memory.append(memory_kib(node.pid)[0] / 1024)
            node.stop()
            node.start()
            again.append(node.ready_s * 1000)
        finally:
            place.end()
    told("from the start to the ready line, empty folder", first)
    told("the same with a folder, while its tasks run", again)
    told("to the sample app's first answer by service port", answers)
    told("to both of its tasks being healthy", healthy)
    told("the node's memory then", memory, "MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
