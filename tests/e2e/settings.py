"""What a process is told: flags, files and variables, right and wrong."""
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import urllib.request

from mesolith import BINARY, ask, case, equal, free_port, wait_for


def run(place, *words, **environment):
    env = {k: v for k, v in place.environment().items() if k != "MESOLITH_ADDRESS"}
    return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=60, env={**env, **environment},
                          cwd=place.folder)


# words, variables, exit status, what stderr says
REFUSED = [
    (["dev", "--dta", "x"], {}, 3, "--dta: there is no such flag, did you mean --data?"),
    (["dev", "here"], {}, 3, "here: need a flag such as --data DIR"),
    (["dev", "--data"], {}, 3, "--data: a value is missing"),
    (["dev", "--address", "foo"], {}, 3, 'address: got "foo", need an IP address such as 127.0.0.1'),
    (["dev"], {"MESOLITH_ADDRESS": "foo"}, 3, "MESOLITH_ADDRESS: address: got"),
    (["init"], {"MESOLITH_ADDRESS": "10.9.9.9"}, 3, "MESOLITH_ADDRESS: address: got 10.9.9.9, which others reach"),
    (["dev"], {"MESOLITH_AGENT_PORT": "x"}, 3, 'MESOLITH_AGENT_PORT: agent-port: got "x", need a port'),
    (["dev", "--data", "/proc/none"], {}, 9, "data: /proc/none: cannot be made"),
    (["serve", "--data", "none"], {}, 4, "make one with mesolith dev --data none"),
    (["config", "check", "--config", "none.json"], {}, 4, "none.json: cannot be read"),
    (["config", "check", "--config", "nearly.json"], {}, 3, "nearly.json: agnet-port: there is no such setting, "
     "did you mean agent-port?"),
    (["config", "check", "--config", "broken.json"], {}, 2, "broken.json: line 2, column 1"),
    (["config", "check", "--modes", "master,boss"], {}, 3, "need some of master,scheduler,agent"),
    (["config", "check", "--resources", "cpus"], {}, 3, 'resources: got "cpus"'),
    (["config", "check", "--attributes", "rack"], {}, 3, "need name:value"),
    (["config", "check", "--log", "loud"], {}, 3, "need error, warn, info or debug"),
    (["config", "check", "--heartbeat", "40"], {}, 3, "need a time such as 250ms"),
    (["dev", "--https_port", "0"], {}, 3, "ssl-keystore-path: need a file with the certificate and its key"),
    (["dev", "--disable_http"], {}, 3, "disable-http: then nobody is served: need an https-port"),
    (["config", "chek"], {}, 2, "usage: mesolith config check|show"),
]


def certificate(place, name, address=None):
    """A file with a certificate for the place's address, or another one, and its key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    place.path("key"), "-out", place.path("cert"), "-days", "2", "-subj", "/CN=deck", "-addext",
                    f"subjectAltName=IP:{address or place.address}"], check=True, capture_output=True)
    place.write(name + ".pem", open(place.path("cert")).read() + open(place.path("key")).read())


def fetched(node, ca, path):
    request = urllib.request.Request(node.urls["https"] + path, headers={"Authorization": "Basic YW5uOng="})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca)) as answer:
        return json.loads(answer.read())


def story(place):
    place.write("nearly.json", '{"agnet-port": 5051}')
    place.write("broken.json", '{"agent-port": 5051,\n')
    for words, variables, status, text in REFUSED:
        with case(" ".join([*(f"{k}={v}" for k, v in variables.items()), *words]), place):
            done = run(place, *words, **variables)
            equal(done.returncode, status, done)
            assert text in done.stderr, done
    with case("what was refused has left nothing behind", place):
        equal(sorted(os.listdir(place.folder)), ["broken.json", "nearly.json"], "files")
    with case("a flag goes before the environment, that before the file", place):
        place.write("some.json", '{// as a remark\n"agent-port": 1, "chronos-port": 1, "mesos-port": 1}')
        done = run(place, "config", "show", "--config", "some.json", "--agent-port", "3", MESOLITH_AGENT_PORT="2",
                   MESOLITH_CHRONOS_PORT="2")
        rows = [line.split() for line in done.stdout.splitlines()]
        equal([r for r in rows if r[0] in ("agent-port", "chronos-port", "mesos-port", "marathon-port")],
              [["mesos-port", "1", "file"], ["agent-port", "3", "flag"],
               ["marathon-port", "8080", "default"], ["chronos-port", "2", "environment"]], "config show")
    with case("MESOLITH_ADDRESS with a port or a scheme is meant for clients", place):
        for value, address in (("http://10.0.0.1:8080", "127.0.0.1"), ("10.0.0.1:8080", "127.0.0.1"),
                               ("127.0.0.9", "127.0.0.9"), ("::1", "::1")):
            shown = run(place, "config", "show", MESOLITH_ADDRESS=value).stdout
            assert ["address", address] in [line.split()[:2] for line in shown.splitlines()], shown
            done = run(place, "status", MESOLITH_ADDRESS=value.replace("10.0.0.1:8080", "127.0.0.9:1"))
            assert done.returncode == 7 and "connecting to" in done.stderr, done
    with case("dev, serve, stop and config have help", place):
        for words in (["dev", "--help"], ["dev", "--data", "x", "-h"], ["help", "dev"], ["serve", "--help"],
                      ["stop", "help"], ["config", "--help"]):
            done = run(place, *words)
            equal(done.returncode, 0, done)
            for text in ("usage: mesolith ", "--data", "examples:\n"):
                assert text in done.stdout, done.stdout
    with case("http-credentials: nobody is served who does not say them, at any port (spec/chronos.md G-10)", place):
        closed = place.node("closed", http_realm="our jobs", demo=True)
        closed.flags["http_credentials"] = "ann:se:cret"  # as Chronos has it
        closed.start()
        basic = {"Authorization": "Basic " + base64.b64encode(b"ann:se:cret").decode()}
        for door in ("marathon", "chronos", "mesos", "agent", "stats"):
            for path in ("/", "/ping", "/metrics", "/api/status", "/no/such"):
                denied = ask(closed.urls[door] + path)
                equal((denied.status, denied.headers["WWW-Authenticate"]), (401, 'Basic realm="our jobs"'), (door, path))
            equal(ask(closed.urls[door] + "/ping", headers={"Authorization": "Basic eDp5"}).status, 401, door)
        equal(ask(closed.urls["chronos"] + "/v1/scheduler/jobs", headers=basic).status, 200, "jobs")
        equal(ask(closed.urls["stats"] + "/stats.json", headers=basic).status, 200, "stats")
        equal(ask(closed.urls["marathon"] + "/api/jobs").json["error"]["code"], "ERR_DENIED", "our own error")
    with case("the command line takes them from the environment, and says so", place):
        asked = {"MESOLITH_ADDRESS": closed.urls["marathon"]}
        done = run(place, "job", "list", **asked)
        assert done.returncode == 12 and "try: export MESOLITH_HTTP_CREDENTIALS=USER:PASSWORD\n" in done.stderr, done
        done = run(place, "job", "list", **asked, MESOLITH_HTTP_CREDENTIALS="ann:x")
        assert done.returncode == 12 and "what it says now is wrong" in done.stderr, done
        asked["MESOLITH_HTTP_CREDENTIALS"] = "ann:se:cret"
        wait_for(lambda: "demo-date" in run(place, "job", "list", **asked).stdout, "the sample job, put in with them")
        for words in (["status"], ["logs", "demo-date"], ["backup", "save", "closed.db"], ["events"]):
            equal(run(place, *words, **asked).returncode, 0, words)
    with case("https-port: all of it by TLS too, as Chronos's --https_port, and by it alone with --disable_http", place):
        certificate(place, "first")
        node = place.node("tls", disable_http=True, stats_port=0)
        node.flags.update(https_port=0, ssl_keystore_path=place.path("first.pem"), http_credentials="ann:x")
        node.start()
        equal(list(node.urls), ["https"], "what is served")
        done = run(place, "dev", "--data", "second", "--https_port", "0", "--ssl_keystore_path", "none.pem")
        assert done.returncode == 4 and "ssl-keystore-path: none.pem: cannot be read" in done.stderr, done
        asked = {"MESOLITH_ADDRESS": node.urls["https"], "MESOLITH_HTTP_CREDENTIALS": "ann:x"}
        done = run(place, "status", **asked)
        assert done.returncode != 0 and "no CA that this machine trusts" in done.stderr and "SSL_CERT_FILE" in done.stderr, done
        asked["SSL_CERT_FILE"] = place.path("first.pem")
        equal(run(place, "status", **asked).returncode, 0, "status by TLS")
        job = '{"name": "by-tls", "command": "exec echo well", "cron": "@yearly"}'
        place.write("by-tls.json", job)
        for words in (["apply", "by-tls.json"], ["job", "run", "by-tls"]):
            equal(run(place, *words, **asked).returncode, 0, words)
        wait_for(lambda: "well" in run(place, "logs", "by-tls", **asked).stdout, "what the job has printed")
        equal(fetched(node, place.path("first.pem"), "/v1/scheduler/jobs")[0]["name"], "by-tls", "Chronos's list")
    with case("HUP takes a renewed certificate; one that is wrong leaves the old one", place):
        certificate(place, "other", "127.0.0.1")
        os.rename(place.path("other.pem"), place.path("first.pem"))
        node.process.send_signal(signal.SIGHUP)
        words = wait_for(lambda: [e for e in [run(place, "status", **asked).stderr] if "is for another host" in e], "another's")
        assert "SSL_CERT_FILE" not in words[0], words  # no CA would mend that
        certificate(place, "second")
        os.rename(place.path("second.pem"), place.path("first.pem"))
        node.process.send_signal(signal.SIGHUP)
        wait_for(lambda: run(place, "status", **asked).returncode == 0, "the new certificate")
        place.write("first.pem", "nothing")
        node.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "the certificate stays as it was" in open(node.log).read(), "a word about it")
        node.stop()
    with case("whoever is kept must keep them: a node of a cluster is not opened by its next start", place):
        done = run(place, "init", "--data", "kept", "--address", place.address, "--http-credentials", "ann:x")
        assert done.returncode == 3 and "need http-credentials-file" in done.stderr, done
        assert not os.path.exists(place.path("kept")), "a folder"
        closed.stop()
    with case("a folder is made with what is above it", place):
        node = place.node()
        node.data = place.path("some", "where", "deep")
        node.start()
    with case("a folder is one process's, and who has it is named", place):
        done = run(place, "dev", "--data", node.data)
        equal(done.returncode, 5, done)
        assert f"(process {node.pid})" in done.stderr and "mesolith stop --data" in done.stderr, done
    with case("a port in use is named, with its flag", place):
        port = node.urls["chronos"].rsplit(":", 1)[1]
        done = run(place, "dev", "--data", "second", "--address", place.address, "--mesos-port=0",
                   "--agent-port=0", "--marathon-port=0", "--stats-port=0", "--chronos-port", port)
        equal(done.returncode, 5, done)
        assert "error: --chronos-port: " in done.stderr and "the port is in use" in done.stderr, done
        done = run(place, "dev", "--data", "second", "--mesos-port=0", "--agent-port=0", "--marathon-port=0",
                   "--stats-port=0", "--chronos-port", port, MESOLITH_ADDRESS=place.address)
        assert "error: MESOLITH_ADDRESS: --chronos-port: " in done.stderr, done
    with case("a node whose page finds its port in use serves without, and says so once", place):
        with socket.socket() as taken:
            taken.bind((place.address, free_port(place.address)))
            taken.listen()
            third = place.node("third", **{"stats-port": taken.getsockname()[1]}).start()
        assert "stats" not in third.urls, third.urls
        with open(third.log) as f:
            equal(f.read().count("the proxy's page is not served"), 1, "warnings")
