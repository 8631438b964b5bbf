// Jobs that wait for each other as boxes with lines between. What the lines say is said in words elsewhere.

import "./graph.css";
import { useLayoutEffect, useRef } from "preact/hooks";
import { pageOf } from "../app/path";
import { afterWords, type Box, type Drawing, type Line } from "../lib/graph";
import { count } from "../lib/size";
import { State } from "./state";

const WIDTH = 12; // of a box; all in rem
const HEIGHT = 3;
const COLUMN = WIDTH + 6;
const ROW = HEIGHT + 0.75;

const middle = (row: number) => row * ROW + HEIGHT / 2;

function path({ from, to }: Line): string {
  const [x, y] = [from.column * COLUMN + WIDTH, middle(from.row)];
  const [toX, toY] = [to.column * COLUMN, middle(to.row)];
  const half = (COLUMN - WIDTH) / 2;
  return `M${x} ${y}C${x + half} ${y} ${toX - half} ${toY} ${toX} ${toY}`;
}

const END_WORDS: Partial<Record<Line["on"], string>> = { failure: "on failure", always: "always" };

interface GraphProps {
  drawing: Drawing;
  at: string | undefined; // the job whose page it is
}

export function Graph({ drawing: { boxes, lines, columns, rows }, at }: GraphProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = columns * COLUMN - (COLUMN - WIDTH);
  const height = rows * ROW;
  useLayoutEffect(() => {
    const own = box.current!.querySelector<HTMLElement>(".at")?.parentElement;
    if (own) box.current!.scrollLeft = own.offsetLeft - (box.current!.clientWidth - own.offsetWidth) / 2;
  }, [at]);
  return (
    <div class="graph-box" ref={box}>
      <div class="graph" style={{ width: `${width}rem`, height: `${height}rem` }}>
        <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {lines.map((line) => (
            <path key={`${line.from.key} ${line.to.key}`} class={`on-${line.on}`} d={path(line)} />
          ))}
        </svg>
        {lines.map((line) => (
          <End key={`${line.from.key} ${line.to.key}`} line={line} />
        ))}
        <ul>
          {boxes.map((one) => (
            <li
              key={one.key}
              style={{
                left: `${one.column * COLUMN}rem`,
                top: `${one.row * ROW}rem`,
                width: `${WIDTH}rem`,
                height: `${HEIGHT}rem`,
              }}
            >
              <Inside box={one} at={at} />
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** At which end of the parent's runs, where the fewer lines meet. */
function End({ line: { from, to, on } }: { line: Line }) {
  const word = END_WORDS[on];
  if (word === undefined) return null;
  const early = from.out < to.into;
  const left = early ? from.column * COLUMN + WIDTH + 2 : to.column * COLUMN - 2;
  return (
    <span class="end" aria-hidden="true" style={{ left: `${left}rem`, top: `${middle((early ? from : to).row)}rem` }}>
      {word}
    </span>
  );
}

function Inside({ box: { job, more, of, into }, at }: { box: Box; at: string | undefined }) {
  if (job === undefined) {
    const said = `and ${count(more!)} more`;
    const own = of === undefined || of === at;
    return own ? <span class="more">{said}</span> : <a class="more" href={graphOf(of)}>{said}</a>;
  }
  const words = afterWords(job, into - (job.more_parents ? 1 : 0));
  return (
    <a href={graphOf(job.name)} class={job.name === at ? "at" : undefined} aria-current={job.name === at || undefined} title={job.name}>
      <span class="name">{job.name}</span>
      <State noun="job" state={job.state} />
      {words && <span class="muted"> · {words}</span>}
    </a>
  );
}

const graphOf = (job: string) => `${pageOf("job", job)}?view=graph`;
