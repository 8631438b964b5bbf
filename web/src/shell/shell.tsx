// The frame around every page: where one can go, what the line to the node is like, and the page.

import "./shell.css";
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { staleSeconds } from "../api/client";
import { line, now, seenAt } from "../api/live";
import { useStatus } from "../api/queries";
import { GO, useKeys } from "../app/keys";
import { go, route } from "../app/router";
import { duration } from "../lib/time";
import { Button } from "../ui/button";
import { Icon, type IconName } from "../ui/icon";
import { Note } from "../ui/page";
import { Shape } from "../ui/state";
import { Find } from "./find";
import { Help } from "./help";

const PAGES: { page: string; href: string; name: string; icon: IconName }[] = [
  { page: "", href: ".", name: "Overview", icon: "overview" },
  { page: "apps", href: "apps", name: "Apps", icon: "apps" },
  { page: "jobs", href: "jobs", name: "Jobs", icon: "jobs" },
  { page: "nodes", href: "nodes", name: "Nodes", icon: "nodes" },
  { page: "traffic", href: "traffic", name: "Traffic", icon: "traffic" },
  { page: "events", href: "events", name: "Events", icon: "events" },
  { page: "settings", href: "settings", name: "Settings", icon: "settings" },
];

/** Pages without an entry of their own stand below that one. */
const ABOVE: Record<string, string> = { tasks: "apps", runs: "jobs", notices: "jobs", calendars: "jobs" };

export function Shell({ children }: { children: ComponentChildren }) {
  const open = useSignal<"none" | "find" | "help">("none");
  const main = useRef<HTMLElement>(null);
  const { page, id } = route.value;
  useFocusOnArrival(main, `${page}/${id ?? ""}`);
  const search = () => {
    const field = document.querySelector<HTMLInputElement>("main [data-search]");
    if (field) field.focus();
    else open.value = "find";
  };
  useKeys([
    { key: "/", what: "Search this page, or everything", act: search },
    { key: "?", what: "This help", act: () => (open.value = "help") },
    { key: "f", what: "Find an app, job, calendar or node", act: () => (open.value = "find") },
  ]);
  const close = () => (open.value = "none");
  return (
    <div class="shell">
      <button type="button" class="button skip" onClick={() => main.current!.focus()}>
        Skip to the page
      </button>
      <header class="side">
        <Brand />
        <button type="button" class="find-button" onClick={() => (open.value = "find")}>
          <Icon name="search" />
          <span>Find</span>
          <kbd>f</kbd>
        </button>
        <Nav page={page} />
        <div class="foot">
          <LineState />
          <p>
            <Button kind="quiet small" onClick={() => (open.value = "help")}>
              Keys
            </Button>
          </p>
        </div>
      </header>
      <main ref={main} class="main" tabIndex={-1}>
        <LineNote />
        {children}
      </main>
      {open.value === "find" && <Find onClose={close} />}
      {open.value === "help" && <Help onClose={close} />}
    </div>
  );
}

/** A new page is where reading goes on; the first one is the browser's. */
function useFocusOnArrival(main: { current: HTMLElement | null }, where: string): void {
  const before = useRef(where);
  useEffect(() => {
    if (before.current === where) return;
    before.current = where;
    main.current?.focus({ preventScroll: true });
  }, [where]);
}

function Brand() {
  const status = useStatus();
  return (
    <a class="brand" href=".">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <path d="M16 3 27 9.2 16 15.4 5 9.2z" />
        <path opacity=".75" d="m5 13.2 11 6.2 11-6.2v3.4l-11 6.2-11-6.2z" />
        <path opacity=".5" d="m5 20.6 11 6.2 11-6.2V23L16 29.2 5 23z" />
      </svg>
      <span>
        mesolith
        <span class="cluster">{status.data.value?.cluster ?? "\u00a0"}</span>
      </span>
    </a>
  );
}

function Nav({ page }: { page: string }) {
  const status = useStatus().data.value;
  const bad: Record<string, number> = {
    apps: status?.apps.unhealthy ?? 0,
    jobs: status?.jobs.failing ?? 0,
    nodes: status ? status.attention.filter(({ noun }) => noun === "node").length : 0,
  };
  const keyOf = (path: string) => Object.entries(GO).find(([, target]) => target.path === path)?.[0];
  return (
    <nav class="nav" aria-label="Pages">
      <ul>
        {PAGES.map((item) => (
          <li key={item.href}>
            <a
              href={item.href}
              aria-current={item.page === page || item.page === ABOVE[page] ? "page" : undefined}
              title={`g ${keyOf(item.href)}`}
            >
              <Icon name={item.icon} />
              {item.name}
              {(bad[item.page] ?? 0) > 0 && (
                <span class="badge">
                  <Shape kind="bad" />
                  <span class="unseen">needs attention</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function LineState() {
  if (line.value === "up")
    return (
      <span class="state">
        <Shape kind="good" />
        live
      </span>
    );
  return (
    <span class="state">
      <Shape kind={line.value === "down" ? "warn" : "busy"} />
      {line.value === "down" ? "no line" : "connecting"}
    </span>
  );
}

const BLINK_MS = 2000;

/** Quiet, and only when the line is broken for longer than a blink. */
function LineNote() {
  const age = now.value > 0 ? Date.now() - seenAt.value : 0; // reading `now` draws this each second
  const broken = line.value === "down" && age > BLINK_MS;
  const stale = staleSeconds.value;
  if (!broken && stale === 0) return null;
  return (
    <div class="line-note" role="status">
      <Note kind="warn">
        {broken
          ? `No line to the node; trying again. What you see is ${duration(Math.floor(age / 1000) * 1000)} old.`
          : `The node has lost its cluster. What you see is ${duration(stale * 1000)} old.`}
      </Note>
    </div>
  );
}

export function Nowhere() {
  return (
    <div class="page">
      <h1>There is no such page</h1>
      <p>
        <Button kind="primary" onClick={() => go(".")}>
          To the overview
        </Button>
      </p>
    </div>
  );
}
