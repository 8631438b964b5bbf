// Where jobs stand that wait for each other, and what each waits for in words. Pure.

import type { JobGraph } from "../api/types";
import { count } from "./size";

type Job = JobGraph["nodes"][number];
type Edge = JobGraph["edges"][number];

/** A job, or how many more stand there: of that job's, or of those that wait for none. */
export interface Box {
  key: string;
  job?: Job;
  more?: number;
  of?: string;
  column: number;
  row: number;
  into: number; // lines
  out: number;
}

export interface Line {
  from: Box;
  to: Box;
  on: Edge["on"] | "more";
}

export interface Drawing {
  boxes: Box[]; // column by column
  lines: Line[];
  columns: number;
  rows: number;
}

export function groupBy<T, K>(items: T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** Each stands right of all it waits for; who waits for none, just left of the first that waits for it. */
export function drawing({ nodes, edges, more }: JobGraph): Drawing {
  const boxes = new Map<string, Box>();
  const lines: Line[] = [];
  const box = (key: string, rest: Partial<Box>) => {
    const made = { key, column: 0, row: 0, into: 0, out: 0, ...rest };
    boxes.set(key, made);
    return made;
  };
  for (const job of nodes) box(job.name, { job });
  for (const { parent, child, on } of edges) lines.push({ from: boxes.get(parent)!, to: boxes.get(child)!, on });
  for (const { name, more_parents: before, more_children: after } of nodes) {
    const at = boxes.get(name)!;
    if (before) lines.push({ from: box(`<${name}`, { more: before, of: name }), to: at, on: "more" });
    if (after) lines.push({ from: at, to: box(`>${name}`, { more: after, of: name }), on: "more" });
  }
  if (more) box(">", { more });

  const all = [...boxes.values()];
  place(all, lines);
  const columns = Math.max(0, ...all.map(({ column }) => column + 1));
  const rows = Math.max(0, ...all.map(({ row }) => row + 1));
  return { boxes: all.sort((a, b) => a.column - b.column || a.row - b.row), lines, columns, rows };
}

function place(boxes: Box[], lines: Line[]): void {
  const before = groupBy(lines, ({ to }) => to);
  const after = groupBy(lines, ({ from }) => from);
  const seen = new Set<Box>();
  const column = (box: Box): number => {
    if (seen.has(box)) return box.column;
    seen.add(box);
    for (const { from } of before.get(box) ?? []) box.column = Math.max(box.column, column(from) + 1);
    return box.column;
  };
  boxes.forEach(column);
  for (const box of boxes) {
    const children = after.get(box) ?? [];
    box.into = before.get(box)?.length ?? 0;
    box.out = children.length;
    if (box.into === 0 && box.out > 0) box.column = Math.min(...children.map(({ to }) => to.column)) - 1;
  }

  const byColumn = groupBy(boxes, (box) => box.column);
  for (const at of [...byColumn.keys()].sort((a, b) => a - b)) {
    const mean = (box: Box) => {
      const parents = before.get(box);
      return parents ? parents.reduce((sum, { from }) => sum + from.row, 0) / parents.length : 0;
    };
    const stack = byColumn.get(at)!.map((box) => ({ box, last: box.job ? 0 : 1, mean: mean(box) }));
    stack.sort((a, b) => a.last - b.last || a.mean - b.mean);
    stack.forEach(({ box }, row) => (box.row = row));
  }
}

const END_WORDS: Record<Edge["on"], (name: string) => string> = {
  success: (name) => name,
  failure: (name) => `${name} failed`,
  always: (name) => `${name} (however it ended)`,
};

/** `after any of 3`; nothing for who waits for one or none. */
export function afterWords({ after, more_parents: more = 0 }: Job, parents: number): string {
  const n = parents + more;
  if (after === undefined || n < 2) return "";
  return after === "round" ? `all ${count(n)}, of one round` : `${after} of ${count(n)}`;
}

/** `after a and b failed`. */
export function waitsWords({ after, more_parents: more = 0 }: Job, edges: Edge[]): string {
  const ends = edges.map(({ parent, on }) => END_WORDS[on](parent));
  if (more > 0) ends.push(`${count(more)} more`);
  return `after ${ends.join(after === "any" ? " or " : " and ")}${after === "round" ? ", of one round" : ""}`;
}
