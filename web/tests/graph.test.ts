import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobGraph } from "../src/api/types";
import { afterWords, drawing, waitsWords } from "../src/lib/graph";

type On = JobGraph["edges"][number]["on"];

function graphOf(names: string[], links: [string, string, On?][]): JobGraph {
  const nodes = names.map((name) => ({ name, state: "idle" as const, after: "all" as const }));
  return { nodes, edges: links.map(([parent, child, on = "success"]) => ({ parent, child, on })), index: 1 };
}

const spots = (graph: JobGraph) => drawing(graph).boxes.map(({ key, column, row }) => `${key} ${column},${row}`);

test("a job stands right of all it waits for, and one that waits for none beside the first that waits for it", () => {
  const diamond = graphOf(["a", "b", "c", "d", "e"], [["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"], ["e", "d"]]);
  assert.deepEqual(spots(diamond), ["a 0,0", "b 1,0", "c 1,1", "e 1,2", "d 2,0"]);
  const jump = graphOf(["a", "b", "c"], [["a", "b"], ["b", "c"], ["a", "c"]]);
  assert.deepEqual(spots(jump), ["a 0,0", "b 1,0", "c 2,0"]);
});

test("lines do not cross where an order without crossings is at hand", () => {
  const two = graphOf(["a", "b", "y", "x"], [["a", "x"], ["b", "y"]]);
  assert.deepEqual(spots(two), ["a 0,0", "b 0,1", "x 1,0", "y 1,1"]);
});

test("what is not shown is a box of its own, the last of its column", () => {
  const graph = graphOf(["a", "b"], [["a", "b"]]);
  graph.nodes[0]!.more_children = 9950;
  graph.nodes[1]!.more_parents = 3;
  graph.more = 2;
  const { boxes, columns, rows } = drawing(graph);
  assert.deepEqual(
    boxes.map(({ key, column, more }) => [key, column, more]),
    [["a", 0, undefined], ["<b", 0, 3], [">", 0, 2], ["b", 1, undefined], [">a", 1, 9950]],
  );
  assert.deepEqual([columns, rows], [2, 3]);
});

test("what a job waits for is said whole", () => {
  const [job] = graphOf(["d"], []).nodes;
  const { edges } = graphOf([], [["a", "d"], ["b", "d", "failure"], ["c", "d", "always"]]);
  assert.equal(waitsWords(job!, edges), "after a and b failed and c (however it ended)");
  assert.equal(waitsWords({ ...job!, after: "any", more_parents: 9950 }, edges.slice(0, 1)), "after a or 9,950 more");
  assert.equal(afterWords({ ...job!, after: "any" }, 3), "any of 3");
  assert.equal(afterWords(job!, 1), "");
  assert.equal(afterWords({ ...job!, after: "round" }, 2), "all 2, of one round");
});
