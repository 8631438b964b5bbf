#!/usr/bin/python3
"""How long a crontab of many lines takes to be imported, and once more when all of it is there.

  bench_import.py [LINES…]     1000 and 20000 when not said; MESOLITH=PATH, by default build/mesolith
"""
import subprocess
import sys
import time

from figures import BINARY, Place, load, memory_kib


def main(n):
    place = Place("bench")
    try:
        node = place.node().start()
        file = place.write("crontab", "".join(f"# job: job{i}\n{i % 60} {i % 24} * * * true {i}\n" for i in range(n)))
        env = dict(place.environment(), MESOLITH_ADDRESS=node.urls["marathon"])
        for what in ("import", "again"):
            began = time.monotonic()
            subprocess.run([BINARY, "import", "crontab", file, "--zone", "UTC", "--quiet"], env=env, check=True,
                           stdout=subprocess.DEVNULL)
            took = time.monotonic() - began
            print(f"{n} lines, {what:6}  {took:7.2f} s, {n / took:8.0f} lines a second; {load()}", flush=True)
        print(f"  memory of the node: {memory_kib(node.pid)[0] / 1024:.1f} MiB")
    finally:
        place.end()


if __name__ == "__main__":
    for number in map(int, sys.argv[1:] or ("1000", "20000")):
        main(number)
