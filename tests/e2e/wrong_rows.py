"""Somebody has changed a row by hand: that is noticed, said, and mended from another node, if there
is one whose rows are sound."""
import sqlite3

from mesolith import case, equal, sleeper, wait_for


def change_by_hand(node, instances=77):
    db = sqlite3.connect(f"{node.data}/state.db")
    with db:
        db.execute("update apps set instances = ? where path = '/web'", (instances,))
    db.close()


def instances(node):
    return node.post("/api/sql", {"query": "select instances from apps where path = '/web'"}).json["rows"][0][0]


def attention(node):
    return [a["sentence"] for a in node.get("/api/status").json["attention"]]


def story(place):
    alone = place.node("alone").start()
    alone.create(sleeper("/web"))
    alone.wait_running("/web", 1)
    with case("alone, it is said, and how it is mended", place):
        alone.stop()
        change_by_hand(alone)
        alone.start()
        wait_for(lambda: alone.logged("the tables of this node are wrong, and no other node has any"), "the log says it")
        wait_for(lambda: any("apps: its kept sum" in a for a in attention(alone)), "the status says it")
    alone.kill9()

    first = place.member(1).start()
    second, third = place.member(2, first).start(), place.member(3, first).start()
    wait_for(lambda: sorted(n["role"] for n in first.get("/api/nodes").json["items"]) == ["leader", "voter", "voter"],
             "three vote")
    first.create(sleeper("/web"))
    first.wait_running("/web", 1)
    for node in (third, first):
        with case(f"{node.name} takes the tables of another, and is as the others", place):
            node.stop()
            change_by_hand(node)
            node.start()
            wait_for(lambda: node.logged("the tables of this node were replaced"), "they are replaced")
            wait_for(lambda: instances(node) == 1, "the row is right")
            equal([a for a in attention(node) if "kept sum" in a], [], "attention")
    with case("they go on together", place):
        second.create(sleeper("/more"))
        for n in (first, second, third):
            wait_for(lambda: n.get("/v2/apps/more").status == 200, f"{n.name} has it")

    everybody = (first, second, third)
    with case("where all are wrong, one of them counts, and that is said", place):
        for node in everybody:
            node.stop()
        for node in everybody:
            change_by_hand(node, 2)
        for node in everybody:
            node.launch()
        for node in everybody:
            node.start_ends(60)
        wait_for(lambda: any(n.logged("no other node has any") for n in everybody), "the log says it", 30)
        for n in everybody:
            wait_for(lambda: instances(n) == 2, f"{n.name} has what counts", 30)
        third.create(sleeper("/last"))
        for n in everybody:
            wait_for(lambda: n.get("/v2/apps/last").status == 200, f"{n.name} has what came then")

    one = place.member(4).start()
    two = place.member(5, one).start()
    one.create(sleeper("/web"))
    wait_for(lambda: two.get("/v2/apps/web").status == 200, "the other has it")
    with case("of two, who votes alone takes the tables of the other", place):
        one.stop()
        change_by_hand(one)
        one.start()
        wait_for(lambda: one.logged("the tables of this node were replaced"), "they are replaced", 30)
        wait_for(lambda: instances(one) == 1, "the row is right")
