"""A crontab and Chronos's list are made jobs, run, and come back as they were. What a crontab's lines mean is reckoned
here once more, from crontab(5), and by a shell."""
import getpass
import http.server
import json
import os
import re
import subprocess
import threading
import urllib.parse

from mesolith import BINARY, case, equal, wait_for

CRONTAB = r"""# what a machine has run for years
MAILTO=ops@example.org
HOME=@
NAME=one
LANG = "C.UTF-8"
0 0 1 1 * pwd > where
15,45 8-17/3 * feb,NOV mon-fri	date -d @0 -u +\%F:$LANG > "$NAME.date"
@yearly cat > letter%Dear ann,%%100\% of \\% it\%s %EOF
SHELL=/bin/bash
NAME=two
# job: bashful
0 0 1 1 * [[ $NAME == t* ]] && echo "$NAME" > bash
0 0 29 2 * false
"""

WRONG = """0 0 1 1 * true

@reboot true
0 24 1 1 * true
   0 0 1 1
SHELL=/usr/bin/tclsh
0 0 1 1 * puts hi
"""


def run(node, *words, text=""):
    env = dict(node.place.environment(), MESOLITH_ADDRESS=node.urls["marathon"])
    given = text if isinstance(text, bytes) else text.encode()
    p = subprocess.run([BINARY, *words], input=given, capture_output=True, env=env, timeout=60)
    return subprocess.CompletedProcess(p.args, p.returncode, p.stdout.decode(), p.stderr.decode())


def done(node, *words, text="", status=0):
    p = run(node, *words, text=text)
    equal(p.returncode, status, f"status of {' '.join(words)}: {p.stdout}{p.stderr}")
    return p


# ---- what crontab(5) says of a line

def command_and_input(text):
    """The command ends at the first % without a backslash; further ones end lines of the input."""
    parts = [p.replace(r"\%", "%") for p in re.split(r"(?<!\\)%", re.sub(r"\\\\(?=\\%)", r"\\", text))]
    return parts[0], "".join(p + "\n" for p in parts[1:])


def entries_of(text):
    variables = {}
    for line in text.splitlines():
        variable = re.fullmatch(r"\s*(\w+)\s*=\s*(.*?)\s*", line)
        if line.startswith("#") or not line.strip():
            continue
        if variable:
            variables[variable[1]] = re.sub(r'^"(.*)"$', r"\1", variable[2])
            continue
        words = 1 if line.startswith("@") else 5
        fields = re.match(rf"((?:\S+\s+){{{words}}})(.*)", line)
        command, given = command_and_input(fields[2])
        yield " ".join(fields[1].split()), command, given, dict(variables)


def as_cron_does(folder, command, given, variables):
    shell = variables.get("SHELL", "/bin/sh")
    subprocess.run([shell, "-c", command], input=given, text=True, cwd=folder,
                   env={"PATH": os.environ["PATH"], "HOME": folder, **{k: v for k, v in variables.items() if k != "HOME"}})


def files_of(folder):
    return {name: open(os.path.join(folder, name), encoding="utf-8").read() for name in sorted(os.listdir(folder))}


# ---- what the cluster has

def definitions(node):
    names = [j["name"] for j in node.get("/api/jobs?sort=created").json["items"] if j["name"] != "minutely"]
    return [node.get(f"/api/jobs/{urllib.parse.quote(name)}").json["job"] for name in names]


def listed_by_name(node):
    """As Chronos lists them, but for the counters."""
    moving = {"successCount", "errorCount", "lastSuccess", "lastError", "errorsSinceLastSuccess"}
    jobs = node.get("/scheduler/jobs", door="chronos").json
    return {job["name"]: {k: v for k, v in job.items() if k not in moving} for job in jobs if job["name"] != "minutely"}


def each_runs(node):
    for job in definitions(node):
        run(node, "job", "run", job["name"])


def check_crontab(place, node):
    home = place.path("home")
    os.mkdir(home)
    text = CRONTAB.replace("@\n", f"{home}\n", 1)
    words = ("import", "crontab", "-", "--zone", "Europe/Berlin")
    expected = list(entries_of(text))

    with case("a dry run says what a crontab would be, and makes nothing", place):
        said = done(node, *words, "--dry-run", text=text).stdout
        assert "bashful would be made: on day 1 of the month, in January at 00:00 Europe/Berlin" in said, said
        assert "5 would be made, 0 are there already, 0 are not." in said, said
        equal(definitions(node), [], "jobs")

    with case("each line is a job, and means what crontab(5) says", place):
        done(node, *words, text=text)
        jobs = definitions(node)
        equal([j["cron"] for j in jobs], [when for when, *_ in expected], "times")
        equal({j["scheduleTimeZone"] for j in jobs}, {"Europe/Berlin"}, "zones")
        equal({j["runAsUser"] for j in jobs}, {getpass.getuser()}, "users")
        equal({j["owner"] for j in jobs}, {"ops@example.org"}, "owners")
        for job, (_, _, _, variables) in zip(jobs, expected):
            equal({v["name"]: v["value"] for v in job["environmentVariables"]},
                  {k: v for k, v in variables.items() if k not in ("SHELL", "MAILTO")}, "variables")
        assert jobs[3]["name"] == "bashful" and re.fullmatch(r"pwd-[0-9a-f]{4}", jobs[0]["name"]), jobs

    with case("its runs do what cron's would have done", place):
        other = place.path("as_cron")
        os.mkdir(other)
        for _, command, given, variables in expected:
            as_cron_does(other, command, given, variables)
        wanted = {name: body.replace(other, home) for name, body in files_of(other).items()}
        equal(sorted(wanted), ["bash", "letter", "one.date", "where"], "files of cron's")
        each_runs(node)
        wait_for(lambda: files_of(home) == wanted, f"the files {wanted}")
        assert node.get(f"/api/runs?job={definitions(node)[4]['name']}").json["items"][0]["state"] == "failed"

    with case("the same file makes nothing new, and an edited line is not put over what is there unasked", place):
        said = done(node, *words, text=text).stdout
        assert "0 are made, 5 are there already, 0 are not." in said, said
        edited = text.replace("0 0 29 2 *", "0 1 29 2 *")
        p = done(node, *words, text=edited, status=1)
        line = 1 + edited[:edited.index("0 1 29 2 *")].count("\n")
        assert re.fullmatch(rf"stdin:{line}:1: false-[0-9a-f]{{4}}: is there already, and says otherwise of cron; try: "
                            r"--replace makes it as the file says\n", p.stderr), p.stderr
        done(node, *words, "--replace", text=edited)
        equal(definitions(node)[4]["cron"], "0 1 29 2 *", "the time")
        done(node, *words, "--replace", text=text)

    with case("it comes back as the lines that it was", place):
        back = done(node, "export", "crontab", "--zone", "Europe/Berlin").stdout
        lines = [re.sub(r"\s+", " ", re.sub(r' = "(.*)"', r"=\1", line)) for line in text.splitlines()[1:]]
        equal(sorted(back.splitlines()), sorted(lines), "lines")
        assert list(entries_of(back)) == expected, back
        equal(json.loads(done(node, *words, "--json", text=back).stdout),
              {"made": [], "changed": [], "same": [j["name"] for j in definitions(node)], "wrong": []}, "read again")

    with case("what cannot be said in a crontab is said on stderr", place):
        equal(node.put("/api/jobs/hourly", {"schedule": "R/2050-01-01T00:00:00Z/PT1H", "command": "true"}).status, 200, "")
        equal(node.put("/api/jobs/picky", {"cron": "0 0 1 1 *", "command": "cd || exit; true", "retries": 3, "concurrent": True,
                                           "missed": "window", "scheduleTimeZone": "Europe/Berlin",
                                           "runAsUser": getpass.getuser()}).status, 200, "")
        p = done(node, "export", "crontab", "--zone", "Europe/Berlin", status=1)
        equal(p.stderr, "hourly: is left out: has no cron expression, and a crontab knows no other times\n"
              "picky: a crontab does not say what it is in retries\n", "stderr")
        for name in ("hourly", "picky"):
            node.delete(f"/api/jobs/{name}")


def check_wrong(place, node):
    with case("of what cannot be a job the place, the reason and the cure are said", place):
        before = len(definitions(node))
        p = done(node, "import", "crontab", place.write("wrong", WRONG), "--strict", status=3)
        assert "nothing is made, for 5 of it cannot be" in p.stderr, p.stderr
        equal(len(definitions(node)), before, "jobs")
        p = done(node, "import", "crontab", place.path("wrong"), "--quiet", status=1)
        made = p.stdout.split()
        equal(len(made), 1, "names of what is made")
        equal([re.sub(r"^.*/wrong", "wrong", line) for line in p.stderr.splitlines()],
              ["wrong:3:1: @reboot: got the start of a machine, need a time: a job is not of one machine; try: an app runs "
               "whenever its machine does: mesolith app create FILE",
               'wrong:4:3: hour: got "24", need 0 to 23 as in "*", "2", "8-17", "*/6" or "~"',
               "wrong:5:11: got 4 words, need minute, hour, day, month, weekday and a command",
               'wrong:6:7: SHELL: got "/usr/bin/tclsh", need the path of sh, dash, bash, ash, ksh, mksh or zsh; try: have '
               "/bin/sh, and call the program in the command",
               "wrong:7:1: SHELL of line 6 holds here, too"], "stderr")
        node.delete(f"/api/jobs/{made[0]}")

    with case("a text that an editor on Windows wrote is read as any other", place):
        before = len(definitions(node))
        texts = [(("import", "crontab", "-", "--zone", "UTC"), "# job: marked\r\n0 0 1 1 * echo a\r\n# job: last\n@yearly true\r"),
                 (("import", "chronos", "-"), '[{"name": "listed",\r\n "cron": "@yearly", "command": "true"}]\r\n'),
                 (("apply", "-"), '{"name": "applied",\r\n "cron": "@yearly", "command": "true"}\r\n'),
                 (("calendar", "set", "marked", "-"), '{"days":\r\n ["2050-01-01"]}\r\n'),
                 (("app", "create", "-", "--detach"), '{"id": "/marked",\r\n "cmd": "true", "instances": 0}\r\n'),
                 (("sql",), "select name\r\nfrom jobs\r\n")]
        for words, text in texts:
            done(node, *words, text="\ufeff" + text)
            p = done(node, *words, text=("\ufeff" + text).encode("utf-16-le"), status=3)
            equal(p.stderr, "error: stdin: got a text in UTF-16, need UTF-8\n", "stderr")
        made = definitions(node)[before:]
        equal([(j["name"], j["command"].split("; ")[-1]) for j in made],
              [("marked", "echo a"), ("last", "true"), ("listed", "true"), ("applied", "true")], "jobs")
        for job in made:
            node.delete(f"/api/jobs/{job['name']}")

    with case("a system crontab names its users", place):
        text = "17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n@monthly daemon true\n"
        names = done(node, "import", "crontab", "-", "--system", "--quiet", "--with", '{"disabled": true, "mem": 512}',
                     text=text).stdout.split()
        jobs = definitions(node)[-2:]
        equal([j["name"] for j in jobs], names, "names")
        equal([(j["runAsUser"], j["mem"], j["disabled"]) for j in jobs], [("root", 512, True), ("daemon", 512, True)], "jobs")
        for name in names:
            node.delete(f"/api/jobs/{name}")


class Hurried(http.server.BaseHTTPRequestHandler):
    """A node where something comes between a job and the batch that it is in: so one that waits for it is refused."""
    asked = []

    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        jobs = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        names = [j["name"] for j in jobs]
        if "dry_run" in self.path:
            self.answer(200, {"items": [{"at": at, "change": "new"} for at in range(len(jobs))]})
            return
        self.asked.append(names)
        errors = {"parent": {"code": "ERR_UNAVAILABLE", "message": "job 'parent' was changed meanwhile: try again"},
                  "child": {"code": "ERR_CONFLICT", "message": "parent 'parent' does not exist"},
                  "grandchild": {"code": "ERR_CONFLICT", "message": "parent 'child' does not exist"},
                  "other": {"code": "ERR_INVALID", "message": "cpus: too many"}}
        self.answer(200, {"items": [{"at": at, **({"error": errors[n]} if n in errors else {"index": 9})}
                                    for at, n in enumerate(names)]})

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(urllib.parse.urlsplit(self.path).path)
        self.answer(200, {"index": 9})


def check_hurried(place, node):
    with case("a job that was refused because its parent has to be sent again is sent again after it, alone", place):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hurried)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        parents = {"parent": [], "child": ["parent"], "grandchild": ["child"], "lone": [], "other": ["lone"]}
        jobs = [{"name": n, "command": "true", **({"parents": p} if p else {"schedule": "R/2050-01-01T00:00:00Z/P1D"})}
                for n, p in parents.items()]
        p = done(node, "import", "chronos", "-", "--address", f"http://127.0.0.1:{server.server_port}", text=json.dumps(jobs),
                 status=1)
        server.shutdown()
        equal(Hurried.asked, [list(parents), "/api/jobs/parent", "/api/jobs/child", "/api/jobs/grandchild"], "requests")
        assert "4 are made, 0 are there already, 1 is not." in p.stdout and "other: cpus: too many" in p.stderr, p


def check_chronos(place, node, other):
    with case("what Chronos lists is made elsewhere, parents first, and comes back", place):
        put = [("/scheduler/iso8601", {"name": "night #1", "schedule": "R/2050-01-01T00:00:00.000Z/P1D", "command": "true",
                                       "async": True}),
               ("/v1/scheduler/iso8601", {"name": "second", "schedule": "R5/2050-01-01T00:00:00.000Z/P1M", "command": "true",
                                          "scheduleTimeZone": "Asia/Tokyo", "uris": ["http://127.0.0.1:1/x"]}),
               ("/v1/scheduler/dependency", {"name": "child", "parents": ["night #1", "second"], "command": "true"}),
               ("/v1/scheduler/dependency", {"name": "grandchild", "parents": ["child"], "command": "true",
                                             "container": {"type": "DOCKER", "image": "x"}})]
        for path, job in put:
            equal(node.post(path, job, door="chronos").status, 204, path)
        listed = node.get("/scheduler/jobs", door="chronos").json
        reversed_list = json.dumps(listed[::-1])
        done(other, "import", "chronos", "-", text=reversed_list)
        equal(listed_by_name(other), listed_by_name(node), "jobs")
        by_name = listed_by_name(other)
        said = done(other, "import", "chronos", "-", text=reversed_list).stdout
        assert f"0 are made, {len(listed)} are there already, 0 are not." in said, said
        exported = done(node, "export", "chronos")
        again = json.loads(exported.stdout)
        equal([j["name"] for j in again], [j["name"] for j in listed], "names")
        assert '"mem":128.0' in exported.stdout and "bashful: Chronos knows no cron, missed" in exported.stderr
        done(other, "import", "chronos", "-", text=exported.stdout)
        equal(listed_by_name(other), by_name, "jobs")

    with case("what only Chronos's API takes comes back by apply all the same", place):
        body = {"name": "once-only", "schedule": "R/2050-01-01T00:00:00.000Z/P1D", "command": "true", "retries": -1}
        equal(node.post("/scheduler/iso8601", body, door="chronos").status, 204, "status")
        jobs = [j for j in json.loads(done(node, "export", "all").stdout)["jobs"] if j["name"] == "once-only"]
        done(other, "apply", "-", text=json.dumps({"jobs": jobs}))
        equal(other.get("/api/jobs/once-only").json["job"]["retries"], 0, "retries")
        node.delete("/api/jobs/once-only")
        other.delete("/api/jobs/once-only")

    with case("the command line draws the graph as Chronos does, and lists when jobs run in words", place):
        for form in ("csv", "dot"):
            equal(done(node, "job", "graph", f"--{form}").stdout, node.get(f"/v1/scheduler/graph/{form}", door="chronos").text,
                  form)
        shown = done(node, "job", "graph").stdout
        assert re.search(r"^night #1 +child +success$", shown, re.M), shown
        equal(json.loads(done(node, "job", "graph", "--json").stdout)["edges"][0],
              {"parent": "night #1", "child": "child", "on": "success"}, "edge")
        equal(done(node, "job", "graph", "--csv", "--dot", status=2).stderr, "error: need one of --csv, --dot and --json\n", "both")
        assert "every day from 2050-01-01 00:00 UTC on\n" in done(node, "job", "list").stdout

    with case("of Chronos's jobs each that cannot be made is said, with its place", place):
        text = """[{"name":"a","parents":["b"],"command":"true","colour":1},
  {"name":"b","parents":["a"],"command":"true"},
  {"name":"c","parents":["second","nobody"],"command":"true"}, {"name":"d","schedule":"R/never/P1D","command":"true"}, 7,
  {"name":"e","parents":[1,2],"command":"true"}]"""
        p = done(other, "import", "chronos", "-", text=text, status=1)
        equal(p.stderr.splitlines(),
              ["stdin:1:2: a: colour: not known here, left out",
               "stdin:1:2: a: parents: b is not made",
               "stdin:2:3: b: parents: they wait for each other: a -> b -> a",
               "stdin:3:3: c: parents: nobody does not exist",
               'stdin:3:64: d: schedule: start "never": year: got "never", need 4 digits',
               "stdin:3:120: got a number without a name, need a job",
               "stdin:4:3: e: parents: got a number, need a text"], "stderr")


def check_killed(place, node):
    names = [f"k{i}" for i in range(3000)]
    file = place.write("many", "".join(f"# job: {name}\n{i % 60} 0 1 1 * true\n" for i, name in enumerate(names)))
    words = ("import", "crontab", file, "--zone", "UTC", "--quiet")
    query = {"query": "select name, generation from jobs where name glob 'k[0-9]*' order by id"}

    def made():
        return node.post("/api/sql", query).json["rows"]

    with case("an import that is killed amid and run again ends with all there, nothing twice, in the file's order", place):
        env = dict(node.place.environment(), MESOLITH_ADDRESS=node.urls["marathon"])
        amid = []
        while len(amid) < 3:
            before = len(made())
            p = subprocess.Popen([BINARY, *words], stdout=subprocess.DEVNULL, env=env)
            wait_for(lambda: p.poll() is not None or len(made()) > before, "more jobs", within=60)
            p.kill()
            if p.wait() == 0:
                break
            amid.append(len(made()))
        assert amid and 0 < amid[0] < len(names), amid
        done(node, *words)
        assert made() == [[name, 1] for name in names], made()[:10]

    with case("of many lines each that cannot be made is said, and the rest is", place):
        text = "".join(f"# job: many{i}\n{'@yearly' if i % 100 else '0 24 1 1 *'} true\n" for i in range(1000))
        p = done(node, "import", "crontab", "-", "--zone", "UTC", "--quiet", "--with", '{"overlap": "sometimes"}', text=text, status=1)
        equal(len(p.stderr.splitlines()), 1000, "lines on stderr")
        p = done(node, "import", "crontab", "-", "--zone", "UTC", "--quiet", text=text, status=1)
        equal(p.stdout.split(), [f"many{i}" for i in range(1000) if i % 100], "names")
        equal(p.stderr.splitlines(),
              [f'stdin:{2 * i + 2}:3: hour: got "24", need 0 to 23 as in "*", "2", "8-17", "*/6" or "~"' for i in range(0, 1000, 100)],
              "stderr")


def story(place):
    node, other = place.node().start(), place.node("other", address="127.0.0.2").start()
    done(other, "import", "crontab", "-", text=f"HOME={place.folder}\n# job: minutely\n* * * * * date +\\%S >> minute\n")
    check_crontab(place, node)
    check_wrong(place, node)
    check_hurried(place, node)
    check_chronos(place, node, other)
    check_killed(place, node)

    def later():
        with case("an imported line runs when it is due", place):
            minute = place.path("minute")
            wait_for(lambda: os.path.exists(minute) and open(minute).read(), "its first run", within=90)
            seconds = open(minute).read().split()
            assert all(int(s) <= 10 for s in seconds), seconds
    return later
