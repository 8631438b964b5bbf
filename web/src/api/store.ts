// What the pages show, by noun and id, and the questions it came from. A question that somebody looks at
// is asked again when a change concerns it, at most once in REFRESH_MS; nothing else ever asks. Answers
// stay for a while after the last look, so that going back is at once.

import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ApiError, query, read } from "./client";
import { listen } from "./live";
import type { Change, List } from "./types";

const REFRESH_MS = 500;
const LIMIT_KEPT = 60; // answers nobody looks at
const LIMIT_ENTITIES = 5_000;
const PAGE_ROWS = 100;

/** Calls `work` at once, or when REFRESH_MS have passed since it last ended; never twice at a time. */
export function coalesced(work: () => Promise<void>, pause = REFRESH_MS): () => void {
  let state: "idle" | "busy" | "again" = "idle";
  const run = async (): Promise<void> => {
    state = "busy";
    await work();
    setTimeout(() => {
      if (state === "again") void run();
      else state = "idle";
    }, pause);
  };
  return () => {
    if (state === "idle") void run();
    else state = "again";
  };
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** A signal that stays silent when the new value says the same as the old. */
function settle<T>(target: Signal<T>, value: T): void {
  if (!same(target.peek(), value)) target.value = value;
}

// ---- entities

const entities = new Map<string, Signal<unknown>>();

/** The newest that is known of one thing; a row looks at this and is drawn again alone. */
function entity<T>(noun: string, id: string, value: T): Signal<T> {
  const key = `${noun}:${id}`;
  const known = entities.get(key) as Signal<T> | undefined;
  if (known) {
    settle(known, value);
    return known;
  }
  const fresh = signal(value);
  entities.set(key, fresh as Signal<unknown>);
  // A row that is seen holds its own signal, so what falls out here is at worst drawn once more.
  if (entities.size > LIMIT_ENTITIES) entities.delete(entities.keys().next().value!);
  return fresh;
}

// ---- one answer

type Concerns = (change: Change) => boolean;

export class Answer<T> {
  readonly data = signal<T | undefined>(undefined);
  readonly error = signal<ApiError | undefined>(undefined);
  private lookers = 0;
  private unlisten: (() => void) | undefined;
  readonly refresh = coalesced(() => this.ask());

  constructor(
    readonly path: string,
    private readonly concerns: Concerns,
  ) {}

  private async ask(): Promise<void> {
    try {
      settle(this.data, await read<T>(this.path));
      this.error.value = undefined;
    } catch (error) {
      this.error.value = error as ApiError;
    }
  }

  look(): () => void {
    if (this.lookers++ === 0) {
      this.unlisten = listen((change) => {
        if (!change || this.concerns(change)) this.refresh();
      });
      this.refresh();
    }
    return () => {
      if (--this.lookers === 0) this.unlisten?.();
    };
  }

  get looked(): boolean {
    return this.lookers > 0;
  }
}

const answers = new Map<string, Answer<unknown>>();

function answer<T>(path: string, concerns: Concerns): Answer<T> {
  const known = answers.get(path);
  answers.delete(path);
  const kept = (known ?? new Answer<T>(path, concerns)) as Answer<T>;
  answers.set(path, kept as Answer<unknown>); // the last asked for stand last
  for (const [key, old] of answers) {
    if (answers.size <= LIMIT_KEPT) break;
    if (!old.looked) answers.delete(key);
  }
  return kept;
}

/** What was asked before, for as long as the newer question has no answer: nothing flickers. */
function useLatest<T>(asked: T, answered: boolean): T {
  const latest = useRef(asked);
  if (answered) latest.current = asked;
  return latest.current;
}

/** The answer to GET `path`, kept true while the component is there. */
export function useAnswer<T>(path: string, concerns: Concerns): Answer<T> {
  const asked = useMemo(() => answer<T>(path, concerns), [path]);
  useEffect(() => asked.look(), [asked]);
  return useLatest(asked, asked.data.value !== undefined || asked.error.value !== undefined);
}

// ---- a list of which the pages that are seen are here

export class PagedList<T> {
  readonly total = signal<number | undefined>(undefined);
  readonly error = signal<ApiError | undefined>(undefined);
  /** Grows whenever a row came, left or moved; what a row says is in its own signal. */
  readonly revision = signal(0);
  private pages = new Map<number, Signal<T>[]>();
  private wanted: [number, number] = [0, 0]; // pages, first and last
  readonly refresh = coalesced(() => this.ask());

  constructor(
    private readonly noun: string,
    private readonly path: string,
    private readonly params: Record<string, string | undefined>,
    private readonly idOf: (item: T) => string,
  ) {}

  at(row: number): Signal<T> | undefined {
    return this.pages.get(Math.floor(row / PAGE_ROWS))?.[row % PAGE_ROWS];
  }

  /** Says which rows are seen; what is missing of them is asked for. */
  show(first: number, last: number): void {
    const pages: [number, number] = [Math.floor(first / PAGE_ROWS), Math.floor(last / PAGE_ROWS)];
    if (same(pages, this.wanted)) return;
    this.wanted = pages;
    const lacking = !this.pages.has(pages[0]) || !this.pages.has(pages[1]);
    if (lacking) void this.ask();
  }

  look(concerns: Concerns): () => void {
    this.refresh();
    return listen((change) => {
      if (!change || concerns(change)) this.refresh();
    });
  }

  private async ask(): Promise<void> {
    const [first, last] = this.wanted;
    const offset = first * PAGE_ROWS;
    const limit = (last - first + 1) * PAGE_ROWS;
    try {
      const list = await read<List<T>>(this.path + query({ ...this.params, offset, limit }));
      this.take(list, first, last);
      this.error.value = undefined;
    } catch (error) {
      this.error.value = error as ApiError;
    }
  }

  private take(list: List<T>, first: number, last: number): void {
    const rows = list.items.map((item) => entity(this.noun, this.idOf(item), item));
    let moved = this.total.peek() !== list.total;
    for (let page = first; page <= last; page++) {
      const from = (page - first) * PAGE_ROWS;
      const fresh = rows.slice(from, from + PAGE_ROWS);
      const old = this.pages.get(page);
      moved ||= old?.length !== fresh.length || fresh.some((row, i) => row !== old[i]);
      this.pages.set(page, fresh);
    }
    for (const page of this.pages.keys()) // unseen ones grow stale
      if (page < first - 1 || page > last + 1) this.pages.delete(page);
    this.total.value = list.total;
    if (moved) this.revision.value++;
  }
}

const lists = new Map<string, PagedList<unknown>>();
const LIMIT_LISTS = 20;

export function useList<T>(
  noun: string,
  path: string,
  params: Record<string, string | undefined>,
  idOf: (item: T) => string,
  concerns: Concerns,
): PagedList<T> {
  const key = path + query(params);
  const list = useMemo(() => {
    const kept = (lists.get(key) ?? new PagedList<T>(noun, path, params, idOf)) as PagedList<T>;
    lists.delete(key);
    lists.set(key, kept as PagedList<unknown>);
    if (lists.size > LIMIT_LISTS) lists.delete(lists.keys().next().value!);
    return kept;
  }, [key]);
  useEffect(() => list.look(concerns), [list]);
  return useLatest(list, list.total.value !== undefined || list.error.value !== undefined);
}

/** Whether a change is of one of these nouns. */
export const of =
  (...nouns: string[]): Concerns =>
  (change) =>
    nouns.includes(change.noun);
