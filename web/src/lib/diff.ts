// What changed between two texts, by lines, and between two JSON documents, as text. Pure.

export interface DiffLine {
  kind: "same" | "removed" | "added";
  text: string;
}

const LIMIT_CELLS = 4_000_000; // of the table below; beyond it the middle is shown as replaced

/** The shortest edit, by the longest common subsequence of what differs between head and tail. */
export function diffLines(before: string[], after: string[]): DiffLine[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;

  const same = (lines: string[]): DiffLine[] => lines.map((text) => ({ kind: "same", text }));
  return [
    ...same(before.slice(0, head)),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...same(before.slice(before.length - tail)),
  ];
}

function middle(a: string[], b: string[]): DiffLine[] {
  const out: DiffLine[] = [];
  const width = b.length + 1;
  let i = 0;
  let j = 0;
  if (a.length * b.length <= LIMIT_CELLS) {
    const longest = new Uint32Array((a.length + 1) * width);
    for (let y = a.length - 1; y >= 0; y--)
      for (let x = b.length - 1; x >= 0; x--)
        longest[y * width + x] =
          a[y] === b[x]
            ? longest[(y + 1) * width + x + 1]! + 1
            : Math.max(longest[(y + 1) * width + x]!, longest[y * width + x + 1]!);
    while (i < a.length && j < b.length) {
      if (a[i] === b[j]) {
        out.push({ kind: "same", text: a[i]! });
        i++;
        j++;
      } else if (longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)
        out.push({ kind: "removed", text: a[i++]! });
      else out.push({ kind: "added", text: b[j++]! });
    }
  }
  while (i < a.length) out.push({ kind: "removed", text: a[i++]! });
  while (j < b.length) out.push({ kind: "added", text: b[j++]! });
  return out;
}

/** Only what changed, with `context` lines around it; a gap is `undefined`. */
export function withContext(lines: DiffLine[], context = 3): (DiffLine | undefined)[] {
  const near = new Array<boolean>(lines.length).fill(false);
  lines.forEach((line, at) => {
    if (line.kind === "same") return;
    for (let i = Math.max(0, at - context); i <= Math.min(lines.length - 1, at + context); i++) near[i] = true;
  });
  const out: (DiffLine | undefined)[] = [];
  lines.forEach((line, at) => {
    if (near[at]) out.push(line);
    else if (at > 0 && near[at - 1]) out.push(undefined);
  });
  if (out[out.length - 1] === undefined) out.pop();
  return out;
}

/** JSON as people read it, members sorted, so that order alone is no difference. */
export function pretty(value: unknown): string {
  return JSON.stringify(sorted(value), null, 2) ?? "";
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

export function diffJson(before: unknown, after: unknown): DiffLine[] {
  return diffLines(pretty(before).split("\n"), pretty(after).split("\n"));
}
