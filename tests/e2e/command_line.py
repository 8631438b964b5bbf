"""The command line against a live node: what it waits for, what it says, how it ends."""
import fcntl
import http.client
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import termios
import threading
import time

from mesolith import BINARY, Worker, case, equal, sample_app, sleeper, wait_for

PORT = 10000
NOUNS = ("status", "why", "app", "job", "task", "logs", "deployment", "node", "token", "leader", "notice", "service",
         "events", "sql", "apply", "diff", "import", "export", "completion")


def run(node, *words, stdin="", address=None):
    env = dict(node.place.environment(), MESOLITH_ADDRESS=address or node.urls["marathon"])
    return subprocess.run([BINARY, *words], input=stdin, capture_output=True, text=True, env=env, timeout=60,
                          cwd=node.place.folder)


def on_terminal(node, *words, **environment):
    """What a terminal of 60 columns is shown."""
    ours, theirs = pty.openpty()
    env = dict(node.place.environment(), MESOLITH_ADDRESS=node.urls["marathon"], LANG="C.UTF-8",
               **{"TERM": "xterm", **environment})
    env.pop("COLUMNS", None)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    process = subprocess.Popen([BINARY, *words], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how a terminal tells that nobody writes any more
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    equal(process.wait(60), 0, f"mesolith {' '.join(words)}: {shown!r}")
    return shown.decode()


def verbs_of(node, noun):
    text = run(node, noun, "--help").stdout
    return [None] if "usage:" in text else re.findall(rf"^  mesolith {noun} ([a-z]+)", text, re.M)


def every_help_is_whole(node):
    for noun in NOUNS:
        for verb in verbs_of(node, noun):
            words = [noun] + ([verb] if verb else [])
            done = run(node, *words, "--help")
            equal(done.returncode, 0, words)
            for part in ("usage: mesolith " + " ".join(words), "--help", "examples:\n"):
                assert part in done.stdout, f"{words}: {part!r} is not in\n{done.stdout}"
            examples = done.stdout.split("examples:\n")[1].splitlines()
            equal(len(examples), 2, f"{words}: examples")
            for example in examples:
                check_example(node, example.strip())


def check_example(node, example):
    """With --help behind it an example is read, but not carried out."""
    command = re.sub(r"^source <\((.*)\)$", r"\1", re.sub(r"\$\([^)]*\)", "x", example))
    for part in re.split(r"[|]", command):
        words = shlex.split(re.sub(r">>?.*", "", part))
        if words and words[0] == "mesolith":
            done = run(node, *words[1:], "--help")
            assert done.returncode == 0 and "usage:" in done.stdout, f"{example}: {done.stderr}"


def refusals(node):
    """(words, exit status, what stderr says)"""
    return [
        (["ap"], 2, "did you mean app?"),
        (["app", "lst"], 2, "did you mean list?"),
        (["app", "list", "--jsno"], 2, "--help lists them"),
        (["app", "scale", "/web"], 2, "need: mesolith app scale NAME INSTANCES"),
        (["app", "scale", "/web", "three"], 3, 'instances: got "three", need a whole number 0 to 100000'),
        (["app", "show", "/wep"], 4, "did you mean /web?"),
        *((words.split() + [""], 2, 'got "", which is no name, need: mesolith ' + words) for words in (
            "app show", "job show", "job delete", "task show", "node show", "deployment rollback", "calendar show", "logs", "why",
            "token revoke", "apply", "events", "notice test", "sql", "leader transfer")),
        (["job", "show", "nothing-like-it"], 4, "nothing-like-it"),
        (["app", "create", "no-such-file"], 4, "no-such-file"),
        (["sql", "delete from apps"], 3, "it would change something, need a select"),
        (["scale", "/web", "3"], 2, "did you mean app scale?"),
        (["logs", "/ghost"], 4, "try: mesolith why /ghost"),
        (["app", "--state", "foo"], 3, 'state: got "foo", need one of running, deploying, waiting, unhealthy, suspended'),
        (["task", "--state", "foo"], 3, "need one of staging, "),
        (["job", "--state", "foo"], 3, "need one of idle, "),
        (["token", "create"], 5, "this node stands alone, nobody can join it"),
        (["token", "revoke", "00c0ffee"], 4, "token 00c0ffee does not exist"),
        (["token", "--state", "bad"], 3, "need one of good, expired, revoked"),
        (["why", "app"], 2, "which app? need: mesolith why app NAME"),
        (["why", "service", "1"], 4, "try: mesolith service list"),
        (["--jsno"], 2, "--jsno: need a command before it\n"),
        (["--json"], 2, "--json: need a command before it, as in mesolith status --json"),
        (["--hlp"], 2, "--hlp: there is no such flag, did you mean --help?"),
        (["help", "ap"], 2, "did you mean app?"),
        (["help", "job", "lst"], 2, "did you mean list?"),
        (["show", "job", "x"], 2, "did you mean job show?"),
        (["job", "rm", "x"], 2, "did you mean delete?"),
        (["calendar", "add", "x"], 2, "did you mean set?"),
        (["job", "kill", "x"], 2, "try: mesolith task kill NAME ends its run"),
        (["job", "x", "runs"], 2, "try: mesolith job runs x\n"),
        (["job", "x"], 2, "if that is a name: mesolith job show x\n"),
        (["job", "show", "nothing-like-it"], 4, "try: mesolith job list"),
        (["why", "nothing-like-it"], 4, "try: mesolith app list, job list or task list"),
        (["why", "job", "/web"], 4, "try: mesolith why app /web"),
        (["job", "explain", "nightly"], 3, "nightly: need a schedule in quotes"),
        (["job", "create", '{"name": "x"}'], 4, "got JSON, need the name of a file, or - for stdin"),
        (["job", "create", "/"], 9, "/: cannot be read: Is a directory"),
        (["--json", "ap"], 2, "did you mean app?"),
        (["why", "things", "1"], 2, "need app, job, task, node, deployment or service"),
    ]


def gets_lost(address, lost, answered):
    """A keep-alive client of the service port."""
    connection = http.client.HTTPConnection(*address, timeout=20)

    def work():
        try:
            connection.request("GET", "/")
            r = connection.getresponse()
            r.read()
            (answered if r.status == 200 else lost).append(r.status)
        except (OSError, http.client.HTTPException) as why:
            lost.append(repr(why))
            connection.close()
        time.sleep(0.005)
    return work


def story(place):
    node = place.node()
    node.start()
    with case("a created app is waited for, and the last line says that it runs"):
        place.write("web.json", sample_app("/web", PORT, instances=2, mem=64))
        done = node.cli("app", "create", "web.json")
        assert re.search(r"^/web runs: 2 of 2 healthy, after .*s\.$", done.stdout, re.M), done.stdout
        assert "\033" not in done.stdout, "escapes in a pipe"
    with case("lists have heads and no borders; --quiet prints names, --json the API's answer"):
        lines = node.cli("app").stdout.splitlines()
        assert lines[0].split()[:3] == ["APP", "STATE", "INSTANCES"], lines
        assert lines[1].split()[:2] == ["/web", "running"], lines
        equal(node.cli("app", "list", "-q").stdout, "/web\n", "app list -q")
        equal([a["id"] for a in json.loads(node.cli("app", "--json").stdout)["items"]], ["/web"], "app --json")
        equal(len(node.cli("task", "-q", "--app", "web").stdout.split()), 2, "task -q --app web")
        assert node.cli("job").stdout.startswith("JOB  STATE"), "the heads of an empty list in a pipe"
    with case("wrong input is answered with the cure and its exit status"):
        node.create(sleeper("/ghost", user="nobody-of-that-name"))  # never begins, so it writes nothing
        wait_for(lambda: "user: " in run(node, "why", "/ghost").stdout, "the failure of /ghost")
        assert "it never began" in run(node, "why", "/ghost").stdout, "advice for what never began"
        for words, status, text in refusals(node):
            done = run(node, *words)
            equal(done.returncode, status, f"{words}: {done.stderr}")
            assert text in done.stderr and done.stderr.startswith("error: "), f"{words}: {done.stderr}"
        done = run(node, "app", "create", "-", stdin='{"id": "/bad", "instances": -1, "cpus": "x"}')
        assert done.returncode == 3 and "instances" in done.stderr and "cpus" in done.stderr, done.stderr
    with case("members that nobody knows are warned of, by what was likely meant", place):
        typo = sleeper("/typo", cpu=0.001)
        done = run(node, "app", "create", "-", "--detach", stdin=json.dumps(typo))
        equal(done.returncode, 0, done)
        known = "there is no such member, and it is passed over; did you mean"
        assert f"warning: /typo: cpu: {known} cpus?" in done.stderr, done
        done = run(node, "app", "update", "/typo", "-", "--force", stdin='{"instnces": 2, "mem": 2}')
        assert f"warning: /typo: instnces: {known} instances?" in done.stderr, done
        job = {"name": "typo", "command": "true", "schedule": "R/2090-01-01T00:00:00Z/P1D", "epsilonn": "PT1M"}
        for words in (("job", "create", "-"), ("apply", "-")):
            done = run(node, *words, stdin=json.dumps(job))
            assert done.returncode == 0 and f"warning: typo: epsilonn: {known} epsilon?" in done.stderr, done
        node.cli("job", "delete", "typo")
        node.cli("app", "delete", "/typo", "--force")
    with case("flags may come before the noun", place):
        env = dict(place.environment(), MESOLITH_ADDRESS="127.0.0.1:1")
        words = (BINARY, "--address", node.urls["marathon"], "--quiet", "app", "list", "--find", "web")
        done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=60)
        equal(done.stdout, "/web\n", done)
    with case("why without a name tells of all that needs attention", place):
        said = node.cli("why").stdout
        assert re.search(r"^app /ghost is (waiting|unhealthy|deploying):\n  ", said, re.M) and "user: " in said, said
    with case("why tells of service ports, and of an app by its last name before its tasks"):
        equal(node.cli("why", "service", str(PORT)).stdout, f"service {PORT} is as it should be.\n", "why service")
        node.create(sleeper("/deep/under", instances=2))
        node.wait_running("/deep/under", 2)
        equal(node.cli("why", "under").stdout, "app /deep/under is as it should be.\n", "why under")
        node.cli("app", "delete", "/deep/under")
    with case("a job that will never run is made with a warning, and why tells"):
        past = '{"name": "past", "command": "true", "schedule": "R5/2020-01-01T00:00:00Z/PT1H", "epsilon": "PT1M"}'
        made = run(node, "job", "create", "-", stdin=past).stdout
        assert "warning: schedule: " in made and "but no run is due" in made, made
        assert "all times of its schedule are over" in run(node, "why", "job", "past").stdout
        node.cli("job", "delete", "past")
        for words, said in (("apply", "-"), "warning: past: schedule: "), (("import", "chronos", "-"), "warning: schedule: "):
            made = run(node, *words, stdin=past if words[0] == "apply" else f"[{past}]").stdout
            assert said in made, made
            node.cli("job", "delete", "past")
    with case("a job whose only time is mistyped is refused, and has not run", place):
        typo = '{"name": "typo", "command": "true", "crn": "@daily"}'
        for words in (("job", "create", "-"), ("apply", "-")):
            done = run(node, *words, stdin=typo)
            assert done.returncode == 3 and "did you mean cron?" in done.stderr, done
        assert run(node, "job", "show", "typo").returncode == 4, "it was made"
    with case("of a job that runs at once, create says so, and why that it runs", place):
        once = '{"name": "once", "command": "exec sleep 100000", "schedule": "R1//PT24H"}'
        made = run(node, "job", "create", "-", stdin=once).stdout
        assert re.search(r"^once is made: a run (has begun|is due now), and no other is due after it\.$", made, re.M), made
        wait_for(lambda: "once is as it should be: it is running." in run(node, "why", "job", "once").stdout,
                 "that once runs")
        past = '[{"name": "past", "command": "true", "schedule": "R1/2015-01-01T00:00:00Z/PT24H"}]'
        would = run(node, "import", "chronos", "-", "--dry-run", stdin=past).stdout
        assert "; it runs at once." in would, would
        node.cli("job", "delete", "once")
    with case("of each of the jobs that are paused something is said, also if it was before"):
        for name in ("rests", "works"):
            run(node, "job", "create", "-", stdin=json.dumps({"name": name, "command": "true", "cron": "@yearly"}))
        node.cli("job", "pause", "rests")
        said = run(node, "job", "pause", "works", "rests").stdout
        assert "works is disabled." in said and "rests was disabled already." in said, said
        for name in ("rests", "works"):
            node.cli("job", "delete", name)
    with case("on a terminal an empty list or log says what there may be instead"):
        assert "No app matches." in on_terminal(node, "app", "--find", "nothing-like-it")
        node.create(sleeper("/mutters", cmd="echo no such file >&2; exec sleep 100000"))
        node.wait_running("/mutters", 1)
        assert "mesolith logs --err /mutters" in on_terminal(node, "logs", "/mutters")
        node.cli("app", "delete", "/mutters")
        node.cli("app", "delete", "/ghost")
    with case("who is not there is named, and what to try; exit status 7"):
        done = run(node, "status", address="127.0.0.1:1")
        equal(done.returncode, 7, done.stderr)
        assert "127.0.0.1:1" in done.stderr and "try: " in done.stderr, done.stderr
    with case("every verb has help, with examples that it understands itself"):
        every_help_is_whole(node)
    with case("a rolling restart behind the service port loses no request of keep-alive clients"):
        lost, answered = [], []
        address = (place.service_address, PORT)
        wait_for(lambda: gets_lost(address, [], answered)() or answered, "an answer on the service port")
        workers = [Worker(gets_lost(address, lost, answered)) for _ in range(8)]
        node.cli("app", "restart", "/web")
        before = len(answered)
        wait_for(lambda: len(answered) > before + 100, "a hundred answers more")
        for w in workers:
            w.end()
        equal(lost, [], f"lost of {len(answered)}")
    with case("a task that is named by a part of its id is killed, and replaced"):
        task = node.cli("task", "-q", "--app", "/web").stdout.split()[0]
        short = re.search(r"instance-([0-9a-f]{8})", task)[1]
        node.cli("task", "kill", short)

        def replaced():
            ids = node.cli("task", "-q", "--app", "/web").stdout.split()
            return len(ids) == 2 and task not in ids
        wait_for(replaced, "two tasks without the killed one")
    with case("logs come from all instances, each line with its name, and from one without"):
        def names():
            lines = node.cli("logs", "/web").stdout.splitlines()
            return {m[1] for m in (re.match(r"([0-9a-f]{8}) started on ", line) for line in lines) if m}
        wait_for(lambda: len(names()) == 2, "two names, when the killed one is gone")
        task = node.cli("task", "-q", "--app", "/web").stdout.split()[0]
        assert node.cli("logs", task).stdout.startswith("started on "), "the log of one task"
    with case("a schedule is explained, and its job shown in the same words"):
        words = "on Monday to Friday at 02:30 Asia/Tokyo"
        said = node.cli("job", "explain", "30 2 * * MON-FRI", "--zone", "Asia/Tokyo").stdout
        assert said.startswith(words + ".\n"), said
        equal(len(re.findall(r"T02:30:00\.000\+09:00", said)), 10, f"times in {said}")
        assert "every 2 days from 2030-01-01 00:00 UTC on." in node.cli("job", "explain", "R/2030-01-01/P2D").stdout
        assert "warning: the step of the minutes" in node.cli("job", "explain", "*/7 * * * *").stdout
        equal(run(node, "job", "explain", "61 * * * *").returncode, 3, "a wrong minute")
        job = {"name": "weekdays", "command": "true", "cron": "30 2 * * MON-FRI", "scheduleTimeZone": "Asia/Tokyo"}
        equal(run(node, "job", "create", "-", stdin=json.dumps(job)).returncode, 0, "made")
        assert words in node.cli("job", "show", "weekdays").stdout
        assert "30 2 * * MON-FRI" in node.cli("job", "list").stdout
        node.cli("job", "disable", "weekdays")
        node.cli("job", "enable", "weekdays")
        equal(json.loads(node.cli("job", "show", "weekdays", "--json").stdout)["job"]["cron"], job["cron"], "kept")
        node.cli("job", "delete", "weekdays")

    with case("of a job's tasks that one is killed which has not ended", place):
        job = {"name": "naps", "command": "sleep ${NAP:-0}", "schedule": "R/2090-01-01T00:00:00Z/P1D", "retries": 0}
        node.cli("job", "create", place.write("naps.json", job))
        for _ in range(2):
            node.cli("job", "run", "naps")
        done = run(node, "task", "kill", "naps")
        assert done.returncode == 5 and "has ended already" in done.stderr, done
        node.cli("job", "create", place.write("too.json", dict(job, name="naps-too")))
        for name in ("naps-too", "naps"):
            node.cli("job", "run", name, "--env", "NAP=100000", "--detach")
            wait_for(lambda: name in node.cli("task", "list").stdout.split(), f"the run of {name}")
        equal(node.cli("task", "kill", "naps").stdout, "naps is being killed.\n", "task kill")
        wait_for(lambda: "killed" in node.cli("job", "runs", "naps").stdout, "the end of naps")
        assert "running" in node.cli("job", "runs", "naps-too").stdout
        node.cli("task", "kill", "naps-too")
        for name in ("naps-too", "naps"):
            node.cli("job", "delete", name)

    with case("who gives a job parents and a schedule hears which of them counts", place):
        job = {"name": "both", "command": "true", "schedule": "R/2090-01-01T00:00:00Z/P1D", "parents": ["both-first"]}
        node.cli("job", "create", place.write("first.json", {"name": "both-first", "command": "true", "cron": "0 0 1 1 *"}))
        done = run(node, "job", "create", place.write("both.json", job))
        equal(done.stderr, "warning: both: schedule: it has parents, and runs after them alone\n", done)
        for name in ("both", "both-first"):
            node.cli("job", "delete", name)

    with case("a program's arguments are shown with it, as a shell would want them", place):
        job = {"name": "program", "command": "/bin/bash", "shell": False, "arguments": ["-c", "cd || exit; date '+%F %T'"],
               "cron": "0 3 * * *"}
        node.cli("job", "create", place.write("program.json", job))
        shown = node.cli("job", "show", "program").stdout
        assert r"command   /bin/bash -c 'cd || exit; date '\''+%F %T'\'''" in shown.splitlines(), shown
        node.cli("job", "delete", "program")

    with case("a job is run and waited for; its failure is an exit status"):
        place.write("jobs.json", [{"name": name, "command": command, "schedule": "R/2090-01-01T00:00:00Z/P1D",
                                   "retries": 0}
                                  for name, command in (("good", "echo well done"), ("bad", "echo oh; exit 3"))])
        node.cli("apply", "jobs.json")
        assert "good ran well" in node.cli("job", "run", "good").stdout
        done = run(node, "job", "run", "bad")
        assert done.returncode == 1 and "bad: run failed" in done.stdout, done
        equal(node.cli("logs", "-f", "good").stdout, "well done\n", "followed to its end")
        assert "try: mesolith job runs good\n" in run(node, "job", "logs", "good", "--run", "9999").stderr, "no such run"
        node.cli("apply", place.write("vast.json", [{"name": "vast", "command": "true", "cpus": 9999, "concurrent": False,
                                                     "schedule": "R/2090-01-01T00:00:00Z/P1D"}]))
        first = re.fullmatch(r"Run ([0-9]+) of vast is due now\.\n", node.cli("job", "run", "vast", "--detach").stdout)[1]
        equal(node.cli("job", "run", "vast", "--detach").stdout,
              f"Nothing new is due: run {first} of vast, asked for before, waits already.\n", "asked for twice")
        node.cli("job", "delete", "vast")
        assert "disabled" in node.cli("job", "disable", "good").stdout
        equal(json.loads(node.cli("job", "show", "good", "--json").stdout)["job"]["disabled"], True, "disabled")
    with case("an app that finds no room is waited for as long as was said, with the reason"):
        done = run(node, "app", "create", "-", "--timeout", "500ms", stdin=json.dumps(sleeper("/huge", cpus=9999)))
        equal(done.returncode, 11, done)
        assert "/huge: not done after 500 ms" in done.stderr and "mesolith why app /huge" in done.stderr, done
        assert "1 node considered: 1 has too few cpus free" in done.stderr and "Ask for fewer cpus" in done.stderr, done
        assert "1 node considered: 1 has too few cpus free" in done.stdout, done
        assert "cpus" in node.cli("why", "huge").stdout
        equal(node.cli("app", "--find", "huge").stdout.splitlines()[1].split()[:2], ["/huge", "waiting"], "app list")
        assert re.search(r"^waiting +app +/huge ", node.cli("status").stdout, re.M), node.cli("status").stdout
        done = run(node, "app", "scale", "/huge", "2")
        assert done.returncode == 5 and "--force" in done.stderr, done
        assert "/huge" in node.cli("status").stdout
        assert "/huge is deleted." in node.cli("app", "delete", "huge", "--force").stdout
    with case("what export prints, apply and diff take"):
        text = node.cli("export").stdout
        place.write("all.json", text)
        done = run(node, "diff", "all.json")
        assert done.returncode == 0 and "changes" not in done.stdout, done.stdout
        done = run(node, "diff", "-", stdin=json.dumps({"id": "/web", "instances": 7}))
        assert done.returncode == 1 and "instances: 2 -> 7" in done.stdout, done
        for verb in ("diff", "apply"):
            done = run(node, verb, "-", stdin=json.dumps({"id": "/shop", "apps": [{"id": "web", "cmd": "true"}]}))
            assert done.returncode == 3 and 'got "id"' in done.stderr and "PUT /v2/groups" in done.stderr, done
        for what, text in (({"apps": [{"name": "j", "command": "x"}]}, "-: apps(0): need an app"),
                           ({"jobs": [{"name": "j"}, {"id": "/a", "cmd": "x"}]}, "-: jobs(1): need a job"),
                           ({"jobs": {"name": "j"}}, "-: jobs: got an object, need an array"),
                           ({"jobz": []}, "-: need an app, which has an \"id\""),
                           ({"jobs": [{"name": "j"}, {"name": "j"}]}, "-: jobs: j is there twice"),
                           ([{"id": "/a", "cmd": "x"}, {"id": "/a", "cmd": "y"}], "-: apps: /a is there twice")):
            for verb in ("diff", "apply"):
                done = run(node, verb, "-", stdin=json.dumps(what))
                assert done.returncode == 3 and text in done.stderr, done
        bad = [{"name": "first", "command": "true", "cron": "61 * * * *"}, {"name": "after", "command": "true", "parents": ["first"]},
               {"name": "second", "command": "true", "cron": "@yearly"}, {"id": "/bad", "cmd": "true", "instances": -1}]
        done = run(node, "apply", "-", stdin=json.dumps(bad))
        assert done.returncode == 3 and "second is applied." in done.stdout and "error: -: 3 of 4 were refused" in done.stderr, done
        assert all(f"error: {name}: " in done.stderr for name in ("first", "after", "/bad")), done.stderr
        node.cli("job", "delete", "second")
        wrong = {"jobs": [{"name": "new", "command": "true", "cron": "0 3 * *"}]}
        for verb in ("diff", "apply"):
            done = run(node, verb, "-", stdin=json.dumps(wrong))
            assert done.returncode == 3 and "error: new: cron: got 4 fields" in done.stderr and done.stdout == "", done
        before = node.supervised()
        node.cli("apply", "all.json")
        equal({t.pid for t in node.supervised().values()}, {t.pid for t in before.values()}, "tasks")
    with case("what is exported has nothing that moves by itself; its cron expressions may be edited, and again"):
        node.cli("job", "create", place.write("edited.json", {"name": "edited", "command": "true", "cron": "*/5 * * * *"}))
        file = {"jobs": [j for j in json.loads(node.cli("export").stdout)["jobs"] if j["name"] == "edited"]}
        equal({"schedule", "successCount", "errorCount", "lastSuccess", "lastError"} & set(file["jobs"][0]), set(), "moves")
        for cron in ("*/30 * * * *", "*/7 * * * *"):
            file["jobs"][0]["cron"] = cron
            place.write("edited.json", file)
            equal(run(node, "diff", "edited.json").returncode, 1, "diff")
            node.cli("apply", "edited.json")
            equal(node.cli("diff", "edited.json").stdout, "edited stays.\n", "diff of what is there")
        node.cli("job", "delete", "edited")
    with case("a job is applied after those it waits for; a difference is what the server calls one"):
        chain = [{"name": "a-last", "command": "true", "parents": ["b-middle"]},
                 {"name": "b-middle", "command": "true", "parents": ["c-first"]},
                 {"name": "c-first", "command": "true", "schedule": "R/2090-01-01T00:00:00Z/P1D",
                  "environmentVariables": {"A": "1"}}]
        place.write("chain.json", chain)
        node.cli("apply", "chain.json")
        equal(run(node, "diff", "chain.json").returncode, 0, "diff of what is there")
        chain[2]["environmentVariables"] = {"A": "2"}
        done = run(node, "diff", "-", stdin=json.dumps(chain))
        assert done.returncode == 1 and "c-first changes:" in done.stdout and "a-last stays." in done.stdout, done
        for name in ("a-last", "b-middle", "c-first"):
            node.cli("job", "delete", name)
    with case("calendars are exported, and applied before the jobs that name them"):
        place.write("off.json", {"description": "nobody is there", "days": ["SAT-SUN", "12-24/12-26"]})
        node.cli("calendar", "set", "off", "off.json")
        place.write("closed.json", [{"name": "open", "command": "true", "schedule": "R/2090-01-01T00:00:00Z/P1D",
                                     "excludeCalendars": ["off"]}])
        node.cli("apply", "closed.json")
        text = node.cli("export").stdout
        place.write("all.json", text)
        off = {"name": "off", "description": "nobody is there", "days": ["SAT-SUN", "12-24/12-26"]}
        equal(json.loads(text)["calendars"], [off], "calendars")
        equal(run(node, "diff", "all.json").returncode, 0, "diff of what is there")
        node.cli("job", "delete", "open")
        node.cli("calendar", "delete", "off")
        done = run(node, "diff", "all.json")
        assert done.returncode == 1 and "off is new." in done.stdout and "open is new." in done.stdout, done
        node.cli("apply", "all.json")
        equal(node.cli("export").stdout, text, "what was exported, applied and exported again")
        done = run(node, "diff", "-", stdin=json.dumps({"name": "off", "days": ["SAT"]}))
        assert done.returncode == 1 and 'days: ["SAT-SUN","12-24/12-26"] -> ["SAT"]' in done.stdout, done
        node.cli("job", "delete", "open")
        node.cli("calendar", "delete", "off")
    with case("an app is suspended, taken back and deleted"):
        assert "/web is suspended" in node.cli("app", "suspend", "/web").stdout
        assert "/web runs: 2 of 2 healthy" in node.cli("app", "rollback", "/web").stdout
    with case("a node drains: what has no other place stays, and why says so; then it may run tasks again"):
        name = node.cli("node", "-q").stdout.strip()
        done = run(node, "node", "drain", name, "--timeout", "500ms")
        equal(done.returncode, 11, done)
        assert f"{name}: not done after 500 ms: draining" in done.stderr, done
        assert f"{name}: draining" in node.cli("why", "node", name).stdout
        assert "2 instances wait to move off a node that drains" in node.cli("why", "app", "/web").stdout
        assert f"mesolith node undrain {name}" in node.cli("why", "node", name).stdout
        node.cli("app", "suspend", "/web")
        assert f"{name} is drained" in node.cli("node", "drain", name).stdout
        equal(node.cli("node", "--json").stdout.count('"state":"drained"'), 1, "node list")
        assert "may run tasks again" in node.cli("node", "undrain", name).stdout
        assert "/web runs: 2 of 2 healthy" in node.cli("app", "rollback", "/web").stdout
    with case("a node that stands alone keeps its vote and its place"):
        for words in (["node", "demote"], ["node", "promote"], ["node", "remove", "--yes"]):
            done = run(node, *words, name)
            assert done.returncode == 5 and "stands alone" in done.stderr, done
        done = run(node, "node", "remove", name)
        assert done.returncode == 3 and "need --yes" in done.stderr, done
        equal(node.cli("leader").stdout.split()[:2], [name, "leads,"], "leader")
        done = run(node, "leader", "transfer")
        assert done.returncode == 5 and "no other node votes" in done.stderr, done
    with case("events are followed as they happen"):
        env = dict(place.environment(), MESOLITH_ADDRESS=node.urls["marathon"])
        follower = subprocess.Popen([BINARY, "events", "-f", "app"], stdout=subprocess.PIPE, text=True, env=env)
        seen = []
        reader = threading.Thread(target=lambda: seen.extend(follower.stdout), daemon=True)
        reader.start()
        node.cli("app", "scale", "/web", "1")
        wait_for(lambda: any("/web" in line for line in seen), "an event of /web")
        follower.terminate()
        follower.wait()
        reader.join()
    with case("who prints on and on ends when nobody reads any more"):
        for words in (("events", "-f", "app"), ("logs", "-f", "/web"), ("job", "list", "--watch")):
            endless = subprocess.Popen([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
            endless.stdout.close()
            equal(endless.wait(timeout=20), 128 + signal.SIGPIPE, f"{words}: {endless.stderr.read()}")
    with case("completion knows nouns, verbs, flags and live names"):
        for words, wanted in ((["a"], "app"), (["app", "sc"], "scale"), (["app", "list", "--q"], "--quiet"),
                              (["app", "show", ""], "/web"), (["task", "list", "--job", "g"], "good")):
            got = run(node, "__complete", *words).stdout.split("\n")
            assert wanted in got, f"{words}: {got}"
        for shell in ("bash", "zsh"):
            assert "mesolith __complete" in node.cli("completion", shell).stdout
    with case("a terminal gets colours and lines that fit; NO_COLOR and dumb ones are respected"):
        shown = on_terminal(node, "app", "list")
        assert "\033[32mrunning\033[0m" in shown, shown
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            assert "\033" not in on_terminal(node, "app", "list", **environment), environment
        for line in on_terminal(node, "sql", "select definition from apps", NO_COLOR="1").splitlines():
            assert len(line) <= 60, line
        shown = on_terminal(node, "app", "scale", "/web", "2")
        assert "\033[2A\r\033[J" in shown and "/web runs: 2 of 2 healthy" in shown, shown
    with case("the address that a node leaves in its folder is found"):
        os.symlink(node.data, place.path("mesolith-dev"))
        env = {k: v for k, v in place.environment().items() if k != "MESOLITH_ADDRESS"}
        done = subprocess.run([BINARY, "app", "-q"], capture_output=True, text=True, env=env, cwd=place.folder)
        equal(done.stdout, "/web\n", done.stderr)
    with case("times that passed while no node was up are one line, which says how many", place):
        node.cli("apply", place.write("each.json", [{"name": "each", "command": "true", "cron": "* * * * * *", "epsilon": "PT1S"}]))
        wait_for(lambda: " ok " in node.cli("job", "show", "each").stdout, "a run of it")
        node.stop()
        stopped = time.time()
        done = subprocess.run([BINARY, "status"], capture_output=True, text=True, env=env, cwd=place.folder)
        assert done.returncode == 7 and "try: mesolith dev starts it again" in done.stderr, done
        wait_for(lambda: time.time() > stopped + 4, "times that pass")
        node.start()
        wait_for(lambda: re.search(r"^ *[0-9]+ +missed x[0-9]+ ", node.cli("job", "show", "each").stdout, re.M), "what was missed")
        node.cli("job", "delete", "each")
    assert "/web is deleted." in node.cli("app", "delete", "/web").stdout
