// The lines of an output file that a person looks at: text goes in at either end, the oldest lines
// leave when there are too many. Pure; memory is bounded by LIMIT_LINES × LIMIT_LINE_CHARS.

export const LIMIT_LINES = 10_000;
export const LIMIT_LINE_CHARS = 8_192;

export class Lines {
  /** Numbers of the lines never change: what comes in before the first has a lower number. */
  first = 0;
  /** How many lines have left at the top since the start. */
  dropped = 0;
  private lines: string[] = [""];
  private readonly limit: number;

  constructor(limit = LIMIT_LINES) {
    this.limit = limit;
  }

  /** An unfinished last line counts, the empty one after a newline does not. */
  get count(): number {
    return this.lines[this.lines.length - 1] === "" ? this.lines.length - 1 : this.lines.length;
  }

  /** By its number, `first` to `first + count - 1`. */
  at(number: number): string {
    return this.lines[number - this.first] ?? "";
  }

  append(text: string): void {
    const parts = text.split("\n");
    const last = this.lines.length - 1;
    this.lines[last] = clip(this.lines[last]! + parts[0]!);
    for (let i = 1; i < parts.length; i++) {
      this.lines[this.lines.length - 1] = shown(this.lines[this.lines.length - 1]!);
      this.lines.push(clip(parts[i]!));
    }
    const over = this.lines.length - this.limit;
    if (over > 0) {
      this.lines.splice(0, over);
      this.first += over;
      this.dropped += over;
    }
  }

  /** What stands before all that is here; no more than there is room for is kept. */
  prepend(text: string): void {
    const parts = text.split("\n").map((line) => clip(shown(line)));
    this.lines[0] = clip(parts.pop()! + this.lines[0]!);
    const room = this.limit - this.lines.length;
    const kept = room > 0 ? parts.slice(-room) : [];
    this.lines.unshift(...kept);
    this.first -= kept.length;
  }
}

/** A terminal shows what stands after the last carriage return. */
function shown(line: string): string {
  const end = line.endsWith("\r") ? line.length - 1 : line.length;
  return line.slice(line.lastIndexOf("\r", end - 1) + 1, end);
}

function clip(line: string): string {
  return line.length > LIMIT_LINE_CHARS ? `${line.slice(0, LIMIT_LINE_CHARS)} …` : line;
}

/** `A=1` a line, as an object; undefined when a line is none. Pure. */
export function variables(text: string): Record<string, string> | undefined {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const pairs = lines.map((line) => /^\s*([^=\s]+)=(.*)$/.exec(line));
  return pairs.every((pair) => pair !== null)
    ? Object.fromEntries(pairs.map((pair) => [pair![1]!, pair![2]!]))
    : undefined;
}
