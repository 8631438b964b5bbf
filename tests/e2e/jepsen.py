"""The public test that Chronos failed, played against five machines, each master and worker: jobs are
added through all of them while the network is cut into random halves and heals. spec/chronos.md 10.2.

  JEPSEN=450 SEED=7 tests/e2e/run jepsen      seconds of adds and faults (450 is the original's length)
"""
import itertools
import os
import random
import threading
import time

from crowd import Witness, now_ms, wait_voting
from history import Job
from mesolith import case, equal, say, skip
from network import Network

SECONDS = int(os.environ.get("JEPSEN", "20"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
NODES = 5
SCALE = SECONDS / 450
ROOMY = SECONDS >= 200  # else jobs are more frequent, so that enough of them are due


def some_job(rng):
    start = now_ms() + (10_000 if ROOMY else 3000)
    duration = rng.randrange(10 if ROOMY else 3)
    epsilon = rng.randrange(10, 30) if ROOMY else 10
    interval = 1 + duration + epsilon + 5 + rng.randrange(30 if ROOMY else 3)
    return Job(start, interval * 1000, rng.randrange(1, 100), epsilon * 1000, duration * 1000)


class Adder(threading.Thread):
    """One client of one node; adds a job now and then, until it is ended."""

    def __init__(self, witness, node, rng, names):
        super().__init__(daemon=True)
        self.witness, self.node, self.rng, self.names = witness, node, rng, names
        self.ending = threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait((self.rng.random() * 60 + 30) * SCALE):
            self.witness.add_job(self.node, str(next(self.names)), some_job(self.rng))


def pass_time(seconds):
    """What is due comes by time alone."""
    time.sleep(seconds)


def cut_and_heal(witness, network, rng):
    """A part of the machines from all the others, both ways."""
    part = rng.sample(list(network.machines), 2)
    pairs = [(a, b) for a in part for b in network.machines if b not in part]
    pairs += [(b, a) for a, b in pairs]
    witness.did("cut", [(f"node{a}", f"node{b}") for a, b in pairs])
    network.cut(pairs)
    pass_time(200 * SCALE)
    network.heal()
    witness.did("heal")


def restart_the_dead(witness):
    """As the original does; ours have no reason to be dead."""
    dead = [n for n in witness.nodes.values() if n.process.poll() is not None]
    for node in dead:
        witness.did("down", node.name)
        witness.start(node)
    return [n.name for n in dead]


def story(place):
    missing = Network.missing()
    if missing is not None:
        skip("jepsen", missing)
        return
    rng = random.Random(SEED)
    say(f"SEED={SEED} JEPSEN={SECONDS}")
    network = Network(place, NODES)
    first = network.member(1).start()
    nodes = [first] + [network.member(i, first).start() for i in range(2, NODES + 1)]
    wait_voting(nodes)
    witness = Witness(place, nodes)
    witness.clients_begin(rng, 0.3)
    names, died = itertools.count(1), []
    with case("while the network is cut and heals, no process ends by itself", place):
        adders = [Adder(witness, node, random.Random(rng.random()), names) for node in nodes]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            pass_time(200 * SCALE)
            cut_and_heal(witness, network, rng)
            died += restart_the_dead(witness)
            witness.look_at_own(first)
        for adder in adders:
            adder.ending.set()
        for adder in adders:
            adder.join()
        equal(died, [], "nodes that have ended")
    with case("every job ran when it should, and all else that is promised holds", place):
        for _ in range(4):  # longer than any epsilon and duration
            pass_time(max(4, 100 * SCALE))
            witness.look_at_own(first)
        witness.clients_end()
        witness.read_everywhere()
        read_at = now_ms()
        witness.look_at_own(first)
        added = [op for op in witness.job_ops if op.outcome == "ok"]
        say(f"{len(added)} of {len(witness.job_ops)} jobs were added")
        wrong = witness.judge(read_at, public=True)
        witness.tally(read_at - 32_000 if ROOMY else read_at - 13_000)
        equal(len(wrong), 0, "violations")
    with case("all end as they should", place):
        for node in nodes:
            equal(node.stop()[0], 0, node.name)
