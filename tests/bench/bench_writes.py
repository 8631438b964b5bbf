#!/usr/bin/python3
"""Durable writes a second over HTTP on one node, beside those of etcd's HTTP gateway (Debian's
etcd-server, a single member) on the same disk in the same run. wrk asks.

  bench_writes.py [ROUNDS]   by turns, a second each: what else the machine does meets all; 5 when
                             not said
  TMPDIR=DIR                 where both keep their files: on a real disk
"""
import os
import re
import shutil
import statistics
import subprocess
import sys

from figures import Place, ask, free_port, wait_for

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


def cpu_s(pid):
    """Processor time of a process so far."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Etcd:
    def __init__(self, place):
        self.url = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        with open(place.path("etcd.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["etcd", "--data-dir", place.path("etcd"), "--listen-client-urls", self.url,
                 "--advertise-client-urls", self.url, "--listen-peer-urls", peer,
                 "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=place.environment())
        place.at_end.append(self.end)
        wait_for(lambda: ask(self.url + "/health").status == 200, "etcd")

    def end(self):
        self.process.terminate()
        self.process.wait()


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


def main(rounds):
    place = Place("bench")
    try:
        node = place.node(log="error").start()
        peer = Etcd(place) if shutil.which("etcd") else None
        kinds = [("apps", node.urls["marathon"], node.pid), ("jobs", node.urls["chronos"], node.pid)]
        kinds += [("etcd", peer.url, peer.process.pid)] if peer else []
        kind = subprocess.run(["stat", "-f", "-c", "%T", place.folder], capture_output=True, text=True)
        print(f"one node, files on {kind.stdout.strip()}, {os.cpu_count()} processors; "
              f"the median of {rounds} rounds of a second, by turns")
        print(f"{'clients':>7}  {'written':8} {'a second':>9} {'from':>6} {'to':>6} "
              f"{'median ms':>10} {'99 % ms':>8} {'processor':>12}")
        for clients in CLIENTS:
            figures = {what: Figures() for what, _, _ in kinds}
            for _ in range(rounds):
                for what, url, pid in kinds:
                    before = cpu_s(pid)
                    figures[what].add(*wrk(place, what, url, clients, 1), cpu_s(pid) - before)
            for what, f in figures.items():
                print(f"{clients:7}  {what:8} {f.rate:9.0f} {min(f.rates):6.0f} {max(f.rates):6.0f} "
                      f"{statistics.median(f.medians):10.2f} {statistics.median(f.worst):8.2f} "
                      f"{f.cpu / (f.done + f.refused) * 1e6:6.0f} us each"
                      f"{f', {f.refused} refused' if f.refused else ''}", flush=True)
            if peer:
                print(f"         jobs {figures['jobs'].rate / figures['etcd'].rate:.1f} times as fast "
                      f"as etcd's keys, apps {figures['apps'].rate / figures['etcd'].rate:.1f} times")
    finally:
        place.end()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
