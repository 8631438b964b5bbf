"""Masters that the log does not reach any more: they take over another one's state, and follow."""
import os

from mesolith import case, equal, sleeper, wait_for

ROWS = 100     # of the log are kept
CHANGES = 400  # it is cut when there are twice as many, and a change is one entry at least


def change_a_lot(node):
    for i in range(CHANGES):
        a = node.put("/v2/apps/big?force=true", {"id": "/big", "cmd": "true", "instances": 0, "env": {"N": str(i)}})
        assert a.status in (200, 201), a


def number(node):
    return node.get("/v2/apps/big").json["app"]["env"]["N"]


def story(place):
    first = place.member(1, max_log_rows=ROWS).start()
    first.create(sleeper("/web", instances=3))
    first.wait_running("/web", 3)
    with case("who joins when the log does not go back to its beginning gets the state"):
        change_a_lot(first)
        second = place.member(2, first, max_log_rows=ROWS).start()
        wait_for(lambda: number(second) == str(CHANGES - 1), "the second has all")
        assert second.logged("snapshot offered") >= 1
        third = place.member(3, first, max_log_rows=ROWS).start()
        wait_for(lambda: number(third) == str(CHANGES - 1), "the third has all")
        def voters():
            return [n["role"] for n in first.get("/api/nodes").json["items"]]
        wait_for(lambda: sorted(voters()) == ["leader", "voter", "voter"], "three vote")
    with case("who was away for that long, too"):
        third.kill9()
        change_a_lot(second)
        second.create(sleeper("/late"))
        before = third.logged("snapshot offered")
        third.start()
        wait_for(lambda: third.get("/v2/apps/late").status == 200, "the third has all")
        assert third.logged("snapshot offered") > before
        left = [f for f in os.listdir(third.data) if "incoming" in f]
        equal(left, [], "files that are left")
    with case("a start clears away what is not of use any more"):
        made = [n for n in (first, second) if any("snapshot-" in f for f in os.listdir(n.data))]
        assert made
        for n in made:
            n.stop()
            n.start()
            equal([f for f in os.listdir(n.data) if "snapshot-" in f], [], "snapshots")
    with case("all of them go on together"):
        third.create(sleeper("/later"))
        for n in (first, second, third):
            wait_for(lambda: n.get("/v2/apps/later").status == 200, f"{n.name} has it")
