// JSON pointers (RFC 6901) into a document, and where a path stands in its text. Pure.

type Json = unknown;

/** `/a/b~1c` as `["a", "b/c"]`. Play's `/ports(0)/port`, which Marathon's errors use, is understood. */
export function segments(pointer: string): string[] {
  const plain = pointer.replace(/\((\d+)\)/g, "/$1").replace(/\[(\d+)\]/g, "/$1");
  return plain
    .split("/")
    .slice(plain.startsWith("/") ? 1 : 0)
    .filter((part) => part !== "")
    .map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~"));
}

export function get(doc: Json, pointer: string): Json {
  let at = doc;
  for (const key of segments(pointer)) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, Json>)[key];
  }
  return at;
}

const isEmpty = (value: Json) => typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** A copy with the value put there; `undefined` takes the member away, and parents that are empty then. Parents
 * are made: as lists where a number follows. */
export function set(doc: Json, pointer: string, value: Json): Json {
  const [key, ...rest] = segments(pointer);
  if (key === undefined) return value;
  const copy: Record<string, Json> = Array.isArray(doc)
    ? (doc.slice() as unknown as Record<string, Json>)
    : { ...(doc as Record<string, Json>) };
  const below = rest.map((part) => part.replace(/~/g, "~0").replace(/\//g, "~1")).join("/");
  const made = /^\d+$/.test(rest[0] ?? "") ? [] : {};
  const next = rest.length === 0 ? value : set(copy[key] ?? made, `/${below}`, value);
  const gone = next === undefined || (value === undefined && isEmpty(next));
  if (gone && Array.isArray(copy)) copy.splice(Number(key), 1);
  else if (gone) delete copy[key];
  else copy[key] = next;
  return copy;
}

/**
 * The line (from 0) of `text`, valid JSON, on which the value at `pointer` begins; that of its nearest
 * parent that is there when it is not.
 */
export function lineOf(text: string, pointer: string): number {
  const wanted = segments(pointer);
  let at = 0;
  let best = 0;

  const line = (offset: number) => text.slice(0, offset).split("\n").length - 1;
  const space = () => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  const string = () => {
    const start = at++;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    at++;
    return JSON.parse(text.slice(start, at)) as string;
  };

  // depth: how many segments of `wanted` the value that begins here has matched; -1: another branch
  const value = (depth: number): void => {
    space();
    const c = text[at];
    if (c === "{" || c === "[") {
      const object = c === "{";
      at++;
      for (let index = 0; ; index++) {
        space();
        if (text[at] === "}" || text[at] === "]" || at >= text.length) break;
        if (text[at] === ",") {
          at++;
          space();
        }
        const start = at;
        let key = String(index);
        if (object) {
          key = string();
          space();
          at++; // the colon
        }
        const matches = depth >= 0 && wanted[depth] === key;
        if (matches) best = line(start);
        value(matches ? depth + 1 : -1);
      }
      at++;
    } else if (c === '"') string();
    else while (at < text.length && !/[\s,}\]]/.test(text[at]!)) at++;
  };

  try {
    value(0);
  } catch {
    // not JSON: what was found so far is the answer
  }
  return best;
}
