"""Logs that are followed while their files are rotated."""
import http.client
import json
import os
import re
import signal
import subprocess
import urllib.parse

from mesolith import BINARY, PATIENCE_S, case, equal, sleeper, wait_for

LINES = 40000  # half a megabyte: eight files


class Follower:
    """Hears the text of an event stream."""

    def __init__(self, url):
        u = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(u.hostname, u.port, timeout=PATIENCE_S)
        self.connection.request("GET", f"{u.path}?{u.query}", headers={"Accept": "text/event-stream"})
        self.answer = self.connection.getresponse()
        equal(self.answer.status, 200, "the status")
        self.text = ""

    def until(self, end):
        while not self.text.endswith(end):
            line = self.answer.readline().decode()
            assert line != "", f"the stream ended after {self.text[-100:]!r}"
            if line.startswith("data: "):
                self.text += json.loads(line[6:])["data"]
        return self.text


def story(place):
    node = place.node(max_log_file="64KiB", max_log_files=20).start()
    go = place.path("go")
    node.create(sleeper("/talks", cmd=f"echo line 0; while [ ! -e {go} ]; do sleep 0.05; done; "
                                      f"seq -f 'line %.0f' 1 {LINES}; sleep 1000"))
    node.wait_running("/talks", 1)
    task = node.tasks_of("/talks")[0]["id"]
    with case("who follows a log hears every line, however often its file is rotated", place):
        follower = Follower(f"{node.urls['marathon']}/api/tasks/{task}/logs?follow=1&offset=0")
        follower.until("line 0\n")
        with open(go, "w"):
            pass
        text = follower.until(f"line {LINES}\n")
        equal(text.splitlines(), [f"line {i}" for i in range(LINES + 1)], "the lines")
        follower.connection.close()
    with case("a log has its files, none of them larger than its limit", place):
        box, = (folder for folder, _, files in os.walk(node.data) if "stdout.3" in files)
        sizes = [os.path.getsize(os.path.join(box, name)) for name in os.listdir(box)
                 if name.startswith("stdout")]
        assert len(sizes) > 3 and max(sizes) <= 65536, sizes
    node.stop()
    behind(place.node("small", max_log_file="64KiB", max_log_files=2).start(), place)


def behind(node, place):
    """Far more is written than the files, the sockets and the node hold."""
    with case("who is too far behind is told where a part is missing, and no line is joined with another", place):
        go = place.path("go_on")
        job = {"schedule": "R0//PT1H", "cpus": 0.1, "mem": 100,
               "command": f"echo line 0; while [ ! -e {go} ]; do sleep 0.05; done; seq -f 'line %.0f' 1 1600000"}
        equal(node.put("/api/jobs/floods", job).status, 200, "putting the job")
        node.post("/api/jobs/floods/run", {})
        follower = subprocess.Popen([BINARY, "job", "logs", "-f", "floods"], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True,
                                    env=dict(place.environment(), MESOLITH_ADDRESS=node.urls["marathon"]))
        place.at_end.append(follower.kill)
        equal(follower.stdout.readline(), "line 0\n", "the first line")
        follower.send_signal(signal.SIGSTOP)
        with open(go, "w"):
            pass
        wait_for(lambda: node.get("/api/jobs/floods").json["runs"][0]["state"] == "ok", "its end", 4 * PATIENCE_S)
        follower.send_signal(signal.SIGCONT)
        text, warnings = follower.communicate(timeout=PATIENCE_S)
        assert "a part of stdout is missing here" in warnings, warnings
        lines = text.splitlines()
        equal(lines[-1], "line 1600000", "the last line")
        highest, odd = -1, 0
        for line in lines[1:]:  # what is cut off is no number, or a smaller one
            n = int(line[5:]) if re.fullmatch(r"line \d+", line) else -1
            odd, highest = odd + (n <= highest), max(n, highest)
        assert odd <= 2 * warnings.count("missing"), f"{odd} lines are cut, or come again"
    with case("all that is kept of a log is printed, the oldest file first, and what may be gone is said", place):
        done = node.cli("job", "logs", "floods", "--all")
        assert "stdout.2 is the oldest file that is left of it" in done.stderr, done.stderr
        lines = done.stdout.splitlines()
        equal(lines, [f"line {i}" for i in range(1600001 - len(lines), 1600001)], "its lines")
        assert len(done.stdout) > 2 * 60000, len(done.stdout)
