#!/usr/bin/python3
"""Durable writes a second over HTTP, beside those of etcd's HTTP gateway (Debian's etcd-server) with
as many members on the same disk in the same run. wrk asks.

  bench_writes.py [ROUNDS [MASTERS]]   by turns, a second each: what else the machine does meets all.
                                       5 rounds when not said, and three masters: then also through
                                       a member that does not lead
  TMPDIR=DIR                           where both keep their files: on a real disk

The goals of three masters are DESIGN 11's: 1.5 times etcd's at 1 client, 4 times at 16 and 256.
"""
import re
import shutil
import statistics
import subprocess
import sys

from figures import Etcd, Place, cpu_s, leader_of, load, masters

CLIENTS = (1, 16, 256)

# An app is as large as they are; a job is the smaller object, as etcd's value is.
SCRIPTS = {
    "apps": """
wrk.headers["Content-Type"] = "application/json"
local n = 0
request = function()
  n = n + 1
  return wrk.format("PUT", "/v2/apps/app" .. n % 1000 .. "?force=true", nil,
    '{"cmd":"sleep 1000","instances":0,"cpus":0.1,"mem":64,"labels":{"n":"' .. n .. '"}}')
end
""",
    "jobs": """
wrk.headers["Content-Type"] = "application/json"
local n = 0
request = function()
  n = n + 1
  return wrk.format("POST", "/scheduler/iso8601", nil, '{"name":"job' .. n % 1000 ..
    '","command":"true","schedule":"R/2099-01-01T00:00:00Z/P1D","description":"' .. n .. '"}')
end
""",
    "etcd": """
wrk.headers["Content-Type"] = "application/json"
local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function base64(text)
  return ((text:gsub(".", function(c)
    local bits, b = "", c:byte()
    for i = 8, 1, -1 do bits = bits .. (b % 2 ^ i - b % 2 ^ (i - 1) > 0 and "1" or "0") end
    return bits
  end) .. "0000"):gsub("%d%d%d?%d?%d?%d?", function(six)
    if #six < 6 then return "" end
    local c = 0
    for i = 1, 6 do c = c + (six:sub(i, i) == "1" and 2 ^ (6 - i) or 0) end
    return letters:sub(c + 1, c + 1)
  end) .. ({ "", "==", "=" })[#text % 3 + 1])
end
local keys = {}
for i = 0, 999 do keys[i] = base64("job" .. i) end
local value = base64('{"name":"job","command":"true","schedule":"R/2099-01-01T00:00:00Z/P1D","description":"1"}')
local n = 0
request = function()
  n = n + 1
  return wrk.format("POST", "/v3/kv/put", nil, '{"key":"' .. keys[n % 1000] .. '","value":"' .. value .. '"}')
end
""",
}


def wrk(place, what, url, clients, seconds):
    """Answers of 2xx and others, the seconds, and in ms the median and 99th percentile of one
    answer's."""
    script = place.write(f"{what}.lua", SCRIPTS[what])
    out = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", script, url],
                         capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out)[1])
    lasted = float(re.search(r"requests in ([\d.]+)s", out)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    ms = {"us": 0.001, "ms": 1, "s": 1000}
    latency = {part: float(n) * ms[unit]
               for part, n, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)\b", out)}
    refused = int(bad[1]) if bad else 0
    return requests - refused, refused, lasted, latency["50"], latency["99"]


class Figures:
    """What the rounds of one kind gave."""

    def __init__(self):
        self.rates, self.done, self.refused, self.cpu = [], 0, 0, 0.0
        self.medians, self.worst = [], []

    def add(self, done, refused, lasted, median, worst, cpu):
        self.rates.append(done / lasted)
        self.medians.append(median)
        self.worst.append(worst)
        self.done, self.refused, self.cpu = self.done + done, self.refused + refused, self.cpu + cpu

    @property
    def rate(self):
        return statistics.median(self.rates)


class Way:
    """One kind of write through one member."""

    def __init__(self, name, script, url, pids):
        self.name, self.script, self.url, self.pids = name, script, url, pids


def ways_of(place, count):
    """All ways to write; the names of etcd's begin with its own."""
    if count == 1:
        nodes = [place.node(log="error").start()]
        leader, others = nodes[0], []
    else:
        nodes = masters(place, count, log="error")
        leader, others = leader_of(nodes)
    pids, ways = [n.pid for n in nodes], []
    for suffix, node in [("", leader)] + [("-by-another", n) for n in others[:1]]:
        ways.append(Way("apps" + suffix, "apps", node.urls["marathon"], pids))
        ways.append(Way("jobs" + suffix, "jobs", node.urls["chronos"], pids))
    if shutil.which("etcd"):
        etcd = Etcd(place, count)
        lead = etcd.leader()
        ways.append(Way("etcd", "etcd", etcd.urls[lead], etcd.pids))
        if count > 1:
            ways.append(Way("etcd-by-another", "etcd", etcd.urls[(lead + 1) % count], etcd.pids))
    return ways


def measure(place, ways, clients, rounds):
    """By names."""
    figures = {way.name: Figures() for way in ways}
    for _ in range(rounds):
        for way in ways:
            before = cpu_s(way.pids)
            done = wrk(place, way.script, way.url, clients, 1)
            figures[way.name].add(*done, cpu_s(way.pids) - before)
    return figures


def show(clients, figures):
    for what, f in figures.items():
        print(f"{clients:7}  {what:15} {f.rate:9.0f} {min(f.rates):6.0f} {max(f.rates):6.0f} "
              f"{statistics.median(f.medians):10.2f} {statistics.median(f.worst):8.2f} "
              f"{f.cpu / (f.done + f.refused) * 1e6:6.0f} us each"
              f"{f', {f.refused} refused' if f.refused else ''}", flush=True)
    for suffix in ("", "-by-another"):
        etcd = figures.get("etcd" + suffix)
        if etcd:
            print(f"         {'times etcd' + suffix}: jobs {figures['jobs' + suffix].rate / etcd.rate:.1f}, "
                  f"apps {figures['apps' + suffix].rate / etcd.rate:.1f}")


def main(rounds, count):
    place = Place("bench")
    try:
        ways = ways_of(place, count)
        kind = subprocess.run(["stat", "-f", "-c", "%T", place.folder], capture_output=True, text=True)
        print(f"masters {count}, files on {kind.stdout.strip()}, {load()}; "
              f"the median of {rounds} rounds of a second, by turns")
        print(f"{'clients':>7}  {'written':15} {'a second':>9} {'from':>6} {'to':>6} "
              f"{'median ms':>10} {'99 % ms':>8} {'processors':>13}")
        for clients in CLIENTS:
            show(clients, measure(place, ways, clients, rounds))
        print(load())
    finally:
        place.end()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
