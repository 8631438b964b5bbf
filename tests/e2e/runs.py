"""What is kept of runs of jobs: their output, live and later, what they used, and how they went."""
import csv
import http.server
import io
import json
import subprocess
import threading

from crowd import iso8601, now_ms
from logs import Follower
from mesolith import BINARY, PATIENCE_S, case, equal, wait_for

MIB = 1 << 20


def put_job(node, name, command, **more):
    answer = node.put(f"/api/jobs/{name}", {"schedule": "R/2035-01-01T00:00:00Z/P1Y", "retries": 0,
                                            "command": command, "cpus": 0.1, "mem": 200, **more})
    equal(answer.status, 200, answer.text)


def begin(node, name):
    return node.post(f"/api/jobs/{name}/run", {}).json["run"]


def detail(node, run):
    return node.get(f"/api/runs/{run}").json


def ended(node, run):
    wait_for(lambda: "ended" in detail(node, run)["run"], f"the end of run {run}")
    return detail(node, run)


def log(node, run, stream="stdout"):
    return node.get(f"/api/runs/{run}/log?stream={stream}")


class Slow:
    """A file that nobody gets until it is let go."""

    def __init__(self, address):
        self.go = go = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                go.wait(PATIENCE_S)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_address[1]}/file"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


def cli_follows(place, node, *words):
    env = dict(place.environment(), MESOLITH_ADDRESS=node.urls["marathon"])
    follower = subprocess.Popen([BINARY, "job", "logs", "-f", *words], stdout=subprocess.PIPE, text=True, env=env)
    place.at_end.append(follower.kill)
    return follower


def heard(follower):
    text, _ = follower.communicate(timeout=PATIENCE_S)
    return text, follower.returncode


def story(place):
    node = place.node().start()
    go = place.path("go")
    with case("what a run writes is heard while it runs", place):
        put_job(node, "talks", f"echo first; echo wrong >&2; while [ ! -e {go} ]; do sleep 0.05; done; echo last")
        run = begin(node, "talks")
        wait_for(lambda: "started" in detail(node, run)["run"] and log(node, run).status == 200,
                 "the run's log")
        follower = Follower(f"{node.urls['marathon']}/api/runs/{run}/log?follow=1&offset=0")
        follower.until("first\n")
        with open(go, "w"):
            pass
        equal(follower.until("last\n"), "first\nlast\n", "the stream")
        follower.connection.close()
    with case("who follows a run while its files are fetched hears it from its beginning", place):
        slow = Slow(place.address)
        place.at_end.append(slow.end)
        put_job(node, "fetches", "echo first; echo last", uris=[slow.url])
        fetching = begin(node, "fetches")
        wait_for(lambda: detail(node, fetching)["attempts"], "an attempt")
        follower = Follower(f"{node.urls['marathon']}/api/runs/{fetching}/log?follow=1&tail=1")
        slow.go.set()
        equal(follower.until("last\n"), "first\nlast\n", "the stream")
        follower.connection.close()
    with case("who follows a run before it may begin waits for it", place):
        free, = (n["cpus"]["total"] - n["cpus"]["used"] for n in node.get("/api/nodes").json["items"])
        leave = place.path("leave")
        put_job(node, "fills", f"while [ ! -e {leave} ]; do sleep 0.05; done", cpus=free)
        begin(node, "fills")
        wait_for(lambda: node.get("/api/jobs/fills").json["summary"]["state"] == "running", "a full node")
        put_job(node, "queues", "echo heard")
        queued = begin(node, "queues")
        followers = [cli_follows(place, node, "queues"), cli_follows(place, node, "queues", "--run", str(queued))]
        equal(detail(node, queued)["run"]["state"], "queued", "the run")
        with open(leave, "w"):
            pass
        equal([heard(f) for f in followers], [("heard\n", 0)] * 2, "what they heard")
    with case("it is there when the run has ended, and when its node was started anew", place):
        ended(node, run)
        equal(log(node, run).json["data"], "first\nlast\n", "stdout")
        equal(log(node, run, "stderr").json["data"], "wrong\n", "stderr")
        node.restart()
        equal(log(node, run).json["data"], "first\nlast\n", "stdout")
        equal(node.cli("job", "logs", "talks", "--run", str(run), "--err").stdout, "wrong\n", "the command line's")
    with case("all is printed of what no text is in UTF-8", place):
        put_job(node, "binary", "head -c 200001 /dev/zero; printf '\\303\\251%.0s' $(seq 70000); echo END")
        begin(node, "binary")
        wait_for(lambda: node.get("/api/jobs/binary").json["runs"][0]["state"] == "ok", "its end")
        text = node.cli("job", "logs", "binary", "--all").stdout
        assert text == "\ufffd" * 200001 + "é" * 70000 + "END\n", (len(text), text[-40:])
    with case("a run tells when it was due and began, where it was, and what it used", place):
        put_job(node, "eats", "exec python3 -c \"b = bytearray(50 << 20); print(len(b))\"")
        told = ended(node, begin(node, "eats"))
        run, attempt = told["run"], told["attempts"][0]
        assert 50 * MIB <= run["mem_peak_bytes"] <= 80 * MIB, run
        equal((run["state"], run["exit"], len(told["attempts"])), ("ok", 0, 1), "the run")
        assert 0 <= run["late_ms"] < PATIENCE_S * 1000 and run["took_ms"] > 0 and run["host"], run
        equal((attempt["attempt"], attempt["host"]), (0, run["host"]), "the attempt")
    with case("each attempt is told of", place):
        tries = place.path("tries")
        put_job(node, "fails", f"echo x >>'{tries}'; echo try $(wc -l <'{tries}'); exit 3", retries=1, retryDelaySeconds=0)
        run = begin(node, "fails")
        told = ended(node, run)
        equal([(a["attempt"], a["exit"]) for a in told["attempts"]], [(0, 3), (1, 3)], "the attempts")
        words = ("logs", "fails", "--run", str(run))
        for attempt, text in (([], "try 2\n"), (["--attempt", "1"], "try 1\n"), (["--attempt", "2"], "try 2\n")):
            equal(node.cli(*words, *attempt).stdout, text, f"{attempt}")
        done = node.cli(*words, "--attempt", "3", check=False)
        assert done.returncode == 4 and "--attempt: got 3, and the run has 2 so far" in done.stderr, done
        done = node.cli("logs", "fails", "--attempt", "1", check=False)
        assert done.returncode == 2 and "need --run" in done.stderr, done
    with case("a deleted job's runs are kept, apart from those of the next one that is called so", place):
        due = {"schedule": f"R/{iso8601(now_ms() - 60_000)}/P1D", "epsilon": "PT1H"}

        def only_run(word):
            put_job(node, "comes", f"echo {word}", **due)
            wait_for(lambda: node.get("/api/jobs/comes").json["runs"][0]["state"] == "ok", "its run")
            found, = node.get("/api/jobs/comes").json["runs"]
            return found
        old = only_run("old")
        gone = node.delete("/api/jobs/comes").json["gone"]
        for path in ("/api/jobs/comes", "/api/runs?job=comes"):
            answer = node.get(path)
            assert answer.status == 404 and "was deleted at" in answer.text and gone in answer.text, answer.text
        assert gone in node.cli("why", "job", "comes").stdout
        equal(node.cli("job", "logs", "comes").stdout, "old\n", "what it wrote, by its name of before")
        new = only_run("new")
        equal(new["task"], old["task"], "the names of both tasks")
        equal([log(node, run["id"]).json["data"] for run in (old, new)], ["old\n", "new\n"], "what they wrote")
        equal([r["id"] for r in node.get(f"/api/runs?job={gone}").json["items"]], [old["id"]], "the old one's runs")
        listed, = node.get("/api/jobs?state=deleted").json["items"]
        equal((listed["name"], listed["gone"]["name"], listed["successes"]), (gone, "comes", 1), "who is deleted")
        assert gone in node.cli("job", "list", "--state", "deleted").stdout
        assert str(old["id"]) in node.cli("job", "runs", gone).stdout
        assert "deleted" in node.cli("job", "show", gone).stdout
        equal(node.cli("job", "logs", gone).stdout, "old\n", "what the old one wrote")
        rows = list(csv.DictReader(io.StringIO(node.get(f"/api/history/export?format=csv&job={gone}").text)))
        equal({(r["job_name"], r["gone"]) for r in rows}, {("comes", gone)}, "its rows")
    with case("what is beyond the bounds goes, with what there is in numbers left", place):
        equal(node.put("/api/history", {"runs": 1, "most": 1, "bytes": 0}).status, 200, "the settings")
        put_job(node, "often", "true")
        runs = []
        for n in range(1, 5):
            runs.append(begin(node, "often"))
            wait_for(lambda: node.get("/api/jobs/often/stats").json["ends"]["ok"] == n, f"the end of run {n}")
        equal([node.get(f"/api/runs/{r}").status for r in runs], [404, 404, 404, 200], "who is kept")
        equal(log(node, runs[0]).status, 404, "the log of one that is not kept")
        assert "not kept any more" in log(node, runs[0]).text
        stats = node.get("/api/jobs/often/stats").json
        equal((stats["kept"]["runs"], stats["took_ms"]["count"], stats["success_rate"]), (1, 4, 1), "the numbers")
    with case("the history is exported as rows", place):
        rows = list(csv.DictReader(io.StringIO(node.get("/api/history/export?format=csv&job=eats").text)))
        equal([r["task_state"] for r in rows], ["TASK_STAGING", "TASK_RUNNING", "TASK_FINISHED"], "the rows")
        lines = [json.loads(l) for l in node.get("/api/history/export?job=eats").text.splitlines()]
        equal([l["task_state"] for l in lines], [r["task_state"] for r in rows], "the lines")
