"""Logs that are followed while their files are rotated."""
import http.client
import json
import os
import urllib.parse

from mesolith import PATIENCE_S, case, equal, sleeper

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
