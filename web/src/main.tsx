// The dashboard: which page is shown at which address.

import "./ui/base.css";
import { render, type JSX } from "preact";
import * as live from "./api/live";
import * as keys from "./app/keys";
import * as router from "./app/router";
import { App } from "./pages/apps/app";
import { Apps } from "./pages/apps/apps";
import { NewApp } from "./pages/apps/new";
import { Calendar } from "./pages/calendars/calendar";
import { Calendars } from "./pages/calendars/calendars";
import { NewCalendar } from "./pages/calendars/new";
import { Events } from "./pages/events/events";
import { Job } from "./pages/jobs/job";
import { Jobs } from "./pages/jobs/jobs";
import { NewJob } from "./pages/jobs/new";
import { RunPage } from "./pages/jobs/run";
import { Node } from "./pages/nodes/node";
import { Nodes } from "./pages/nodes/nodes";
import { Notices } from "./pages/notices/notices";
import { Overview } from "./pages/overview/overview";
import { Settings } from "./pages/settings/settings";
import { Task } from "./pages/tasks/task";
import { Traffic } from "./pages/traffic/traffic";
import { Nowhere, Shell } from "./shell/shell";

interface PageRow {
  all?: () => JSX.Element;
  one?: (id: string) => JSX.Element;
}

const PAGES: Record<string, PageRow> = {
  "": { all: () => <Overview /> },
  apps: { all: () => <Apps />, one: (id) => <App key={id} id={id} /> },
  "new-app": { all: () => <NewApp /> },
  jobs: { all: () => <Jobs />, one: (name) => <Job key={name} name={name} /> },
  "new-job": { all: () => <NewJob /> },
  calendars: { all: () => <Calendars />, one: (name) => <Calendar key={name} name={name} /> },
  "new-calendar": { all: () => <NewCalendar /> },
  runs: { one: (id) => <RunPage key={id} id={id} /> },
  notices: { all: () => <Notices /> },
  nodes: { all: () => <Nodes />, one: (id) => <Node key={id} id={id} /> },
  tasks: { one: (id) => <Task key={id} id={id} /> },
  traffic: { all: () => <Traffic /> },
  events: { all: () => <Events /> },
  settings: { all: () => <Settings /> },
};

function Root() {
  const { page, id } = router.route.value;
  const row = Object.hasOwn(PAGES, page) ? PAGES[page] : undefined;
  const show = id === undefined ? row?.all?.() : row?.one?.(id);
  return <Shell>{show ?? <Nowhere />}</Shell>;
}

live.start();
router.start();
keys.start();
render(<Root />, document.getElementById("app")!);
