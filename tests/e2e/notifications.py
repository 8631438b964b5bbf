"""Whoever owns a job is told of it: by mail, through a real mail server, and by Slack, Mattermost and a URL.
A server that refuses, that is away, a leader that dies in the middle: nobody is told nothing, and what comes
twice has the same id."""
import base64
import email
import email.policy
import http.server
import json
import logging
import os
import re
import ssl
import subprocess
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from crowd import iso8601, leader_of, now_ms, wait_voting
from mesolith import case, command_of, equal, free_port, processes_of, wait_for

USER, PASSWORD = "mesolith", "mail secret"
SLACK_SECRET, MATTERMOST_SECRET, HOOK_SECRET, SENTRY_SECRET = "T0/B0/slack-secret", "mattermost-secret", "hook-secret", "c0ffee77"

logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of itself


# ---- who is told

class Mail:
    def __init__(self, session, envelope):
        read = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.sender, self.to = envelope.mail_from, envelope.rcpt_tos
        self.subject, self.id, self.message_id = read["Subject"], read["X-Mesolith-Notice"], read["Message-ID"]
        self.text, self.headers = read.get_content(), dict(read.items())
        self.encrypted, self.login = session.ssl is not None, session.auth_data

    def __repr__(self):
        return f"{self.id} {self.to} {self.subject!r}"


class MailServer:
    """aiosmtpd on one port, which may end and begin again. Nobody gets in without STARTTLS and a login, if it
    has a certificate. `refusals`: what it answers to whom."""

    def __init__(self, place, certificate=None):
        self.place, self.certificate = place, certificate
        self.address, self.port = place.address, free_port(place.address)
        self.mails, self.refusals, self.password, self.silent = [], {}, PASSWORD, False
        self.controller = None
        place.at_end.append(self.stop)
        self.start()

    def start(self):
        more = {}
        if self.certificate is not None:
            more = {"tls_context": self.certificate.context(), "require_starttls": True, "auth_required": True,
                    "authenticator": self.authenticate}
        self.controller = Controller(self, hostname=self.address, port=self.port, **more)
        self.controller.start()

    def stop(self):
        if self.controller is not None:
            self.controller.stop()
            self.controller = None

    def authenticate(self, server, session, envelope, mechanism, data):
        good = data.login == USER.encode() and data.password == self.password.encode()
        return AuthResult(success=good, handled=False, auth_data=data.login)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refusals.get(address):
            return self.refusals[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(Mail(session, envelope))
        if self.silent:
            server.transport.abort()  # it has it, and who sends it does not know
        return "250 OK"

    def of(self, subject, to=None):
        return [m for m in self.mails if subject in m.subject and to in (None, m.to[0])]

    def wait(self, subject, to=None, n=1):
        """The mails of that subject, once there are n."""
        return wait_for(lambda: len(self.of(subject, to)) >= n and self.of(subject, to), f"{n} of {subject!r} to {to}")


class Certificate:
    def __init__(self, place, name):
        self.key, self.file = place.path(name + ".key"), place.path(name + ".pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", self.key, "-out", self.file, "-days", "2", "-subj", "/CN=mail", "-addext",
                        f"subjectAltName=IP:{place.address}"], check=True, capture_output=True)

    def context(self):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.file, self.key)
        return context


class Hooks:
    """A web server; what was posted, by path."""

    def __init__(self, place):
        self.posts, self.status = [], 200
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hooks.status == 200:
                    hooks.posts.append((self.path, dict(self.headers), body))
                self.send_response(hooks.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((place.address, 0), Handler)
        self.url = f"http://{place.address}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        place.at_end.append(self.server.shutdown)

    def wait(self, path, subject, n=1):
        def so():
            found = [(h, b) for p, h, b in self.posts
                     if p == path and subject in b.get("subject", b.get("text", b.get("message", "")))]
            return found if len(found) >= n else None
        return wait_for(so, f"{n} of {subject!r} at {path}")


# ---- what they are told of

def job(name, command, **more):
    return dict({"name": name, "command": command, "schedule": "R1//PT1H", "epsilon": "PT60S", "retries": 0,
                 "owner": "ann@example.com", "cpus": 0.01, "mem": 16, "disk": 0}, **more)


def add(node, name, command, **more):
    a = node.post("/v1/scheduler/iso8601", job(name, command, **more), "chronos")
    equal(a.status, 204, f"adding {name}: {a}")


def successes(node, name):
    return node.get(f"/v1/scheduler/job/{name}", "chronos").json["successCount"]


def sql(node, query):
    return json.loads(node.cli("sql", "--json", query).stdout)["rows"]


def ways(node, name, event):
    """(channel, whether it is over, error) of the newest notice of a job."""
    rows = sql(node, "select channel, over_ms is not null, error from notice_ways where notice = (select max(id) from "
                     f"notices where job = '{name}' and event = '{event}') order by channel")
    return [(c, bool(over), error) for c, over, error in rows]


def everywhere(node, secret):
    """Where a secret of a node is shown, of the places that others may read."""
    shown = {f"command line of {pid}": command_of(pid) for pid in processes_of(node.place.folder)}
    shown["log"] = open(node.log).read()
    for path in ("/v2/info", "/api/status", "/metrics", "/state", "/flags"):
        for door in ("marathon", "mesos", "chronos"):
            shown[door + path] = node.get(path, door).text
    shown["config"] = node.cli("config", "show", "--data", node.data).stdout
    with open(f"{node.data}/node.json") as f:
        shown["node.json"] = f.read()
    return [name for name, text in shown.items() if secret in text]


def story(place):
    usual, certificate = place.environment, Certificate(place, "mail")
    secrets = {"SSL_CERT_FILE": certificate.file}
    place.environment = lambda: dict(usual(), **secrets)
    mails, hooks = MailServer(place, certificate), Hooks(place)
    secrets["MESOLITH_MATTERMOST_URL"] = f"{hooks.url}/{MATTERMOST_SECRET}"
    node = place.node(cluster_name="prod", mail_server=f"{mails.address}:{mails.port}", mail_from="jobs@example.com",
                      mail_user=USER, mail_password_file=place.write("password", PASSWORD + "\n"),
                      slack_url=f"{hooks.url}/{SLACK_SECRET}", http_notification_url=f"{hooks.url}/hook",
                      http_notification_credentials=f"me:{HOOK_SECRET}", failure_retry="100ms",
                      sentry_dsn=f"{hooks.url.replace('//', f'//{SENTRY_SECRET}@')}/9", disable_after_failures=2).start()
    failures(place, node, mails, hooks)
    other_events(place, node, mails)
    a_test(place, node, mails, hooks)
    refusals(place, node, mails)
    away(place, node, mails, hooks)
    with case("no secret is shown to others", place):
        for secret in (PASSWORD, SLACK_SECRET, MATTERMOST_SECRET, HOOK_SECRET, SENTRY_SECRET):
            equal(everywhere(node, secret), [], f"where {secret} is shown")
        add(node, "nosy", f"env > '{place.path('nosy')}.part' && mv '{place.path('nosy')}.part' '{place.path('nosy')}'")
        wait_for(lambda: os.path.exists(place.path("nosy")), "a job has shown its environment")
        with open(place.path("nosy")) as f:
            told = f.read()
        assert not [s for s in (PASSWORD, MATTERMOST_SECRET) if s in told], told
    node.stop()
    del secrets["MESOLITH_MATTERMOST_URL"]
    old_unit_file(place)
    leaders(place)


def failures(place, node, mails, hooks):
    with case("a job that fails for good is told to each owner, by STARTTLS and with a login", place):
        add(node, "broken", "exit 3", owner="Ann <ann@example.com>, bob@example.com", retries=1)
        for to in ("ann@example.com", "bob@example.com"):
            (mail,) = mails.wait("job 'broken' failed!", to)
            equal((mail.subject, mail.sender), ("[prod] [Chronos] job 'broken' failed!", "jobs@example.com"), "mail")
            equal((mail.encrypted, mail.login), (True, USER.encode()), "STARTTLS and login")
            for part in ("Time: 20", "Due: 20", "Retries: 1 of 1", "Task id: ct:", "3"):
                assert part in mail.text, (part, mail.text)
            assert mail.id in mail.message_id, mail.headers
        wait_for(lambda: [w[1:] for w in ways(node, "broken", "failed")] == [(True, "")] * 5, "all know that it is sent")

    with case("Slack and Mattermost get their form, a hook gets Chronos's", place):
        for path in (f"/{SLACK_SECRET}", f"/{MATTERMOST_SECRET}"):
            for _, body in hooks.wait(path, "job 'broken' failed!", 2):
                equal(list(body), ["text"], path)
                assert body["text"].startswith("[prod] [Chronos] job 'broken' failed!: Time: 20"), body
        posts = hooks.wait("/hook", "job 'broken' failed!", 2)
        equal([b["to"] for _, b in posts], ["Ann <ann@example.com>", "bob@example.com"], "to")
        for headers, body in posts:
            equal(base64.b64decode(headers["Authorization"].split()[1]).decode(), f"me:{HOOK_SECRET}", "login")
            equal({k: body[k] for k in ("job", "command", "cpus", "retries", "errorCount", "softError", "event")},
                  {"job": "broken", "command": "exit 3", "cpus": "0.01", "retries": "1", "errorCount": "1",
                   "softError": "false", "event": "failed"}, "hook")
            assert all(isinstance(v, str) for v in body.values()), body
        equal(len({h["X-Mesolith-Notice"] for h, _ in posts}), 2, "an id each")

    with case("Sentry gets events, with owner, job and command as tags", place):
        events = hooks.wait("/api/9/store/", "job 'broken' failed!", 2)
        equal([b["tags"]["owner"] for _, b in events], ["Ann <ann@example.com>", "bob@example.com"], "tags")
        equal(len({b["event_id"] for _, b in events}), 2, "an id each")
        for headers, body in events:
            assert f"sentry_key={SENTRY_SECRET}" in headers["X-Sentry-Auth"], headers
            equal((body["level"], body["tags"]["job"], body["tags"]["command"]), ("error", "broken", "exit 3"), "event")
            equal((body["extra"]["errorCount"], len(body["event_id"])), ("1", 32), "event")

    with case("a job that is deleted is told without a message", place):
        equal(node.delete("/v1/scheduler/job/broken", "chronos").status, 204, "delete")
        mails.wait("Your job 'broken' was deleted!", "bob@example.com")
        ((_, body), _) = hooks.wait("/hook", "Your job 'broken' was deleted!", 2)
        assert "message" not in body, body
        for _, body in hooks.wait(f"/{SLACK_SECRET}", "was deleted!", 2):
            equal(body, {"text": "[prod] [Chronos] Your job 'broken' was deleted!"}, "Slack")


def other_events(place, node, mails):
    with case("a job that works again is told, if it asks for that, and that it works is not told again", place):
        flag = place.path("works")
        add(node, "wavers", f"test -e '{flag}'", schedule="R//PT1S", notify=["failed", "recovered"])
        mails.wait("job 'wavers' failed!")
        place.write("works", "")
        mails.wait("job 'wavers' works again")
        runs = successes(node, "wavers")
        wait_for(lambda: successes(node, "wavers") >= runs + 2, "it goes on to work")
        equal(len(mails.of("job 'wavers' works again")), 1, "once")
        equal(node.delete("/v1/scheduler/job/wavers", "chronos").status, 204, "delete")

    with case("a run that starts late is told, one in time is not", place):
        due = iso8601(now_ms() - 5000)
        add(node, "late", "true", schedule=f"R1/{due}/PT1H", notifyLateSeconds=2, notify=["late"])
        add(node, "in-time", "true", schedule=f"R1/{due}/PT1H", notifyLateSeconds=3600, notify=["late"])
        (mail,) = mails.wait("job 'late' started late")
        assert f"Due: {due}" in mail.text, mail.text
        wait_for(lambda: successes(node, "in-time") == 1, "the other one ran")
        equal(mails.of("'in-time'"), [], "nothing of the other")

    with case("a run that is missed is told, with the reason", place):
        add(node, "missed", "true", cpus=100000, epsilon="PT1S", notify=["missed"])
        (mail,) = mails.wait("job 'missed' missed a run")
        assert "no-resources" in mail.text, mail.text

    with case("a job that is disabled is told: by too many failures, and because its recurrences are used up", place):
        add(node, "hopeless", "exit 1", schedule="R//PT1S")
        (mail,) = mails.wait("job 'hopeless' disabled")
        equal(len(mails.of("job 'hopeless' failed!")), 1, "the failure before it")
        add(node, "last", "true")
        (mail,) = mails.wait("job 'last' disabled")
        assert "all its recurrences are used up" in mail.text, mail.text


    with case("a run that finds no place is told while it waits, with the reason", place):
        add(node, "homeless", "true", schedule="R1/2099-01-01T00:00:00Z/PT1H", cpus=100000, notifyLateSeconds=1,
            notify=["unplaced"])
        equal(node.put("/v1/scheduler/job/homeless", door="chronos").status, 204, "run now")
        (mail,) = mails.wait("job 'homeless' finds no place to run")
        assert "1 node considered: 1 has too few cpus free (" in mail.text, mail.text
        equal(node.delete("/v1/scheduler/job/homeless", "chronos").status, 204, "delete")


def a_test(place, node, mails, hooks):
    with case("a test by all channels: it is sent, and that is said within seconds", place):
        done = node.cli("notice", "test", "ann@example.com")
        equal(done.stdout.splitlines(), ["http: it was taken.", "mail: it was taken.", "mattermost: it was taken.", "sentry: it was taken.",
                                         "slack: it was taken."], "what became of it")
        (mail,) = mails.wait("[prod] [Chronos] job 'test' is not meant: this is a test", "ann@example.com")
        hooks.wait("/hook", "this is a test")

    with case("what the server refuses is said in its words, and the test is not sent again", place):
        mails.refusals["nobody@example.com"] = ["451 4.7.1 not now"] * 9
        done = node.cli("notice", "test", "mail", "nobody@example.com", check=False)
        equal(done.returncode, 1, done)
        assert re.fullmatch(r'mail: [0-9.:]+: it answers "451 4.7.1 not now" to RCPT TO\n', done.stdout), done
        equal(len(mails.refusals["nobody@example.com"]), 8, "asked once")

    with case("a local name has the domain of the sender", place):
        done = node.cli("notice", "test", "mail", "root")
        equal(done.stdout, "mail: it was taken.\n", "what became of it")
        mails.wait("is not meant: this is a test", "root@example.com")

    with case("a job without owner is told to all but by mail, for which there is nobody", place):
        before = node.get("/api/channels").json["items"][0]
        add(node, "orphan", "exit 1", owner="", notify=["failed"])
        hooks.wait("/hook", "job 'orphan' failed!")
        equal(ways(node, "orphan", "failed")[1], ("mail", True, "no owner, so nobody to mail"), "by mail")
        wait_for(lambda: "orphan" in node.cli("notice", "list", "--state", "sent").stdout, "the others were told")
        equal(node.get("/api/channels").json["items"][0]["sent"], before["sent"], "sent")

    with case("an owner whom no mail can reach is named when the job is made", place):
        done = node.cli("job", "create", place.write("odd.json", json.dumps(
            {"name": "odd", "command": "true", "schedule": "R1/2099-01-01T00:00:00Z/PT1H", "owner": "a@x; b@x"})))
        assert 'owner: "a@x; b@x" is no mail address' in done.stdout, done
        equal(node.delete("/v1/scheduler/job/odd", "chronos").status, 204, "delete")

    with case("one that cannot be is refused at once", place):
        done = node.cli("notice", "test", "mail", check=False)
        equal((done.returncode, "to: need the address" in done.stderr), (3, True), done)
        done = node.cli("notice", "test", "pigeon", check=False)
        equal((done.returncode, "need mail, slack, mattermost, http or sentry" in done.stderr), (3, True), done)


def refusals(place, node, mails):
    with case("an owner whom the mail server does not know is left out, and it is known why", place):
        mails.refusals["nobody@example.com"] = ["550 5.1.1 no such user here"] * 9
        add(node, "unknown", "exit 1", owner="nobody@example.com, ann@example.com")
        mails.wait("job 'unknown' failed!", "ann@example.com")
        equal(mails.of("", "nobody@example.com"), [], "mails to nobody")
        equal(len(mails.refusals["nobody@example.com"]) >= 7, True, "asked once for each of two notices")

    with case("one whom it cannot take now is tried again until he is told, once", place):
        mails.refusals["greylisted@example.com"] = ["451 4.7.1 try again later"] * 2
        add(node, "grey", "exit 1", owner="greylisted@example.com", notify=["failed"])
        wait_for(lambda: "451 4.7.1" in ways(node, "grey", "failed")[1][2], "the refusal is known, in its words")
        mails.wait("job 'grey' failed!", "greylisted@example.com")
        wait_for(lambda: ways(node, "grey", "failed")[1] == ("mail", True, ""), "it is known that he is told")
        equal(len(mails.of("job 'grey' failed!")), 1, "once")

    with case("a wrong password is said in words, and corrected there, all is told", place):
        mails.password = "another"
        add(node, "locked", "exit 1", notify=["failed"])
        wait_for(lambda: "535" in ways(node, "locked", "failed")[1][2], "the refusal is known")
        mails.password = PASSWORD
        mails.wait("job 'locked' failed!")


def away(place, node, mails, hooks):
    with case("servers that are away for a while: the others are not kept waiting, and then all is told, once", place):
        mails.stop()
        hooks.status = 503
        for i in range(3):
            add(node, f"away{i}", "exit 1", notify=["failed"])
        wait_for(lambda: [w[1:] != (False, "") for w in ways(node, "away0", "failed")] == [True] * 5, "all have failed")
        refused = dict((w[0], w[2]) for w in ways(node, "away0", "failed"))
        assert "refused" in refused["mail"] and "503" in refused["http"], refused
        hooks.status = 200
        for i in range(3):
            hooks.wait("/hook", f"job 'away{i}' failed!")
        equal(ways(node, "away0", "failed")[1][1], False, "mail still waits")
        shown(node)
        done = node.cli("notice", "test", "mail", "ann@example.com", check=False)
        assert done.returncode == 1 and "refused" in done.stdout, done
        mails.start()
        for i in range(3):
            mails.wait(f"job 'away{i}' failed!")
        wait_for(lambda: sql(node, "select count(*) from notice_ways where over_ms is null") == [[0]], "nothing waits")
        equal([len(mails.of(f"job 'away{i}' failed!")) for i in range(3)], [1, 1, 1], "once each")

    with case("what waits outlives the node", place):
        mails.stop()
        add(node, "patient", "exit 1", notify=["failed"])
        wait_for(lambda: "refused" in ways(node, "patient", "failed")[1][2], "it waits")
        ((id, cluster),) = sql(node, "select max(id), (select value from settings where key = 'cluster') from notices")
        node.kill9()
        mails.start()
        node.start()
        (mail,) = mails.wait("job 'patient' failed!")
        equal(mail.id, f"{id}.0.{cluster}", "the id it has had")


def shown(node):
    """While three notices wait for the mail server: API, command line and metrics."""
    (mail,) = [c for c in node.get("/api/channels").json["items"] if c["channel"] == "mail"]
    assert mail["pending"] == 3 and "refused" in mail["error"] and mail["next"] > iso8601(now_ms() - 60000), mail
    waiting = node.get("/api/notices?state=pending").json
    equal(waiting["total"], 3, waiting)
    for notice in waiting["items"]:
        (way,) = [w for w in notice["ways"] if w["channel"] == "mail"]
        equal((way["state"], "refused" in way.get("error", "refused")), ("pending", True), way)
    listed = node.cli("notice", "list", "--state", "pending").stdout
    assert "away2" in listed and "refused" in listed, listed
    assert re.search(r"^mail +yes +3 +[0-9]+ +[0-9]+ .*refused", node.cli("notice", "channels").stdout, re.M), listed
    numbers = node.get("/metrics/prometheus").text
    assert "\nmarathon_notices_pending_gauge 3\n" in numbers, numbers
    for name in ("sent", "failed"):
        assert int(re.search(rf"^marathon_notices_{name}_counter ([0-9]+)$", numbers, re.M)[1]) > 0, numbers


def old_unit_file(place):
    """The flags of a Chronos that was."""
    node = place.node("old")
    with case("the flags of a unit file of Chronos start it; what means nothing is said once each", place):
        for name in ("chronos-port", "address"):
            del node.flags[name]
        usual = node.command
        node.command = lambda: [*usual(), "--http_port", str(free_port(place.address)), "--http_address", place.address,
                                "--zk_hosts", "a:2181,b:2181", "--master", "zk://a:2181/mesos", "--mail_server", "m:25",
                                "--mesos_task_mem", "7", "--run_disabled=false", "--disable_http_compression",
                                "--mesos_checkpoint", "--failure_retry", "1000", "--zk_hosts=a:2181"]
        node.start()
        equal([node.logged(f"setting={name} ") for name in ("zk_hosts", "master", "mesos_checkpoint")], [1, 1, 1], "said")
        equal(node.logged("owners of jobs get no mail missing=mail-from"), 1, "mail")
        a = node.post("/v1/scheduler/iso8601", {"name": "off", "command": "true", "schedule": "R/2099-01-01T00:00:00Z/PT1H",
                                                "disabled": True}, "chronos")
        equal(a.status, 204, a)
        (job,) = node.get("/v1/scheduler/jobs", "chronos").json
        equal(job["mem"], 7, "mem of a job that has none")
        equal(node.put("/v1/scheduler/job/off", door="chronos").status, 204, "run now")
        equal(node.get("/api/runs").json["total"], 0, "runs of a disabled job")
        answer = node.get("/scheduler/jobs", "chronos")
        equal("Content-Encoding" in answer.headers, False, "compressed")
        equal(node.stop()[0], 0, "exit status")


def leaders(place):
    mails = MailServer(place)
    flags = {"mail-server": f"{mails.address}:{mails.port}", "mail-from": "jobs@example.com", "mail-domain": "staff.example.org"}
    first = place.member(1, **flags).start()
    nodes = [first, *(place.member(i, first, **flags).start() for i in (2, 3))]
    wait_voting(nodes)

    def fail(name):
        leader = wait_for(lambda: leader_of(nodes), "somebody leads")
        add(leader, name, "exit 1", notify=["failed"])
        return leader

    def other(leader):
        return next(n for n in nodes if n is not leader)

    def back(leader):
        leader.start()
        wait_voting(nodes)

    with case("a local name has the domain that was said", place):
        first.cli("notice", "test", "mail", "root")
        mails.wait("is not meant: this is a test", "root@staff.example.org")

    with case("the leader dies between deciding and sending: the next one sends it, with the same id", place):
        mails.stop()
        leader = fail("dies-before")
        wait_for(lambda: ways(leader, "dies-before", "failed"), "it is decided")
        ((id,),) = sql(leader, "select id from notices where job = 'dies-before'")
        leader.kill9()
        mails.start()
        (mail,) = mails.wait("job 'dies-before' failed!")
        assert mail.id.startswith(f"{id}.0."), mail
        wait_for(lambda: ways(other(leader), "dies-before", "failed") == [("mail", True, "")], "it is known")
        back(leader)
        equal(len(mails.of("job 'dies-before' failed!")), 1, "once")

    with case("it dies when the server has it and it does not know yet: it comes again, with the same id", place):
        mails.silent = True
        leader = fail("dies-after")
        mails.wait("job 'dies-after' failed!")
        leader.kill9()
        before = len(mails.of("job 'dies-after' failed!"))
        mails.silent = False
        wait_for(lambda: ways(other(leader), "dies-after", "failed") == [("mail", True, "")], "it is known")
        sent = mails.of("job 'dies-after' failed!")
        assert len(sent) > before and len({(m.id, m.message_id) for m in sent}) == 1, sent
        back(leader)
