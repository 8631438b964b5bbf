"""`mesolith backup`: saved from a node at work, looked at, and made a new cluster of."""
import hashlib
import json
import os
import sqlite3
import subprocess

from mesolith import BINARY, ask, case, equal, sample_app, sleeper, wait_for

PORT = 10000
TRAILER = 192


def mesolith(place, *words):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=60,
                          env=place.environment(), cwd=place.folder)


def verify(place, path):
    done = mesolith(place, "backup", "verify", path, "--json")
    equal(done.returncode, 0, done)
    return json.loads(done.stdout)


def changed(place, text, change):
    """A copy whose bytes are sound, but whose rows are not those that were written."""
    path = place.path("changed.backup")
    with open(path, "wb") as f:
        f.write(text[:-TRAILER])
    with sqlite3.connect(path) as db:
        db.execute(change)
    db.close()
    with open(path, "rb") as f:
        body = f.read()
    with open(path, "ab") as f:
        made = text[-TRAILER:].split(b"\n")[3]
        lines = b"\n".join((b"", b"mesolith backup 1", b"size %020d" % len(body), made,
                            b"sha256 " + hashlib.sha256(body).hexdigest().encode(), b""))
        f.write(lines.ljust(TRAILER - 1) + b"\n")
    return path


def story(place):
    node = place.node().start()
    node.create(sample_app("/sample", PORT, instances=2))
    node.create(sleeper("/sleeper"))
    node.wait_running("/sample", 2)
    node.wait_running("/sleeper", 1)
    before = {t.name for t in node.supervised().values()}
    backup = place.path("one.backup")
    with case("a backup is saved while the node works, and says what is in it"):
        said = node.cli("backup", "save", backup).stdout
        assert "2 apps" in said and "3 tasks on 1 node" in said, said
        equal(oct(os.stat(backup).st_mode & 0o777), "0o600", "its mode")
        facts = verify(place, backup)
        equal((facts["apps"], facts["jobs"], facts["tasks"]), (2, 0, 3), "what is in it")
        equal(facts["bytes"], os.path.getsize(backup), "its size")
        equal([f for f in os.listdir(node.data) if "backup" in f], [], "copies that are left")
    with open(backup, "rb") as f:
        text = f.read()
    with case("SQLite reads it as it is"):
        with sqlite3.connect(f"file:{backup}?mode=ro", uri=True) as db:
            equal(db.execute("select count(*) from apps").fetchone(), (2,), "apps")
        db.close()
    with case("the API gives the same, however slowly it is read"):
        a = ask(node.urls["marathon"] + "/api/backup")
        equal(a.status, 200, a)
        assert a.body.startswith(b"SQLite format 3\0") and b"mesolith backup 1" in a.body[-TRAILER:]
    with case("what is not whole, or not what it was, is refused in words"):
        pieces = {"cut": text[:-1], "half": text[:len(text) // 2], "nothing": b"", "other": b"x" * 5000,
                  "flipped": text[:9000] + bytes([text[9000] ^ 1]) + text[9001:]}
        for name, piece in pieces.items():
            with open(place.path(name), "wb") as f:
                f.write(piece)
            done = mesolith(place, "backup", "verify", name)
            equal(done.returncode, 10, f"{name}: {done}")
            assert name in done.stderr, done
            equal(mesolith(place, "backup", "restore", name, "--data", "never").returncode, 10, name)
        assert not os.path.exists(place.path("never"))
        done = mesolith(place, "backup", "verify", changed(place, text, "update apps set instances = 7"))
        assert done.returncode == 10 and "apps: its kept sum" in done.stderr, done
        equal(mesolith(place, "backup", "verify", "nowhere").returncode, 4, "no file")
    with case("where it cannot be written, nothing is left"):
        done = node.cli("backup", "save", place.path("none", "x"), check=False)
        assert done.returncode == 9 and "none/x" in done.stderr, done
    with case("a folder that has something is not taken"):
        for folder in (node.data, place.folder):
            done = mesolith(place, "backup", "restore", backup, "--data", folder)
            assert done.returncode == 5 and folder in done.stderr, done
        node.get("/ping")
    with case("restored, it is a new cluster that runs what the old one ran, with tasks of its own"):
        old = node.get("/api/status").json
        equal(mesolith(place, "stop", "--all", "--data", node.data).returncode, 0, "stop")
        node.process.wait(5)
        node.process.stdout.close()
        again = place.node("again")
        done = mesolith(place, "backup", "restore", backup, "--data", again.data)
        equal(done.returncode, 0, done)
        assert f"mesolith dev --data {again.data}" in done.stdout, done
        again.start()
        again.wait_running("/sample", 2)
        again.wait_running("/sleeper", 1)
        wait_for(lambda: ask(f"http://{place.service_address}:{PORT}/").status == 200, "the service port")
        assert before.isdisjoint(t.name for t in again.supervised().values())
        assert again.get("/api/status").json["cluster"] != old["cluster"]
        equal([n["name"] for n in again.get("/api/nodes").json["items"]].__len__(), 1, "nodes")
    with case("it is a node like any other from then on"):
        again.restart()
        again.wait_running("/sample", 2)
        again.create(sleeper("/another"))
        again.wait_running("/another", 1)
        done = again.cli("backup", "save", place.path("two.backup"))
        assert "3 apps" in done.stdout, done
