#!/usr/bin/python3
"""Asks one URL a steady number of times a second until its stdin ends; then says in JSON what came of it.

  traffic.py HOST PORT RATE CONNECTIONS      that are kept alive; 0: one for each request

A process of its own, so that the story's other threads do not slow it down. A request counts as failed
if its answer does not come, is not whole, or is no 200. A connection that the other side has closed
while it was idle is no failure: it is made anew. Nothing is ever asked twice."""
import collections
import json
import selectors
import socket
import sys
import time

ANSWER_S = 30  # no client waits longer


class Asker:
    """One connection, one request at a time."""

    def __init__(self, load):
        self.load, self.socket, self.text, self.since = load, None, b"", None

    def ask(self, now):
        self.text, self.since = b"", now
        if self.socket is not None and self._closed_while_idle():
            self.close()
        if self.socket is None:
            self.socket = socket.socket()
            self.socket.setblocking(False)
            self.socket.connect_ex(self.load.address)
            self.load.selector.register(self.socket, selectors.EVENT_WRITE, self)
        else:
            self._send()

    def _closed_while_idle(self):
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _send(self):
        try:
            self.socket.send(self.load.request)
            self.load.selector.modify(self.socket, selectors.EVENT_READ, self)
        except OSError as why:
            self.failed(f"sending: {why}")

    def ready(self, events):
        if events & selectors.EVENT_WRITE:
            self._send()
            return
        try:
            chunk = self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as why:
            self.failed(f"reading after {len(self.text)} bytes: {why}")
            return
        if self.since is None:  # idle: it is closed, or says what nobody asked
            self.close()
            return
        self.text += chunk
        head, found, body = self.text.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or -1) if found else -1
        if found and len(body) == length:
            self.answered(head)
        elif not chunk:
            self.failed(f"ended after {len(self.text)} bytes")

    def answered(self, head):
        if not head.startswith(b"HTTP/1.1 200 "):
            self.failed(head.partition(b"\r\n")[0].decode(errors="replace"))
            return
        self.load.took(time.monotonic() - self.since)
        self.since = None
        if self.load.fresh or b"connection: close" in head.lower():
            self.close()
        self.load.idle.append(self)

    def failed(self, why):
        self.load.failures[why] += 1
        self.load.when.append(time.time())
        self.since = None
        self.close()
        self.load.idle.append(self)

    def close(self):
        if self.socket is not None:
            self.load.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None


class Load:
    def __init__(self, host, port, rate, connections):
        self.address, self.rate, self.fresh = (host, port), rate, connections == 0
        how = "close" if self.fresh else "keep-alive"
        self.request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: {how}\r\n\r\n".encode()
        self.selector = selectors.DefaultSelector()
        self.askers = [Asker(self) for _ in range(connections or 1000)]
        self.idle = collections.deque(self.askers)
        self.failures, self.when = collections.Counter(), []
        self.asked, self.answers, self.slowest, self.late = 0, 0, 0.0, 0

    def took(self, seconds):
        self.answers += 1
        self.slowest = max(self.slowest, seconds)

    def ask_due(self, began):
        """All that is due by now; what finds no idle connection is due still."""
        due = int((time.monotonic() - began) * self.rate)
        while self.asked < due and self.idle:
            self.asked += 1
            self.idle.popleft().ask(time.monotonic())
        self.late = max(self.late, due - self.asked)

    def look(self, seconds):
        for key, events in self.selector.select(seconds):
            if key.data is None:
                return False  # stdin has ended
            key.data.ready(events)
        now = time.monotonic()
        for a in self.askers:
            if a.since is not None and now - a.since > ANSWER_S:
                a.failed("no answer in time")
        return True

    def run(self):
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        began = time.monotonic()
        while self.look(0.002):
            self.ask_due(began)
        self.selector.unregister(sys.stdin)
        seconds = time.monotonic() - began
        while len(self.idle) < len(self.askers):  # what is under way
            self.look(0.1)
        return {"asked": self.asked, "answers": self.answers, "failures": self.failures,
                "when": self.when[:10], "slowest_ms": round(self.slowest * 1000),
                "rate": round(self.asked / seconds), "behind": self.late}


if __name__ == "__main__":
    print(json.dumps(Load(sys.argv[1], *map(int, sys.argv[2:])).run()), flush=True)
