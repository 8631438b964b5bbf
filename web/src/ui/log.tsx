// A task's output as it is written. Lines are drawn in chunks; those out of sight cost the browser
// nothing. Stays at the end until one scrolls up.

import "./log.css";
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Log, type LogState, type Writer } from "../api/log";
import { useKeys } from "../app/keys";
import { spans, stripped } from "../lib/ansi";
import { count, plural } from "../lib/size";
import { Button } from "./button";
import { Choice, Search } from "./field";
import { Shape } from "./state";
import type { Kind } from "../lib/states";

export const OUTPUTS = ["stdout", "stderr"];
const CHUNK = 100; // lines
const LINE_REM = 1.25;
const AT_END_PX = 24;

const STATE_WORDS: Record<LogState, [Kind, string]> = {
  opening: ["busy", "opening"],
  following: ["good", "following"],
  paused: ["off", "paused"],
  broken: ["warn", "the line is broken, trying again"],
  ended: ["done", "the task has ended"],
};

interface LogProps {
  writer: Writer; // another one is another view: the caller gives each a key
  file: string;
  files: string[];
  onFile: (file: string) => void;
}

export function LogView({ writer, file, files, onFile }: LogProps) {
  const log = useMemo(() => new Log(writer, file), [file]);
  const wrap = useSignal(localStorage.getItem("wrap") !== "no");
  const needle = useSignal("");
  const current = useSignal(0); // of the hits
  const atEnd = useSignal(true);
  const scroll = useRef<HTMLDivElement>(null);

  useEffect(() => {
    void log.open();
    return () => log.close();
  }, [log]);

  const revision = log.revision.value;
  const hits = useMemo(() => find(log, needle.value), [log, revision, needle.value]);
  const hit = hits.length > 0 ? hits[Math.min(current.value, hits.length - 1)] : undefined;

  useLayoutEffect(() => {
    if (atEnd.value && scroll.current) scroll.current.scrollTop = scroll.current.scrollHeight;
  }, [revision, wrap.value, atEnd.value]);
  useEffect(() => {
    if (hit === undefined) return;
    atEnd.value = false;
    const box = scroll.current!;
    const line = box.querySelector<HTMLElement>(`[data-line="${hit}"]`);
    // scrollIntoView would move the page as well
    if (line) box.scrollTop += line.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2;
  }, [hit, needle.value]);

  const onScroll = () => {
    const box = scroll.current!;
    atEnd.value = box.scrollTop + box.clientHeight >= box.scrollHeight - AT_END_PX;
  };
  const earlier = async () => {
    const box = scroll.current!;
    const fromEnd = box.scrollHeight - box.scrollTop;
    await log.earlier();
    requestAnimationFrame(() => (box.scrollTop = box.scrollHeight - fromEnd));
  };
  const step = (by: number) => {
    if (hits.length > 0) current.value = (Math.min(current.value, hits.length - 1) + by + hits.length) % hits.length;
  };
  const toggleWrap = () => {
    wrap.value = !wrap.value;
    localStorage.setItem("wrap", wrap.value ? "yes" : "no");
  };
  const state = log.state.value;
  const paused = state === "paused";
  const togglePause = () => (paused ? log.follow() : log.pause());
  useKeys(
    [
      { key: "p", what: "Pause or go on (log)", act: () => togglePause() },
      { key: "w", what: "Wrap long lines (log)", act: toggleWrap },
    ],
    [log, paused],
  );

  return (
    <section class="log" aria-label="Output">
      <header>
        <Choice label="File" value={file} options={files.map((name) => ({ value: name, text: name }))} onChange={onFile} />
        <Search
          label="Search the output"
          value={needle.value}
          onInput={(text) => {
            needle.value = text;
            current.value = Number.MAX_SAFE_INTEGER; // the newest hit first
          }}
          onKeyDown={(event) => event.key === "Enter" && step(event.shiftKey ? 1 : -1)}
        />
        {needle.value !== "" && (
          <>
            <span class="muted nowrap" role="status">
              {hits.length === 0 ? "not found" : `${Math.min(current.value, hits.length - 1) + 1} of ${count(hits.length)}`}
            </span>
            <Button kind="quiet small" icon="up" label="Hit before" onClick={() => step(-1)}>
              {null}
            </Button>
            <Button kind="quiet small" icon="down" label="Next hit" onClick={() => step(1)}>
              {null}
            </Button>
          </>
        )}
        <span class="spring" />
        <Button icon="wrap" pressed={wrap.value} onClick={toggleWrap}>
          Wrap
        </Button>
        {state !== "ended" && (
          <Button icon={paused ? "play" : "pause"} onClick={togglePause}>
            {paused ? "Follow" : "Pause"}
          </Button>
        )}
      </header>
      <div
        ref={scroll}
        class={wrap.value ? "scroll wrapped" : "scroll"}
        tabIndex={0}
        role="region"
        aria-label={file}
        onScroll={onScroll}
      >
        {log.start.value > 0 && log.lines.dropped === 0 && (
          <div class="earlier">
            <Button kind="small" icon="up" onClick={() => void earlier()}>
              Earlier lines
            </Button>
          </div>
        )}
        {log.lines.dropped > 0 && (
          <div class="earlier muted">{plural(log.lines.dropped, "earlier line")} left the screen; the file has them.</div>
        )}
        {chunks(log).map((chunk) => (
          <Chunk key={chunk.number} {...chunk} needle={needle.value} current={inChunk(hit, chunk.number)} />
        ))}
        {log.lines.count === 0 && state !== "opening" && <div class="text muted">{nothing(file, state === "ended")}</div>}
      </div>
      <footer>
        <span class={`state kind-${STATE_WORDS[state][0]}`}>
          <Shape kind={STATE_WORDS[state][0]} />
          {log.error.value && state === "broken" ? log.error.value.message : STATE_WORDS[state][1]}
        </span>
        <span>{plural(log.lines.count, "line")}</span>
        {!atEnd.value && (
          <Button kind="quiet small" icon="down" onClick={() => (atEnd.value = true)}>
            To the end
          </Button>
        )}
      </footer>
    </section>
  );
}

/** Who looks for why it failed looks at what it wrote as an error. */
function nothing(file: string, ended: boolean): string {
  if (!ended) return "Nothing was written yet.";
  return file === "stdout" ? "Nothing on stdout: look at stderr, too." : `Nothing on ${file}.`;
}

function inChunk(line: number | undefined, chunk: number): number | undefined {
  return line !== undefined && Math.floor(line / CHUNK) === chunk ? line : undefined;
}

/** The numbers of the lines that hold the text, in any case. */
function find(log: Log, needle: string): number[] {
  const out: number[] = [];
  if (needle === "") return out;
  const wanted = needle.toLowerCase();
  const { first, count: length } = log.lines;
  for (let line = first; line < first + length; line++)
    if (stripped(log.lines.at(line)).toLowerCase().includes(wanted)) out.push(line);
  return out;
}

interface ChunkData {
  number: number;
  from: number; // the number of its first line
  lines: string[];
}

function chunks(log: Log): ChunkData[] {
  const { first, count: length } = log.lines;
  const out: ChunkData[] = [];
  const end = first + length;
  for (let number = Math.floor(first / CHUNK); number * CHUNK < end; number++) {
    const from = Math.max(first, number * CHUNK);
    const to = Math.min(end, (number + 1) * CHUNK);
    out.push({ number, from, lines: Array.from({ length: to - from }, (_, i) => log.lines.at(from + i)) });
  }
  return out;
}

interface ChunkProps extends ChunkData {
  needle: string;
  current: number | undefined;
}

/** Drawn again only when what it shows has changed: only the last chunk grows. */
function Chunk({ from, lines, needle, current }: ChunkProps) {
  return useMemo(
    () => (
      <div class="chunk" style={{ containIntrinsicBlockSize: `auto ${lines.length * LINE_REM}rem` }}>
        {lines.map((line, i) => (
          <div key={from + i} data-line={from + i} class={from + i === current ? "text current" : "text"}>
            {spans(line).map((span, j) => (
              <span key={j} class={span.style || undefined}>
                {needle === "" ? span.text : marked(span.text, needle)}
              </span>
            ))}
          </div>
        ))}
      </div>
    ),
    [from, lines.length, lines[0], lines[lines.length - 1], needle, current],
  );
}

function marked(text: string, needle: string) {
  const out = [];
  const low = text.toLowerCase();
  const wanted = needle.toLowerCase();
  let at = 0;
  for (let hit = low.indexOf(wanted); hit >= 0; hit = low.indexOf(wanted, at)) {
    out.push(text.slice(at, hit), <mark key={hit}>{text.slice(hit, hit + wanted.length)}</mark>);
    at = hit + wanted.length;
  }
  out.push(text.slice(at));
  return out;
}
