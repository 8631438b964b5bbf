// Where we are. Plain links do the moving: a click on one below /ui/ changes the place instead of
// loading the page anew. Paths are relative to /ui/ (the document's base).

import { computed, signal } from "@preact/signals";
import { match } from "./path";

interface Place {
  pathname: string;
  search: string;
}

const here = (): Place => ({ pathname: location.pathname, search: location.search });

export const place = signal<Place>(here());
export const route = computed(() => match(place.value.pathname));
export const params = computed(() => new URLSearchParams(place.value.search));

function arrive(): void {
  place.value = here();
}

export function go(path: string): void {
  history.pushState(null, "", new URL(path, document.baseURI));
  arrive();
  scrollTo(0, 0);
}

/** Changes parts of the query; typing replaces the entry, choosing makes a new one. */
export function setParams(values: Record<string, string | undefined>, how: "push" | "replace" = "replace"): void {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  const search = next.toString();
  const url = location.pathname + (search === "" ? "" : `?${search}`);
  if (how === "push") history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  arrive();
}

function onClick(event: MouseEvent): void {
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const link = (event.target as Element).closest("a");
  if (!plain || !link || event.defaultPrevented || link.target !== "" || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  const ours = url.origin === location.origin && (url.pathname + "/").startsWith("/ui/");
  if (!ours || url.pathname.includes(".")) return;
  event.preventDefault();
  go(url.href);
}

export function start(): void {
  document.addEventListener("click", onClick);
  addEventListener("popstate", arrive);
}
