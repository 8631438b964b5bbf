"""What strangers send: each gets an answer that names what is wrong, and leaves nothing behind."""
import os
import re
import socket
import urllib.parse

from mesolith import case, equal, memory_kib, say, sleeper, wait_for

KIB, MIB = 1 << 10, 1 << 20
HOST = b"Host: x\r\n"


def dial(node, door="marathon"):
    u = urllib.parse.urlsplit(node.urls[door])
    return socket.create_connection((u.hostname, u.port), timeout=60)


def read_all(s):
    """What comes until the other side closes."""
    text = b""
    try:
        while chunk := s.recv(65536):
            text += chunk
    except ConnectionResetError:
        pass
    return text


def send_raw(node, request):
    """The answer to bytes that an HTTP client would not send. We say nothing more afterwards."""
    with dial(node) as s:
        try:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has had enough
        return read_all(s)


# name, bytes, status, words of the answer
RAW = [
    ("a body over the limit", b"POST /v2/apps HTTP/1.1\r\n" + HOST +
     b"Content-Length: %d\r\n\r\n" % (16 * MIB + 1), 413, b"16777216"),
    ("an endless body", b"POST /v2/apps HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" +
     (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 257, 413, b"16777216"),
    ("a header over the limit", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 17 * KIB + b"\r\n\r\n",
     431, b"16384"),
    ("too many headers", b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 101 + b"\r\n", 431, b"100"),
    ("a target over the limit", b"GET /" + b"y" * 8 * KIB + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414,
     b"8192"),
    ("what is no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, b"HTTP"),
    ("two lengths", b"POST /v2/apps HTTP/1.1\r\n" + HOST +
     b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, b"Content-Length"),
    ("no host", b"GET /ping HTTP/1.1\r\n\r\n", 400, b"Host"),
    ("a broken path", b"GET /v2/apps/%zz HTTP/1.1\r\n" + HOST + b"\r\n", 400, b"%zz"),
    ("a broken query", b"POST /v2/apps?force=%zz HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}",
     400, b"%zz"),
    ("a body over the limit, to our own API,", b"POST /api/jobs HTTP/1.1\r\n" + HOST +
     b"Content-Length: %d\r\n\r\n" % (16 * MIB + 1), 413, b'\r\n\r\n{"error":{"code":"ERR_LIMIT","message":"bytes of the body'),
    ("a zero byte, to our own API,", b"GET /api/jobs/%00 HTTP/1.1\r\n" + HOST + b"\r\n", 400,
     b'\r\n\r\n{"error":{"code":"ERR_SYNTAX","message":'),
    ("a zero byte in a query of our own API", b"GET /api/jobs?q=%00 HTTP/1.1\r\n" + HOST + b"\r\n", 400,
     b'\r\n\r\n{"error":{"code":"ERR_SYNTAX","message":'),
    ("what our own API does not have", b"GET /api/nothing HTTP/1.1\r\n" + HOST + b"\r\n", 404,
     b'\r\n\r\n{"error":{"code":"ERR_NOT_FOUND","message":'),
]

CHRONOS = "/scheduler/iso8601"
APP, JOB = '{"id":"a","cmd":"x",%s}', '{"name":"a","command":"x","schedule":"R/2030-01-01T00:00:00Z/P1D",%s}'

# door, path, body, status, words that the answer must have: the field, the value, what would be right
WRONG = [
    ("marathon", "/v2/apps", "", 400, ["empty"]),
    ("marathon", "/v2/apps", '{"id": ', 400, ["line 1, column 8"]),
    ("marathon", "/v2/apps", "[" * 65 + "]" * 65, 400, ["column 65", "nested"]),
    ("marathon", "/v2/apps", "[]", 422, ["array", "object"]),
    ("marathon", "/v2/apps", '{"id":5}', 422, ["/id", "5", "string"]),
    ("marathon", "/v2/apps", '{"cmd":"x"}', 422, ["/id", "/prod/web"]),
    ("marathon", "/v2/apps", '{"id":"A_b","cmd":"x"}', 422, ["/id", "A_b", "lower-case"]),
    ("marathon", "/v2/apps", '{"id":"a"}', 422, ["cmd", "container"]),
    ("marathon", "/v2/apps", APP % '"cpus":-1', 422, ["/cpus", "-1", "0"]),
    ("marathon", "/v2/apps", APP % '"mem":"much"', 422, ["/mem", "much", "number"]),
    ("marathon", "/v2/apps", APP % '"instances":1e9', 422, ["/instances", "100000"]),
    ("marathon", "/v2/apps", APP % '"ports":[70000]', 422, ["/ports", "70000", "65535"]),
    ("marathon", "/v2/apps", APP % '"constraints":[["a","NEAR"]]', 422, ["/constraints", "NEAR", "UNIQUE"]),
    ("marathon", "/v2/apps", APP % '"healthChecks":[{"protocol":"SMTP"}]', 422,
     ["/healthChecks(0)/protocol", "SMTP", "TCP"]),
    ("marathon", "/v2/apps/none", None, 404, ["/none", "does not exist"]),
    ("chronos", CHRONOS, '{"name": ', 400, ["line 1, column 10"]),
    ("chronos", CHRONOS, '{"a":' * 65 + "1" + "}" * 65, 400, ["nested"]),
    ("chronos", CHRONOS, "{}", 400, ["name"]),
    ("chronos", CHRONOS, '{"name":"a","command":"x","schedule":"daily"}', 400, ["schedule", "daily", "R"]),
    ("chronos", CHRONOS, JOB % '"scheduleTimeZone":"Mars/Phobos"', 400, ["scheduleTimeZone", "Mars/Phobos"]),
    ("chronos", CHRONOS, JOB % '"epsilon":"5"', 400, ["epsilon", "5", "P1DT12H"]),
    ("chronos", CHRONOS, JOB % '"cpus":"many"', 400, ["cpus", "many"]),
    ("chronos", "/scheduler/job/none", None, 400, ["none"]),
    ("marathon", "/api/apps", "[", 400, ["ERR_SYNTAX", "column"]),
    ("marathon", "/api/apps/none", None, 404, ["ERR_NOT_FOUND", "none"]),
    ("marathon", "/api/sql", '{"query":"drop table apps"}', 422, ["need a select"]),
    ("marathon", "/api/sql", '{"query":"select colour from apps"}', 400, ["colour"]),
    ("mesos", "/files/read?path=/etc/passwd", None, 404, ["/etc/passwd"]),
    ("agent", "/files/read", None, 400, ["path=value"]),
    ("agent", "/files/read?path=/x&offset=last", None, 400, ["last"]),
]


def refuse(node, door, path, body, status, words):
    """What is wrong with the answer, or None."""
    a = node.ask("GET" if body is None else "POST", path, body, door)
    lacking = [w for w in words if w.lower() not in a.text.lower()]
    if a.status == status and not lacking:
        return None
    return f"{path} {(body or '')[:60]}: need {status} and {lacking or words}, got {a}"


def open_files(node):
    return len(os.listdir(f"/proc/{node.pid}/fd"))


def nothing_done(node):
    equal(node.get("/v2/apps").json["apps"], [], "apps")
    equal(node.get("/scheduler/jobs", "chronos").json, [], "jobs")


def story(place):
    node = place.node().start()

    # They are left alone: their time is over when other stories have been played.
    silent = dial(node)
    slow = dial(node)
    slow.sendall(b"GET /v2/apps HTTP/1.1\r\nHo")
    no_body = dial(node)
    no_body.sendall(b"POST /v2/apps HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n{")

    for name, request, status, words in RAW:
        with case(f"{name} is answered {status}", place):
            text = send_raw(node, request)
            assert re.match(rb"HTTP/1\.1 %d " % status, text) and words in text, text[:400]
    with case("a wrong field is named, with its value and what would be right", place):
        wrong = [w for w in (refuse(node, *row) for row in WRONG) if w]
        assert not wrong, "\n".join(wrong)
        nothing_done(node)

    with case("a command that Linux does not take is refused, one byte less runs", place):
        most = 128 * KIB - 1
        line = "exec sleep 1000 #"
        node.create(sleeper("/long", cmd=line.ljust(most, "x")))
        node.wait_running("/long", 1)
        a = node.put("/v2/apps/long", {"cmd": line.ljust(most + 1, "x")})
        assert a.status == 422 and f"got {most + 1} bytes, need at most {most}" in str(a.json), a
        job = {"name": "long", "schedule": "R1/2099-01-01T00:00:00Z/P1D", "command": "true #".ljust(most, "x")}
        assert node.post(CHRONOS, job, "chronos").status < 300
        a = node.put("/scheduler/job/long?arguments=y", {}, "chronos")
        assert a.status == 400 and f"need at most {most}" in str(a.json), a
        a = node.post("/api/jobs/long/run", {"arguments": "y"})
        assert a.status == 422 and f"need at most {most}" in str(a.json), a
        equal(node.delete("/v2/apps/long?force=true").status, 200, "delete")
        assert node.delete("/scheduler/job/long", "chronos").status < 300
        wait_for(lambda: node.get("/v2/apps").json["apps"] == [], "no apps")

    with case("a deployment that cannot be placed says why, and can be cancelled", place):
        node.create(sleeper("/huge", cpus=100000))
        why = wait_for(lambda: node.get("/api/why/app/huge").json["sentences"], "a reason")
        assert "cpus" in str(why), why
        equal(node.delete("/v2/apps/huge").status, 200, "delete")
        wait_for(lambda: node.get("/v2/apps").json["apps"] == [], "no apps")

    with case("clients that break off, vanish or do not read leave nothing behind", place):
        files, before = open_files(node), memory_kib(node.pid)[0]
        for round_ in range(100):
            for request in (b"POST /v2/apps HTTP/1.1\r\n" + HOST + b"Content-Length: 99999\r\n\r\n{" + b" " * 9000,
                            b"GET /api/openapi.json HTTP/1.1\r\n" + HOST + b"\r\n",
                            b"GET /v2/events HTTP/1.1\r\nAccept: text/event-stream\r\n" + HOST + b"\r\n",
                            b"GET /v2/apps HTTP/1.1\r\n" + HOST + b"\r\n" * (round_ % 2)):
                with dial(node) as s:
                    s.sendall(request)
                    if round_ % 3 == 0:  # a reset instead of an end
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wait_for(lambda: open_files(node) <= files + 5, "connections closed")
        say(f"memory {before} KiB before, {memory_kib(node.pid)[0]} KiB after")

    with case("the client after the last one that is let in waits, and nobody is harmed", place):
        crowd = [dial(node) for _ in range(4096 + 50)]
        for s in crowd[:100]:
            s.close()
        wait_for(lambda: node.get("/ping", timeout=5).status == 200, "an answer again")
        for s in crowd:
            s.close()
        wait_for(lambda: open_files(node) <= files + 5, "connections closed")

    def at_last():
        with case("who does not finish a request is let go", place):
            assert b"408" in read_all(slow), "headers in time"
            assert b"408" in read_all(no_body), "a body in time"
        with case("who says nothing is let go", place):
            equal(read_all(silent), b"", "an idle connection")
        with case("all that was nothing", place):
            nothing_done(node)
            equal(node.stop()[0], 0, "exit status")
        for s in (silent, slow, no_body):
            s.close()
    return at_last
