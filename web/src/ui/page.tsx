// What every page is composed of: its head, panels, facts, tabs, short lists and notes.

import "./page.css";
import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client";
import type { Answer } from "../api/store";
import { useTitle } from "../app/title";
import type { Kind } from "../lib/states";
import { Button } from "./button";
import { Shape } from "./state";

export function Page({ children }: { children: ComponentChildren }) {
  return <div class="page">{children}</div>;
}

interface HeadProps {
  title: string;
  crumbs?: ComponentChildren;
  beside?: ComponentChildren; // the state and what else belongs to the name
  children?: ComponentChildren; // actions
}

export function Head({ title, crumbs, beside, children }: HeadProps) {
  useTitle(title);
  return (
    <div class="page-head">
      <div class="title">
        {crumbs && <div class="crumbs">{crumbs}</div>}
        <div class="beside">
          <h1>{title}</h1>
          {beside}
        </div>
      </div>
      {children}
    </div>
  );
}

interface PanelProps {
  title?: string;
  beside?: ComponentChildren;
  children: ComponentChildren;
  bare?: boolean; // what is inside goes to the edges
}

export function Panel({ title, beside, children, bare }: PanelProps) {
  return (
    <section class="panel">
      {title !== undefined && (
        <header>
          <h2>{title}</h2>
          {beside}
        </header>
      )}
      {bare ? children : <div class="inside">{children}</div>}
    </section>
  );
}

export function Grid({ children }: { children: ComponentChildren }) {
  return <div class="grid">{children}</div>;
}

export function Stack({ children }: { children: ComponentChildren }) {
  return <div class="stack">{children}</div>;
}

export function Bar({ children }: { children: ComponentChildren }) {
  return <div class="bar">{children}</div>;
}

export type Fact = [name: string, value: ComponentChildren, room?: "wide"] | false | undefined;

/** Facts that are not there are left out. */
export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(
        (fact) =>
          fact && (
            <div key={fact[0]} class={fact[2]}>
              <dt>{fact[0]}</dt>
              <dd>{fact[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

interface TabsProps {
  label: string;
  tabs: { href: string; text: string; current: boolean }[];
}

export function Tabs({ label, tabs }: TabsProps) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.href} href={tab.href} aria-current={tab.current ? "page" : undefined}>
          {tab.text}
        </a>
      ))}
    </nav>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

interface NoteProps {
  kind?: Kind;
  children: ComponentChildren;
  beside?: ComponentChildren;
}

const NOTE_LOOK: Partial<Record<Kind, string>> = { good: "good", bad: "bad", busy: "busy", warn: "warn" };

export function Note({ kind = "idle", children, beside }: NoteProps) {
  return (
    <div class={`note ${NOTE_LOOK[kind] ?? ""}`}>
      <Shape kind={kind} />
      <div class="grow">{children}</div>
      {beside}
    </div>
  );
}

export function Tags({ tags, strong }: { tags: string[]; strong?: boolean }) {
  return (
    <span class="tags">
      {tags.map((tag) => (
        <span key={tag} class={strong ? "tag strong" : "tag"}>
          {tag}
        </span>
      ))}
    </span>
  );
}

export function ErrorNote({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <Note kind="bad" beside={retry && <Button onClick={retry}>Try again</Button>}>
      {error.message}
      {error.advice && <div class="muted">Try: {error.advice}</div>}
    </Note>
  );
}

interface AnsweredProps<T> {
  answer: Answer<T>;
  children: (data: T) => ComponentChildren;
}

/** The answer when it is there; until then nothing, or why there is none. */
export function Answered<T>({ answer, children }: AnsweredProps<T>) {
  const data = answer.data.value;
  const error = answer.error.value;
  if (data === undefined) return error ? <ErrorNote error={error} retry={() => answer.refresh()} /> : null;
  return (
    <>
      {error && <ErrorNote error={error} retry={() => answer.refresh()} />}
      {children(data)}
    </>
  );
}
