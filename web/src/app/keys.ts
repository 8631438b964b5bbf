// The keyboard. A page says which letters it knows while it is shown; `g` and a letter goes to a page;
// `j` and `k` move the focus along the rows of a table, so Enter is the browser's own.

import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { go } from "./router";

export interface Key {
  key: string;
  what: string; // for the help
  act: () => void;
}

const GO_MS = 1500; // `g` waits so long for its letter

export const GO: Record<string, { path: string; what: string }> = {
  o: { path: ".", what: "Overview" },
  a: { path: "apps", what: "Apps" },
  j: { path: "jobs", what: "Jobs" },
  n: { path: "nodes", what: "Nodes" },
  t: { path: "traffic", what: "Traffic" },
  e: { path: "events", what: "Events" },
  s: { path: "settings", what: "Settings" },
};

/** The keys of what is shown now; the last to come is asked first. */
export const layers = signal<Key[][]>([]);

export function useKeys(keys: Key[], deps: unknown[] = []): void {
  // with the drawing, not after it: what is in sight can be typed at
  useLayoutEffect(() => {
    const layer = [...keys];
    layers.value = [...layers.peek(), layer];
    return () => {
      layers.value = layers.peek().filter((other) => other !== layer);
    };
  }, deps);
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, select, textarea, [contenteditable]") !== null;
}

let goUntil = 0;

function onKey(event: KeyboardEvent): void {
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  const { key } = event;
  if (performance.now() < goUntil) {
    goUntil = 0;
    const target = GO[key];
    if (target) {
      event.preventDefault();
      go(target.path);
    }
    return;
  }
  if (key === "g") {
    goUntil = performance.now() + GO_MS;
    return;
  }
  for (const layer of layers.peek().slice().reverse()) {
    const found = layer.find((row) => row.key === key);
    if (!found) continue;
    event.preventDefault();
    found.act();
    return;
  }
}

export function start(): void {
  document.addEventListener("keydown", onKey);
}
