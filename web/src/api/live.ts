// The one event stream of the page: it tells the store and the pages what has changed, and how old what
// is seen is when the line is broken. A hidden tab gives its connection back and resumes when it is
// looked at again.

import { computed, signal } from "@preact/signals";
import { read } from "./client";
import { type Message, Stream } from "./sse";
import type { Change, List } from "./types";

export type Line = "opening" | "up" | "down";

const LIMIT_RECENT = 500; // changes kept for the Events page
const HIDDEN_MS = 30_000;

export const line = signal<Line>("opening");
/** When the stream last said anything, by this machine's clock. */
export const seenAt = signal(Date.now());
/** The newest changes, the newest first. */
export const recent = signal<Change[]>([]);

/** The page's clock: ticks once a second while somebody looks. */
const tick = signal(Date.now());
const skew = signal(0); // the server's clock less ours
/** The server's time, in milliseconds; a component that reads it is drawn again each second. */
export const now = computed(() => tick.value + skew.value);

type Listener = (change: Change | undefined) => void;
const listeners = new Set<Listener>();

/** `heard` is called with each change, and with undefined when anything may have changed. */
export function listen(heard: Listener): () => void {
  listeners.add(heard);
  return () => listeners.delete(heard);
}

function tell(change: Change | undefined): void {
  for (const heard of listeners) heard(change);
}

/** Each change once: a resumed stream may repeat the last one. */
function take(change: Change): void {
  if (change.id <= (recent.value[0]?.id ?? -1)) return;
  recent.value = [change, ...recent.value.slice(0, LIMIT_RECENT - 1)];
  tell(change);
}

function hello(data: string): void {
  const { now: theirs } = JSON.parse(data) as { now?: string };
  if (theirs) skew.value = Date.parse(theirs) - Date.now();
}

function onMessage({ event, data }: Message): void {
  seenAt.value = Date.now();
  if (event === "change") take(JSON.parse(data) as Change);
  else if (event === "hello") hello(data);
  else if (event === "reset") {
    recent.value = [];
    tell(undefined);
  }
}

const LIMIT_FIRST = 50;

/** What happened before the page was opened; no matter if it cannot be had. */
async function remember(): Promise<void> {
  const list = await read<List<Change>>(`/api/events/log?limit=${LIMIT_FIRST}`).catch(() => undefined);
  const oldest = recent.value.at(-1)?.id ?? Infinity;
  const earlier = list?.items.filter(({ id }) => id < oldest) ?? [];
  recent.value = [...recent.value, ...earlier];
}

let stream: Stream | undefined;
let lastId = "";

function open(): void {
  stream ??= new Stream(
    () => "/api/events",
    {
      message: onMessage,
      up() {
        const again = line.value === "down";
        line.value = "up";
        seenAt.value = Date.now();
        if (again) tell(undefined); // what failed meanwhile is asked anew
      },
      down() {
        line.value = "down";
      },
    },
    lastId,
  );
}

function shut(): void {
  lastId = stream?.lastId ?? lastId;
  stream?.close();
  stream = undefined;
}

export function start(): void {
  open();
  void remember();
  let hiding: ReturnType<typeof setTimeout> | undefined;
  let ticking = setInterval(() => (tick.value = Date.now()), 1000);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    clearInterval(ticking);
    if (document.hidden) {
      hiding = setTimeout(shut, HIDDEN_MS);
      return;
    }
    tick.value = Date.now();
    ticking = setInterval(() => (tick.value = Date.now()), 1000);
    open();
  });
}
