// ANSI escapes in a line of output: colours are kept as class names, all else is dropped. Pure.

export interface Span {
  text: string;
  style: string; // class names: `a1` … `a7` colours (8 … 15 bright), `bold`, `dim`; empty for none
}

// CSI sequences, OSC sequences up to BEL or ST, other two-byte escapes, lone control characters.
const ESCAPE = /\x1b\[([0-9;:?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?|[\x00-\x08\x0b-\x1f\x7f]/g;

interface Pen {
  colour: number; // -1: none
  bold: boolean;
  dim: boolean;
}

function turn(pen: Pen, codes: string): void {
  const list = codes === "" ? [0] : codes.split(/[;:]/).map(Number);
  for (let i = 0; i < list.length; i++) {
    const code = list[i]!;
    if (code === 0) Object.assign(pen, { colour: -1, bold: false, dim: false });
    else if (code === 1) pen.bold = true;
    else if (code === 2) pen.dim = true;
    else if (code === 22) pen.bold = pen.dim = false;
    else if (code >= 30 && code <= 37) pen.colour = code - 30;
    else if (code >= 90 && code <= 97) pen.colour = code - 90 + 8;
    else if (code === 39) pen.colour = -1;
    else if (code === 38 || code === 48) {
      const indexed = list[i + 1] === 5;
      if (code === 38 && indexed && list[i + 2]! < 16) pen.colour = list[i + 2]!;
      i += indexed ? 2 : 4;
    }
  }
}

function styleOf(pen: Pen): string {
  const names = [];
  if (pen.colour >= 0) names.push(`a${pen.colour}`);
  if (pen.bold) names.push("bold");
  if (pen.dim) names.push("dim");
  return names.join(" ");
}

/** The line as spans of one look each; a line without escapes is one span. */
export function spans(line: string): Span[] {
  const out: Span[] = [];
  const pen: Pen = { colour: -1, bold: false, dim: false };
  let from = 0;
  const push = (to: number) => {
    if (to > from) out.push({ text: line.slice(from, to), style: styleOf(pen) });
  };
  for (const match of line.matchAll(ESCAPE)) {
    push(match.index);
    from = match.index + match[0].length;
    if (match[2] === "m") turn(pen, match[1] ?? "");
  }
  push(line.length);
  return out;
}

export function stripped(line: string): string {
  return line.replace(ESCAPE, "");
}
