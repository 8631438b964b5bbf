// Times that stay true while they are looked at; the exact one is a hover away.

import { computed, type ReadonlySignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { now } from "../api/live";
import { clock, duration, exact, parse, relative } from "../lib/time";

interface AgeProps {
  at: string | undefined;
  none?: string;
}

interface TimeProps {
  at: string;
  ms: number;
  text: ReadonlySignal<string>; // bound to the text node: a tick draws nothing else
}

function Time({ at, ms, text }: TimeProps) {
  return (
    <time class="nowrap" dateTime={at} title={`${exact(ms)} (${at})`}>
      {text}
    </time>
  );
}

function worded(say: (ms: number, now: number) => string) {
  return function Worded({ at, none = "–" }: AgeProps) {
    const ms = parse(at);
    const text = useMemo(() => computed(() => (ms === undefined ? none : say(ms, now.value))), [ms, none]);
    if (at === undefined || ms === undefined) return <span class="muted">{none}</span>;
    return <Time at={at} ms={ms} text={text} />;
  };
}

/** `12 s ago`, `in 3 h`. */
export const Age = worded(relative);

/** `14:05:07`, the day before it unless it is today. */
export const Clock = worded(clock);

/** How long it took, or takes so far when there is no end. */
export function Took({ from, to }: { from: string | undefined; to: string | undefined }) {
  const start = parse(from);
  const end = parse(to);
  const text = useMemo(
    () =>
      computed(() => {
        if (start === undefined) return "–";
        if (end !== undefined) return duration(end - start);
        return duration(Math.floor((now.value - start) / 1000) * 1000).replace(/^0.*/, "0\u00a0s");
      }),
    [start, end],
  );
  return <span class="nowrap">{text}</span>;
}
