"""A cluster is made by three commands; whoever does not belong to it is turned away, with a sentence."""
import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import types

from mesolith import BINARY, case, equal, processes_of, wait_for


def copy_running(source, target):
    """The folder of a running node, in which files come and go."""
    def copy(path, to):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(path, to)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.sock"), copy_function=copy)


def node_json(node):
    with open(os.path.join(node.data, "node.json")) as f:
        return json.load(f)


def mode_of(node, name):
    return os.stat(os.path.join(node.data, "certs", name)).st_mode & 0o777


def refused(done, status, text):
    equal(done.returncode, status, done)
    assert text in done.stderr, done


def sql(node, query):
    return json.loads(node.cli("sql", "--json", query).stdout)["rows"]


def story(place):
    first = place.member(1)

    with case("init makes a cluster and says how others join"):
        first.start()
        assert f"mesolith join {first.address}:5055 --token MESO1-msa-" in first.said, first.said
        equal([mode_of(first, n) for n in (".", "ca.key", "node.key")], [0o700, 0o600, 0o600], "modes of certs/")

    with case("it has told the state who it is, and its token"):
        wait_for(lambda: "founding" not in node_json(first), "founding is over")
        file = node_json(first)
        equal(sql(first, "select id, store, token from identities"), [[file["id"], file["store"], None]], "identities")
        equal(sql(first, "select count(*) from tokens"), [[1]], "tokens")

    with case("init said again, or join, or dev, in that folder is refused"):
        first.stop()
        first.made = False
        refused(first.run(), 5, "was made in")
        other = place.member(9, first)
        other.data, other.flags["address"] = first.data, first.address
        refused(other.run(), 5, "is of cluster")
        dev = subprocess.run([BINARY, "dev", "--data", first.data], capture_output=True, text=True, timeout=30,
                             cwd=place.folder, env=place.environment())
        refused(dev, 5, "holds a node of a cluster")

    with case("serve needs nothing but the folder"):
        token = first.printed_token
        first.made = True
        first.start()
        first.said += token
        shown = subprocess.run([BINARY, "config", "show", "--data", first.data], capture_output=True, text=True,
                               timeout=30, cwd=place.folder, env=place.environment()).stdout
        assert ["address", first.address, "folder"] in [line.split() for line in shown.splitlines()], shown

    second, third = place.member(2, first), place.member(3, first)
    with case("two more join, and the three are masters, within seconds"):
        third.token_shown = True
        second.launch()
        third.launch()
        second.start_ends(10)
        third.start_ends(10)
        wait_for(lambda: roles(first) == ["leader", "voter", "voter"], "three vote", 10)
        for node in (second, third):
            equal(node_json(node)["cluster"], node_json(first)["cluster"], "cluster")
            equal(mode_of(node, "node.key"), 0o600, "node.key")
            equal(sql(node, "select count(*) from identities"), [[3]], f"identities at {node.name}")

    with case("no list of processes shows a token, though it was typed"):
        for pid in processes_of(place.folder):
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", "rb") as f:
                    assert third.token.encode() not in f.read(), f"{name} of {pid}"

    with case("each master gets the key that signs, for itself alone"):
        for node in (second, third):
            wait_for(lambda: mode_of(node, "ca.key") == 0o600, f"the key is at {node.name}")

    with case("a node joins at any master, only as what the token is for, and an agent gets no key"):
        made = json.loads(second.cli("token", "create", "--modes", "agent", "--json").stdout)
        agent = place.member(6, second, made["token"])
        refused(agent.run(), 3, "modes: got master,scheduler,agent, need some of agent")
        agent.flags["modes"] = "agent"
        agent.start()
        equal(sorted(os.listdir(os.path.join(agent.data, "certs"))), ["ca.pem", "node.key", "node.pem"], "certs/")

    with case("joining twice is refused"):
        second.made = False
        second.stop()
        refused(second.run(), 5, "already: mesolith serve")
        second.made = True
        second.start()

    strangers(place, first)
    halfway(place, first)
    slow_disks(place)
    certificates(place)


def roles(node):
    return sorted(n["role"] for n in json.loads(node.cli("node", "list", "--json").stdout)["items"] if n["role"] != "agent")


def certificate_of(node):
    return ssl._ssl._test_decode_cert(os.path.join(node.data, "certs", "node.pem"))


def serial_of(node):
    return int(certificate_of(node)["serialNumber"], 16)


def is_over(node):
    return time.time() > ssl.cert_time_to_seconds(certificate_of(node)["notAfter"])


def halfway(place, at):
    """What a kill leaves, whenever it comes."""
    with case("init that was killed goes on; there is never a second CA"):
        first = place.member(31)
        first.serves, authorities, killed = False, set(), 0
        for at_s in (0.005, 0.01, 0.02, 0.03, 0.04, 0.06):
            first.launch()
            with contextlib.suppress(subprocess.TimeoutExpired):
                first.process.wait(at_s)
            killed += first.process.poll() is None
            first.kill9()
            with contextlib.suppress(OSError), open(os.path.join(first.data, "certs", "ca.pem")) as f:
                authorities.add(f.read())
        assert killed > 0 and len(authorities) <= 1, (killed, len(authorities))
        done = first.run()
        equal(done.returncode, 0, done)
        with open(os.path.join(first.data, "certs", "ca.pem")) as f:
            authorities.add(f.read())
        equal(len(authorities), 1, "CAs")

    with case("the token that was printed last is good, also while the first node is just starting"):
        first.said, first.made = done.stdout, True
        other = place.member(32, first)
        other.serves = False
        first.launch()
        done = other.run()
        equal(done.returncode, 0, done)
        first.stop()

    with case("serve says what was interrupted"):
        shutil.copytree(first.data, place.path("cut"), ignore=shutil.ignore_patterns("*.sock", "lock", "*.db*", "agent"))
        with open(place.path("cut", "node.json")) as f:
            file = json.load(f)
        with open(place.path("cut", "node.json"), "w") as f:
            json.dump({"id": file["id"], "store": file["store"]}, f)
        cut = place.member(33)
        cut.data, cut.made = place.path("cut"), True
        refused(cut.run(), 5, "mesolith init was interrupted")
        cut.made, cut.serves = False, False
        equal(cut.run().returncode, 0, "init")

    with case("what is wrong is said before anything is made"):
        for words, status, text in ((["init", "--address", "10.9.9.9"], 3, "the HTTP doors speak no TLS: need --plain"),
                                    (["init", "--peer-port", "0"], 3, "peer-port: got 0"),
                                    (["init", "--address", "0.0.0.0", "--plain", "mesos,agent,marathon,chronos,stats"],
                                     3, "advertise"),
                                    (["join", at.address], 3, "token: is missing"),
                                    (["join", "--token", at.printed_token], 2, "need the address of a node"),
                                    (["join", "deck:99999", "--token", at.printed_token], 3, "deck:99999")):
            done = subprocess.run([BINARY, *words, "--data", place.path("nothing")], capture_output=True, text=True,
                                  timeout=30, cwd=place.folder, env=place.environment())
            refused(done, status, text)
            assert not os.path.exists(place.path("nothing", "certs")), words


def certificates(place):
    """Of another cluster, whose certificates live for seconds."""
    short = {"certificate-life": "6s"}
    first = place.member(21, **short).start()
    second = place.member(22, first, **short).start()
    worker = place.member(23, first, modes="agent").start()
    nodes = (first, second, worker)

    with case("certificates are renewed at half of their life, and no connection is lost"):
        wait_for(lambda: os.path.exists(os.path.join(second.data, "certs", "ca.key")), "the second has the key")
        before = {n.name: serial_of(n) for n in nodes}
        lost = {n.name: n.logged(" disconnected node=") for n in nodes}
        for n in nodes:
            wait_for(lambda: serial_of(n) != before[n.name], f"{n.name} has another certificate")
        again = {n.name: serial_of(n) for n in nodes}
        for n in nodes:
            wait_for(lambda: serial_of(n) != again[n.name], f"{n.name} has a third one")
        equal({n.name: n.logged(" disconnected node=") for n in nodes}, lost, "connections lost")

        def known():
            newest = {r[0]: r[1] for r in sql(first, "select name, serial from identities")}
            return all(serial_of(n) == newest[n.name] for n in nodes)
        wait_for(known, "the state knows the newest")

    with case("a node that was off for too long says how it comes back, and does"):
        worker.stop()
        wait_for(lambda: is_over(worker), "its certificate is over")
        refused(worker.run(), 3, "mesolith join ADDRESS --token TOKEN makes it good again")
        worker.made = False
        worker.start()
        equal(sql(first, "select count(*) from identities"), [[3]], "identities")

    with case("a cluster that was off for too long comes back: its masters sign for themselves"):
        for n in nodes:
            n.stop()
        for n in (first, second):
            wait_for(lambda: is_over(n), "its certificate is over")
        first.launch()
        second.launch()
        first.start_ends()
        second.start_ends()


# Every sync takes longer, as on disks that turn.
SLOW_DISK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static int late(const char *name, int fd)
{
    usleep((useconds_t)atoi(getenv("SYNC_US")));
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}
int fsync(int fd) { return late("fsync", fd); }
int fdatasync(int fd) { return late("fdatasync", fd); }
"""


def slow_disks(place):
    with case("the token that is printed is good, however long the disk takes"):
        library = place.path("slow_disk.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, place.write("slow_disk.c", SLOW_DISK), "-ldl"], check=True)
        usual, nodes = place.environment, [place.member(40 + i) for i in range(12)]
        for i, node in enumerate(nodes):
            slow = {"LD_PRELOAD": library, "SYNC_US": str(4000 * (i + 1))}
            slow["ASAN_OPTIONS"] = usual()["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
            place.environment = lambda slow=slow: dict(usual(), **slow)
            node.launch()
        place.environment = usual
        for node in nodes:
            node.start_ends()
        equal([sql(n, "select count(*) from tokens") for n in nodes], [[[1]]] * len(nodes), "tokens")
        for node in nodes:
            node.stop()


def strangers(place, first):
    stranger = place.member(4, first)
    good = stranger.token

    with case("a token that was cut, or is not one, is refused before anybody is dialled"):
        stranger.token = good[:-1]
        refused(stranger.run(), 3, "token")
        stranger.token = "hunter2"
        done = stranger.run()
        refused(done, 3, "token")
        assert "hunter2" not in done.stderr, done

    with case("a revoked token is refused, and both sides say so"):
        made = json.loads(first.cli("token", "create", "--json").stdout)
        first.cli("token", "revoke", made["id"])
        stranger.token = made["token"]
        refused(stranger.run(), 3, f"the cluster refused: token: {made['id']} was revoked")
        wait_for(lambda: first.logged("was revoked"), "the first says so")

    with case("a token of another cluster says nothing secret"):
        alien = place.member(7)
        alien.serves = False
        done = alien.run()
        equal(done.returncode, 0, done)
        alien.said = done.stdout
        stranger.token = alien.printed_token
        done = stranger.run()
        assert done.returncode != 0 and "cluster" in done.stderr, done

    with case("what was refused has not joined"):
        equal(os.path.exists(os.path.join(stranger.data, "certs")), False, "certs/")
        refused(subprocess.run([BINARY, "serve", "--data", stranger.data], capture_output=True, text=True, timeout=30,
                               cwd=place.folder, env=place.environment()), 4, "there is no node in this folder")

    with case("garbage, and plain HTTP, on the peer port"):
        for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(300)):
            with socket.create_connection((first.address, 5055), 10) as s:
                s.sendall(text)
                s.settimeout(15)
                try:
                    while s.recv(4096):
                        pass
                except ConnectionResetError:
                    pass

    with case("garbage over TLS is answered by a sentence"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["mesolith"])
        for text, why in ((b"hello\n", "join request"), (b'{"m":"renew","v":1,"request":"-----BEGIN x"}\n', "only join"),
                          (b'{"m":"join","v":7}\n', "version 7")):
            with socket.create_connection((first.address, 5055), 10) as plain, context.wrap_socket(plain) as s:
                s.sendall(text)
                answer = b""
                while not answer.endswith(b"\n"):
                    chunk = s.recv(4096)
                    if not chunk:
                        break
                    answer += chunk
                answer = json.loads(answer.removeprefix(b"+"))  # the byte that says: come in
                equal(answer["m"], "refused", answer)
                assert why in answer["text"], answer

    with case("killed while it joins, it goes on with the same id"):
        stranger.token = good
        stranger.serves = False
        for at in (0.01, 0.03, 0.06, 0.1):
            stranger.launch()
            try:
                stranger.process.wait(at)
            except subprocess.TimeoutExpired:
                pass
            stranger.kill9()
        done = stranger.run()
        assert done.returncode == 0 or "already: mesolith serve" in done.stderr, done
        equal(os.path.exists(os.path.join(stranger.data, "certs", "node.pem")), True, "its certificate")
        equal(sql(first, f"select id from identities where name = '{stranger.name}'"), [[node_json(stranger)["id"]]],
              "identities")

    with case("interrupted when it was admitted already, it goes on with the same key"):
        certs = os.path.join(stranger.data, "certs")
        os.rename(certs, certs + ".new")
        done = stranger.run()
        equal(done.returncode, 0, done)
        equal(sql(first, f"select id from identities where name = '{stranger.name}'"), [[node_json(stranger)["id"]]],
              "identities")

    with case("who knows id and store and has a token, but not the key, is refused, and both sides say so"):
        thief = place.member(8, first)
        os.makedirs(thief.data)
        shutil.copy(os.path.join(stranger.data, "node.json"), thief.data)
        refused(thief.run(), 5, "the cluster refused: key: got ")
        wait_for(lambda: first.logged("an id is for one key"), "the first says so")
        equal(sql(first, f"select address from identities where name = '{stranger.name}'"),
              [[stranger.address + ":5055"]], "identities")

    with case("a copied folder is not let in under the same id"):
        stranger.serves, stranger.made = True, True
        stranger.launch()
        wait_for(lambda: stranger.logged(" connected node=") >= 1, "it is connected")
        copy = place.member(5, first)
        copy_running(stranger.data, copy.data)
        os.unlink(os.path.join(copy.data, "lock"))
        done = subprocess.run([BINARY, "serve", "--data", copy.data, "--address", copy.address], capture_output=True,
                              text=True, timeout=30, cwd=place.folder, env=place.environment())
        refused(done, 5, f"address: got {copy.address}, this node was admitted at {stranger.address}")
        taken = {"MESOLITH_ADDRESS": first.address, "MESOLITH_MARATHON_PORT": first.urls["marathon"].rsplit(":", 1)[1]}
        done = subprocess.run([BINARY, "serve", "--data", copy.data], capture_output=True, text=True, timeout=30,
                              cwd=place.folder, env={**place.environment(), **taken})
        refused(done, 5, f"MESOLITH_ADDRESS: address: got {first.address}, this node was admitted at {stranger.address}")
        done = subprocess.run([BINARY, "serve", "--data", copy.data, "--peer-port", "5056"], capture_output=True,
                              text=True, timeout=30, cwd=place.folder, env=place.environment())
        refused(done, 5, f"got {stranger.address}:5056, this node was admitted at {stranger.address}:5055")
        file = node_json(copy)
        file["store"] += 1
        with open(os.path.join(copy.data, "node.json"), "w") as f:
            json.dump(file, f)
        copy.made = True
        refused(copy.run(), 5, "put back what belongs together")

    with case("a node that has moved says so by joining again, and is the same"):
        stranger.stop()
        stranger.flags["address"] = stranger.address = place.net + ".44"
        stranger.flags["peer-port"] = 5056
        stranger.at = types.SimpleNamespace(address=f"{first.address}:5055")
        stranger.made = False
        stranger.start()
        equal(sql(first, f"select id, address from identities where name = '{stranger.name}'"),
              [[node_json(stranger)["id"], stranger.address + ":5056"]], "identities")
        wait_for(lambda: first.logged(f"for=\"127.0.0.1 ({stranger.name})\"") >= 2, "another certificate")

    with case("all end as they should"):
        for node in place.nodes:
            if node.process is not None and node.process.poll() is None:
                equal(node.stop()[0], 0, node.name)
