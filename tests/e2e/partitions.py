"""Five machines whose network is cut in all ways, whose leader is paused, whose packets are lost or late,
whose disk is full and whose clocks jump, while clients write through all of them and jobs run.

  PARTITIONS=10 SEED=7 tests/e2e/run partitions      rounds of all that, each in another order; without
                                                     it a part of all that, each time another one
"""
import contextlib
import os
import random
import signal
import subprocess
import threading
import time

from crowd import Witness, leader_of, leaders_by_term, now_ms, wait_voting
from history import Job
from mesolith import LOOK_S, PATIENCE_S, Worker, case, equal, say, skip, wait_for
from network import Network, clocks_can_be_set

ROUNDS = int(os.environ.get("PARTITIONS", "0"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
NODES = 5
FAULT_S = 9 if ROUNDS else 6  # longer than an election, and than nodes wait for each other
ANSWER_MS = 5000  # from a fault to the next write
HEAL_S = 10  # from its end until all is as it was
IO = 9  # the exit status of a full disk: base/error.h
SOME = 6
DISK_MIB = 256  # more than the logs of a database may take


class Troubles:
    def __init__(self, place, rng):
        self.place, self.rng = place, rng
        self.network = Network(place, NODES)
        self.disk = self.small_disk()
        first = self.network.member(1).start()
        self.nodes = [first] + [self.network.member(i, first).start() for i in range(2, NODES + 1)]
        wait_voting(self.nodes)
        self.witness = Witness(place, self.nodes)
        self.jobs()
        self.witness.clients_begin(rng, 0.3)
        self.took = []

    def small_disk(self):
        """Of the machine that is to run out of it."""
        folder = self.place.path("node2")
        os.mkdir(folder)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "mesolith-e2e", folder],
                              capture_output=True)
        return folder if done.returncode == 0 else None

    def jobs(self):
        start = now_ms() // 1000 * 1000 + 3000
        jobs = {
            "often": Job(start, 2000, epsilon=10_000, duration=200, concurrent=True),
            "alone": Job(start + 500, 12_000, epsilon=10_000, duration=1000),
            "fails": Job(start + 300, 15_000, epsilon=10_000, duration=100, retries=2, retry_delay=1000, fails=1),
            "catches-up": Job(start + 900, 3000, epsilon=10_000, duration=100, catchup=True),
            "held": Job(start + 700, 4000, epsilon=10_000, duration=100, concurrent=True, held=True),
        } | {f"window{i}": Job(start + 137 * i, 5000, epsilon=10_000, duration=100, concurrent=True) for i in range(5)}
        for name, job in jobs.items():
            equal(self.witness.add_job(self.rng.choice(self.nodes), name, job)[0].outcome, "ok", name)

    # -- what all troubles are made of

    def leader(self):
        return wait_for(lambda: leader_of(self.nodes), "somebody leads")

    def others(self, *nodes):
        return [n for n in self.nodes if n not in nodes]

    def cut(self, pairs):
        self.witness.did("cut", [(a.name, b.name) for a, b in pairs])
        self.network.cut((a.number, b.number) for a, b in pairs)

    def apart(self, part):
        """Both ways."""
        rest = self.others(*part)
        self.cut([(a, b) for a in part for b in rest] + [(b, a) for a in part for b in rest])

    def writes_go_on(self, through):
        """Through at least one of these nodes, all of which are asked at once."""
        began, done = now_ms(), threading.Event()

        def work(node):
            if self.witness.write(node, "app-0")[0].outcome == "ok":
                done.set()
        clients = [Worker(lambda n=n: done.is_set() or work(n) or time.sleep(LOOK_S)) for n in through]
        wait_for(done.is_set, "a write is acknowledged")
        self.took.append(now_ms() - began)
        for c in clients:
            c.end()

    def lasts(self, seconds=FAULT_S):
        """Time itself is what brings elections and runs that are due."""
        time.sleep(seconds)

    def heal(self):
        self.network.heal()
        self.witness.did("heal")

    def all_is_well(self):
        began = now_ms()
        wait_voting(self.nodes, HEAL_S)
        for node in self.nodes:
            wait_for(lambda: self.witness.write(node, "job-0")[0].outcome == "ok", f"{node.name} takes writes", HEAL_S)
            equal(node.process.poll(), None, f"{node.name} has ended")
        say(f"well again after {now_ms() - began} ms")
        self.witness.look_at_own(self.nodes[0])

    # -- the troubles

    def leader_alone(self):
        leader = self.leader()
        self.apart([leader])
        self.writes_go_on(self.others(leader))
        self.lasts()
        self.refuses(leader)
        self.heal()

    def refuses(self, node):
        """A write at one without a majority is not done, and it says so."""
        op, answer = self.witness.write(node, "app-1")
        assert op.outcome != "ok", answer

    def leader_with_one(self):
        leader = self.leader()
        part = [leader, self.rng.choice(self.others(leader))]
        self.apart(part)
        self.writes_go_on(self.others(*part))
        self.lasts()
        self.refuses(leader)
        self.heal()

    def leader_with_two(self):
        leader = self.leader()
        part = [leader, *self.rng.sample(self.others(leader), 2)]
        self.apart(part)
        self.writes_go_on(part)
        self.lasts()
        equal(self.leader_among(part), leader, "leader")
        self.heal()

    def leader_among(self, part):
        return wait_for(lambda: leader_of(part), "somebody leads")

    def leader_deaf(self):
        leader = self.leader()
        self.cut([(n, leader) for n in self.others(leader)])
        self.writes_go_on(self.others(leader))
        self.lasts()
        self.heal()

    def leader_dumb(self):
        leader = self.leader()
        self.cut([(leader, n) for n in self.others(leader)])
        self.writes_go_on(self.others(leader))
        self.lasts()
        self.heal()

    def ring(self):
        """Each sees only its neighbours: a majority, and each another one."""
        order = self.rng.sample(self.nodes, NODES)
        near = {frozenset((a, b)) for a, b in zip(order, order[1:] + order[:1])}
        self.cut([(a, b) for a in order for b in order if a is not b and frozenset((a, b)) not in near])
        self.writes_go_on(self.nodes)
        self.lasts()
        self.heal()

    def leader_paused(self):
        leader = self.leader()
        self.witness.did("down", leader.name)
        leader.process.send_signal(signal.SIGSTOP)
        self.writes_go_on(self.others(leader))
        self.lasts()
        leader.process.send_signal(signal.SIGCONT)
        self.witness.did("up", leader.name)

    def packets_lost(self):
        self.network.lose(20)
        self.writes_go_on(self.nodes)
        self.lasts()
        self.writes_go_on(self.nodes)
        self.network.lose(0)

    def leader_late(self):
        leader = self.leader()
        self.witness.did("down", leader.name)  # while its cable is changed
        self.network.delay(leader.number, 200, 200)
        self.writes_go_on(self.nodes)
        self.lasts()
        self.network.undo_delay(leader.number)
        self.witness.did("up", leader.name)

    def disk_full(self):
        node = self.nodes[1]
        self.nodes[0].cli("leader", "transfer", node.name, check=self.leader() is not node)
        wait_for(lambda: self.leader() is node, "it leads")
        ballast = os.path.join(self.disk, "ballast")
        with open(ballast, "ab", buffering=0) as f, contextlib.suppress(OSError):
            while f.write(b"\0" * 4096):
                pass
        wait_for(lambda: self.witness.write(node, "app-2")[0].outcome != "ok", "it takes writes no more")
        equal(node.process.wait(PATIENCE_S), IO, "exit status")
        self.witness.did("down", node.name)
        node.process.stdout.close()
        self.writes_go_on(self.others(node))
        os.remove(ballast)
        self.witness.start(node)

    def all_die(self):
        for node in self.nodes:
            self.witness.kill(node)
        self.start_together(self.nodes)
        self.writes_go_on(self.nodes)

    def start_together(self, nodes):
        for node in nodes:
            node.launch()
        for node in nodes:
            node.start_ends()
            self.witness.did("up", node.name)

    def most_die(self):
        """Without a majority nothing is promised; with it again, all goes on."""
        dead = self.rng.sample(self.nodes, NODES // 2 + 1)
        for node in dead:
            self.witness.kill(node)
        self.refuses(self.others(*dead)[0])
        self.lasts()
        self.start_together(dead)
        self.writes_go_on(self.nodes)

    def two_die_apart(self):
        """The leader, and another one while three are left that have to agree."""
        leader = self.leader()
        part = [leader, self.rng.choice(self.others(leader))]
        self.apart(part)
        self.writes_go_on(self.others(*part))
        for node in part:
            self.witness.kill(node)
        self.heal()
        self.writes_go_on(self.others(*part))
        self.start_together(part)

    def clock(self, node, ms):
        node.set_clock_by(ms)
        self.writes_go_on(self.nodes)
        self.lasts()
        self.writes_go_on(self.nodes)
        node.set_clock_by(0)
        self.lasts(2)

    def leader_ahead(self):
        leader = self.leader()
        self.clock(leader, 60_000)

    def leader_behind(self):
        self.clock(self.leader(), -60_000)

    def follower_off(self):
        self.clock(self.rng.choice(self.others(self.leader())), self.rng.choice([-1, 1]) * 60_000)


TROUBLES = {
    "the leader is cut off from all": Troubles.leader_alone,
    "the leader is cut off with one": Troubles.leader_with_one,
    "two are cut off from the leader": Troubles.leader_with_two,
    "nothing reaches the leader": Troubles.leader_deaf,
    "nothing leaves the leader": Troubles.leader_dumb,
    "each sees another majority": Troubles.ring,
    "the leader is paused": Troubles.leader_paused,
    "a fifth of all packets is lost": Troubles.packets_lost,
    "all that the leader says is late": Troubles.leader_late,
    "all are killed at once": Troubles.all_die,
    "three are killed at once": Troubles.most_die,
    "the leader is cut off with one, and both are killed": Troubles.two_die_apart,
}
DISK = {"the leader's disk is full": Troubles.disk_full}
CLOCKS = {
    "the leader's clock jumps ahead": Troubles.leader_ahead,
    "the leader's clock jumps back": Troubles.leader_behind,
    "another clock is off": Troubles.follower_off,
}


def chosen(t):
    troubles = dict(TROUBLES)
    if t.disk is None:
        skip("a full disk among five", "a small tmpfs cannot be mounted here")
    else:
        troubles |= DISK
    if clocks_can_be_set():
        troubles |= CLOCKS
    else:
        skip("clocks that jump", "this build has no clock that can be set")
    only = os.environ.get("ONLY")
    return {name: deed for name, deed in troubles.items() if only is None or deed.__name__ in only.split(",")}


def story(place):
    missing = Network.missing()
    if missing is not None:
        skip("partitions", missing)
        return
    rng = random.Random(SEED)
    say(f"SEED={SEED}")
    t = Troubles(place, rng)
    troubles = list(chosen(t).items())
    for n in range(ROUNDS or 1):
        for name, deed in rng.sample(troubles, len(troubles) if ROUNDS else min(SOME, len(troubles))):
            with case(f"{name}: writes go on, and afterwards all is as it was" + (f" ({n + 1})" if ROUNDS > 1 else ""), place):
                began, before = now_ms(), len(t.took)
                deed(t)
                t.all_is_well()
                say(f"{name}: writes took {', '.join(map(str, t.took[before:]))} ms to go on, {now_ms() - began} ms in all")
    with case("a leader that is lost is replaced within seconds", place):
        say(f"until the next write: {sorted(t.took)} ms")
        assert max(t.took) < ANSWER_MS, f"{max(t.took)} ms"
    with case("of each term there was one leader", place):
        terms, twice = leaders_by_term(t.nodes)
        say(f"{len(terms)} terms had a leader")
        equal(twice, {}, "terms with two leaders")
    with case("all that was promised holds", place):
        t.witness.clients_end()
        t.witness.read_everywhere()
        by, read_at = t.witness.settle()
        t.witness.look_at_own(t.nodes[0])
        wrong = t.witness.judge(read_at)
        missed, _ = t.witness.tally(by)
        equal(t.witness.unexplained(missed), [], "targets of which nobody says that they were missed")
        equal(len(wrong), 0, "violations")
    with case("all end as they should", place):
        for node in t.nodes:
            equal(node.stop()[0], 0, node.name)
