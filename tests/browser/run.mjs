// The cases, in the order a person would meet them. Each waits for what it wants to see, never for time.

import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";
import { startServer } from "./server.mjs";

const mock = process.env.MOCK === "1";
const kind = mock ? "browser mock" : "browser";
const pictures = process.env.SCREENSHOTS;
const WAIT_MS = 20_000;
const BUDGET_BYTES = 120 * 1024;
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];
const THEMES = ["light", "dark"];

let server;
let browser;
let page;
let demo; // { app, job, task, node }, and later { run, pod }: what the pages are tried with
let wrong = []; // what the browser complained of since the last case

// ---- helpers

function assert(truth, what) {
  if (!truth) throw new Error(what);
}

const url = (place = "") => `${server.origin}/ui/${place}`;
const heading = (name) => page.getByRole("heading", { level: 1, name, exact: true });
const field = (name) => page.getByRole("textbox", { name, exact: true });
const dialog = () => page.getByRole("dialog");
const tilde = (id) => id.replace(/^\//, "").replace(/\./g, "~");

async function api(place, options) {
  const answer = await fetch(`${server.origin}/api/${place}`, options);
  assert(answer.ok, `/api/${place} answered ${answer.status}`);
  return answer.json();
}

async function open(place, title) {
  await page.goto(url(place));
  await heading(title).waitFor();
}

/** Waits until `truth` holds; reads what it needs each time. */
async function until(truth, what) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    if (await truth()) return;
    assert(Date.now() < end, `waited ${WAIT_MS / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const places = () => ({
  overview: "",
  apps: "apps",
  groups: "apps?view=groups",
  app: `apps/${tilde(demo.app)}`,
  settings: `apps/${tilde(demo.app)}?view=settings`,
  versions: `apps/${tilde(demo.app)}?view=versions`,
  ports: `apps/${tilde(demo.app)}?view=ports`,
  "new-app": "new-app",
  jobs: "jobs",
  job: `jobs/${tilde(demo.job)}`,
  next: `jobs/${tilde(demo.job)}?view=next`,
  "job-graph": `jobs/${tilde(demo.job)}?view=graph`,
  "jobs-graph": "jobs?view=graph",
  run: `runs/${demo.run}`,
  "new-job": "new-job",
  calendars: "calendars",
  "new-calendar": "new-calendar",
  ...(demo.calendar && {
    calendar: `calendars/${demo.calendar}`,
    "calendar-settings": `calendars/${demo.calendar}?view=settings`,
  }),
  notices: "notices",
  nodes: "nodes",
  node: `nodes/${tilde(demo.node)}`,
  task: `tasks/${tilde(demo.task)}`,
  traffic: "traffic",
  events: "events",
  about: "settings",
  ...(demo.pod && { pod: `apps/${tilde(demo.pod)}`, "pod-settings": `apps/${tilde(demo.pod)}?view=settings` }),
});

async function newPage(options) {
  const context = await browser.newContext({ viewport: SIZES[0], ...options });
  context.setDefaultTimeout(WAIT_MS);
  const fresh = await context.newPage();
  fresh.on("pageerror", (error) => wrong.push(error.message));
  fresh.on("console", (message) => {
    // an answer of 4xx that a case provokes is no complaint
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      wrong.push(message.text());
  });
  fresh.on("request", (request) => {
    if (!request.url().startsWith(server.origin)) wrong.push(`outside request: ${request.url()}`);
  });
  return fresh;
}

// ---- cases

const CASES = [
  [
    "loads all it needs from the node, within the budget, under a strict policy",
    async () => {
      let bytes = 0;
      page.on("response", async (answer) => {
        if (answer.url().includes("/ui/")) bytes += (await answer.request().sizes().catch(() => null))?.responseBodySize ?? 0;
      });
      const answer = await page.goto(url());
      const policy = answer.headers()["content-security-policy"] ?? "";
      assert(policy.includes("default-src 'self'") && !policy.includes("unsafe"), `the policy is "${policy}"`);
      await heading("Overview").waitFor();
      await page.getByRole("heading", { name: "Capacity" }).waitFor();
      if (!mock) assert(bytes > 0 && bytes <= BUDGET_BYTES, `the first load is ${bytes} bytes`);
    },
  ],
  [
    "lists the apps, finds one and opens it",
    async () => {
      await page.locator("nav a[href=apps]").click();
      await heading("Apps").waitFor();
      await page.getByRole("searchbox", { name: "Search apps" }).fill(demo.app);
      await page.waitForURL(/q=/);
      await page.locator("tbody tr.link", { hasText: demo.app }).first().locator("a").click();
      await heading(demo.app).waitFor();
      await page.goBack();
      await heading("Apps").waitFor();
      assert((await page.getByRole("searchbox", { name: "Search apps" }).inputValue()) === demo.app, "back lost the search");
      await page.goForward();
      await heading(demo.app).waitFor();
    },
  ],
  [
    "opens an address with a dot that was typed by hand",
    async () => {
      for (const path of ["apps/a.b", "nodes/x.example.com"]) {
        const answer = await page.goto(url(path));
        assert(answer.status() < 400, `${path}: ${answer.status()}`);
        await page.locator("nav a[href=apps]").waitFor();
      }
    },
  ],
  [
    "shows an app without a place in one word and one colour everywhere",
    async () => {
      if (mock) return;
      const id = "/giant";
      const definition = { id, cmd: "sleep 100000", cpus: 0.01, mem: 320000 };
      const headers = { "Content-Type": "application/json" };
      const { deployment } = await api("apps", { method: "POST", headers, body: JSON.stringify(definition) });
      const waits = page.locator(".kind-warn", { hasText: "waiting" });
      await open("", "Overview");
      await page.locator("li", { hasText: id }).filter({ has: waits }).first().waitFor();
      await open("apps", "Apps");
      await page.locator("tbody tr.link", { hasText: id }).filter({ has: waits }).waitFor();
      await open("apps/giant", id);
      await page.locator("header, main").filter({ has: waits }).first().waitFor();
      await page.getByText("has too little memory free").first().waitFor();
      await api(`deployments/${deployment}?force=true`, { method: "DELETE" });
      await api("apps/giant", { method: "DELETE" });
    },
  ],
  [
    "draws only the rows in sight",
    async () => {
      await open("apps", "Apps");
      await page.locator("tbody tr.link").first().waitFor();
      const { total } = await api("apps?limit=1");
      const rows = await page.locator("tbody tr[data-row]").count();
      assert(rows <= 80, `${rows} rows are in the document`);
      if (total < 200) return;
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      await page.locator(`tr[data-row="${total - 1}"] a`).waitFor();
      assert((await page.locator("tbody tr[data-row]").count()) <= 80, "the rows before are still there");
    },
  ],
  [
    "shows the groups as a tree that folds",
    async () => {
      await open("apps?view=groups", "Apps");
      await page.locator("tbody tr[data-row]").first().waitFor();
      const group = page.locator("button.twist").first();
      if ((await group.count()) === 0) return; // the demo has no group
      const before = await page.locator("table").getAttribute("aria-rowcount");
      await group.click();
      await until(async () => (await page.locator("table").getAttribute("aria-rowcount")) !== before, "fewer rows");
    },
  ],
  [
    "scales an app, shows it live, and takes it back",
    async () => {
      await open(`apps/${tilde(demo.app)}`, demo.app);
      const { summary } = await api(`apps/${encodeURIComponent(demo.app.slice(1))}`);
      const wanted = summary.instances + 1;
      await page.locator("tbody tr.link").first().waitFor();
      await page.keyboard.press("s");
      await page.getByRole("textbox", { name: "Instances" }).fill(String(wanted));
      await page.getByRole("dialog").getByRole("button", { name: "Scale", exact: true }).click();
      await page.getByText(`from ${summary.instances} to ${wanted}`).waitFor();
      await until(async () => (await page.locator("table").first().locator("tbody tr.link").count()) === wanted, "the new instance");
      await until(async () => (await api("deployments")).total === 0 || mock, "the end of the deployment");
      await page.getByRole("button", { name: "Undo" }).click();
      await page.getByText(`from ${wanted} to ${summary.instances}`).waitFor();
      await until(
        async () => (await api(`apps/${encodeURIComponent(demo.app.slice(1))}`)).summary.running === summary.instances,
        "the way back",
      );
    },
  ],
  [
    "says at its field what is wrong, and shows what will change",
    async () => {
      await open(`apps/${tilde(demo.app)}?view=settings`, demo.app);
      await page.getByRole("textbox", { name: "CPUs" }).fill("-1");
      await page.getByRole("heading", { name: "What will change" }).waitFor();
      await page.locator(".diff .added", { hasText: "-1" }).waitFor();
      await page.getByRole("button", { name: "Save and deploy" }).click();
      await page.locator('input[aria-invalid="true"]').waitFor();
      await page.getByRole("button", { name: "JSON" }).click();
      await page.locator(".gutter .wrong").waitFor();
      await page.getByRole("button", { name: "Discard" }).click();
      assert(await page.getByRole("button", { name: "Save and deploy" }).isDisabled(), "nothing to save, yet it can be");
    },
  ],
  [
    "shows the output of a task, searches it and pauses",
    async () => {
      await open(`apps/${tilde(demo.app)}`, demo.app);
      await page.locator("tbody tr.link a").first().click();
      await page.getByRole("region", { name: "stdout" }).waitFor();
      const lines = page.locator(".log [data-line]");
      await lines.first().waitFor();
      const word = /[A-Za-z]{3,}/.exec(await lines.last().innerText())?.[0] ?? "a";
      await page.getByRole("searchbox", { name: "Search the output" }).fill(word);
      await page.locator(".log mark").first().waitFor();
      await page.getByRole("searchbox", { name: "Search the output" }).fill("");
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByText("paused", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Follow" }).click();
      await page.getByText("following", { exact: true }).waitFor();
      await page.getByRole("button", { name: "stderr" }).click();
      await page.getByRole("region", { name: "stderr" }).waitFor();
    },
  ],
  [
    "shows what a task prints as it prints it",
    async () => {
      if (mock) return;
      const cmd = "n=0; while :; do n=$((n + 1)); echo line $n; sleep 0.1; done";
      const headers = { "Content-Type": "application/json" };
      await api("apps", {
        method: "POST",
        headers,
        body: JSON.stringify({ id: "/ticker", cmd, cpus: 0.01, mem: 16, portDefinitions: [] }),
      });
      await open("apps/ticker", "/ticker");
      await page.locator("tbody tr.link a").first().click();
      await page.getByText("following", { exact: true }).waitFor();
      // the last line on the page may be one that says where the output begins
      const number = async () =>
        Math.max(0, ...(await page.locator(".log [data-line]").allInnerTexts()).map((text) => Number(/line (\d+)/.exec(text)?.[1] ?? 0)));
      await until(async () => (await number()) > 0, "a first line");
      await page.evaluate(() => (window.sameDocument = true));
      const seen = await number();
      await until(async () => (await number()) >= seen + 10, "ten more lines");
      assert(await page.evaluate(() => window.sameDocument === true), "the page was loaded anew");
      await api("apps/ticker?force=true", { method: "DELETE" });
    },
  ],
  [
    "runs a job now and shows the run and its output",
    async () => {
      await page.keyboard.press("g");
      await page.keyboard.press("j");
      await heading("Jobs").waitFor();
      await page.getByRole("searchbox", { name: "Search jobs" }).fill(demo.job);
      await page.locator("tbody tr.link", { hasText: demo.job }).first().locator("a").first().click();
      await heading(demo.job).waitFor();
      const runs = page.locator("table[aria-label=Runs] tbody tr.link");
      const byHand = async () => {
        const { runs: all } = await api(`jobs/${encodeURIComponent(demo.job)}`);
        return all.filter(({ cause }) => cause === "manual");
      };
      const before = (await byHand()).length;
      await page.getByRole("button", { name: "Run now" }).click();
      await page.getByText(`${demo.job} runs now.`).waitFor();
      await until(async () => (await byHand()).length > before, "a run by hand");
      await until(async () => (await byHand()).some(({ state }) => state === "ok"), "its good end");
      demo.run = (await byHand())[0].id;
      await until(async () => (await runs.first().innerText()).includes("ok"), "the run on the page");
      await runs.first().locator("a").first().click();
      await page.getByRole("region", { name: "stdout" }).waitFor();
      await page.locator(".log [data-line]").first().waitFor();
      await page.getByText("the task has ended").waitFor();
    },
  ],
  [
    "shows one run: when it was due and began, what it used, its attempts and their output, and percentiles of all",
    async () => {
      if (mock) return;
      const headers = { "Content-Type": "application/json" };
      const flag = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "run-")), "go");
      const command = `echo first; while [ ! -e ${flag} ]; do sleep 0.05; done; echo last; exit 3`;
      const body = { schedule: "R/2035-01-01T00:00:00Z/P1Y", command, retries: 1, retryDelaySeconds: 0, cpus: 0.01, mem: 32 };
      await api("jobs/talker", { method: "PUT", headers, body: JSON.stringify(body) });
      const { run } = await api("jobs/talker/run", { method: "POST", headers, body: "{}" });
      await open(`runs/${run}`, `Run ${run}`);
      const fact = (name) => page.locator("dl.facts div", { has: page.getByText(name, { exact: true }) }).locator("dd");
      await page.locator(".log [data-line]", { hasText: "first" }).waitFor();
      await page.getByText("following", { exact: true }).waitFor();
      fs.writeFileSync(flag, "");
      await page.locator(".page-head .state", { hasText: "failed" }).waitFor();
      assert((await fact("Exit status").innerText()) === "3", "the exit status");
      assert(/MiB|KiB/.test(await fact("Memory at its highest").innerText()), "the memory");
      assert(/s$/.test(await fact("Late by").innerText()), "how late it began");
      const attempts = page.locator("table[aria-label=Attempts] tbody tr.link");
      await until(async () => (await attempts.count()) === 2, "two attempts");
      await attempts.first().locator("a").click();
      await page.waitForURL(/attempt=0/);
      await page.locator(".log [data-line]", { hasText: "last" }).waitFor();
      await page.locator(".crumbs a", { hasText: "talker" }).click();
      await heading("talker").waitFor();
      await page.locator("table[aria-label=Percentiles] tbody tr", { hasText: "Began late by" }).waitFor();
      await api("jobs/talker", { method: "DELETE" });
    },
  ],
  [
    "shows what a deleted job ran, and which one it was",
    async () => {
      if (mock) return;
      const body = { command: "echo said before it went", schedule: "R/2090-01-01T00:00:00Z/P1D", cpus: 0.01, mem: 32 };
      await api("jobs/leaver", { method: "PUT", body: JSON.stringify(body) });
      const { run } = await api("jobs/leaver/run", { method: "POST", body: "{}" });
      await until(async () => (await api(`runs/${run}`)).run.state === "ok", "its good end");
      const { gone } = await api("jobs/leaver", { method: "DELETE" });
      await open("jobs/leaver", "leaver");
      await page.getByText("The job was deleted.").getByRole("link", { name: gone }).click();
      await heading(gone).waitFor();
      await api("jobs/leaver", { method: "PUT", body: JSON.stringify(body) });
      await open("jobs?state=deleted", "Jobs");
      await page.locator("tbody tr.link", { hasText: gone }).first().locator("a").first().click();
      await heading(gone).waitFor();
      await page.getByText("it was called leaver").waitFor();
      assert((await page.getByRole("button", { name: "Run now" }).count()) === 0, "what is gone can be run");
      await page.locator(`a[href$="runs/${run}"]`).first().click();
      await page.locator(".log [data-line]", { hasText: "said before it went" }).waitFor();
      await api("jobs/leaver", { method: "DELETE" });
    },
  ],
  [
    "says of a run whose start nobody heard that it is unknown, and how many runs one stands for",
    async () => {
      if (mock) return;
      const [due, ended] = ["2026-03-01T10:00:00.000Z", "2026-03-01T10:00:09.000Z"];
      const run = { id: 7, job: "odd", attempt: 0, cause: "schedule", due };
      const unheard = { ...run, state: "ok", ended, late_ms: null, took_ms: null };
      const runs = [unheard, { ...run, id: 6, state: "skipped", covers: 1200, ended: due, message: "a later target runs in its place" }];
      await api("jobs/odd", { method: "PUT", body: JSON.stringify({ command: "date", schedule: "R/2090-01-01T00:00:00Z/P1D" }) });
      const told = async (route, more) => {
        const answer = await route.fetch();
        await route.fulfill({ response: answer, status: 200, json: { ...(await answer.json()), ...more } });
      };
      await page.route("**/api/jobs/odd", (route) => told(route, { runs }));
      await page.route("**/api/runs/7", (route) => told(route, { run: unheard, attempts: [], error: undefined }));
      try {
        await open("jobs/odd", "odd");
        const row = (text) => page.locator("table[aria-label=Runs] tbody tr", { hasText: text });
        await row("1,200 times").getByText("a later due time took its place").waitFor();
        assert((await row("1,200 times").getByText("unknown").count()) === 0, "that is known of it");
        const unknown = async () => (await row("unknown").innerText()).match(/unknown/g)?.length === 2;
        await until(unknown, "how late it was and what it took, unknown");
        await row("unknown").locator("a").first().click();
        await heading("Run 7").waitFor();
        for (const name of ["Began", "Late by", "Took"]) {
          const fact = page.locator("dl.facts div", { has: page.getByText(name, { exact: true }) }).locator("dd");
          assert((await fact.innerText()) === "unknown", `${name} is ${await fact.innerText()}`);
        }
      } finally {
        await page.unrouteAll({ behavior: "wait" });
        await api("jobs/odd", { method: "DELETE" });
      }
    },
  ],
  [
    "tells when a job runs next",
    async () => {
      await open(`jobs/${tilde(demo.job)}?view=next`, demo.job);
      await page.getByRole("heading", { name: /^The next \d+ times/ }).waitFor();
    },
  ],
  [
    "says when a schedule runs while it is typed, and when its job does",
    async () => {
      if (mock) return;
      const said = page.getByRole("status", { name: "When it runs" });
      await open("new-job", "New job");
      await said.getByText(/^Runs every day from/).waitFor();
      await field("Schedule").fill("");
      await field("Cron").fill("30 25 * * *");
      await said.getByText(/hour: got "25", need 0 to 23/).waitFor();
      await field("Cron").fill("30 2 13 * FRI");
      await field("Time zone").fill("Asia/Tokyo");
      await said.getByText("Runs on day 13 of the month or on Friday at 02:30 Asia/Tokyo.").waitFor();
      await said.getByText("day and weekday are both given: it runs when either matches").waitFor();
      await said.getByText(/· there \d{4}-\d\d-\d\d 02:30:00 \+09:00/).first().waitFor();
      await field("Name").fill("unlucky");
      await page.getByRole("button", { name: "Create" }).click();
      await heading("unlucky").waitFor();
      await page.getByText("on day 13 of the month or on Friday at 02:30 Asia/Tokyo", { exact: true }).waitFor();
      await open("jobs/unlucky?view=next", "unlucky");
      await page.getByRole("heading", { name: "The next 10 times" }).waitFor();
      await open("jobs/unlucky?view=settings", "unlucky");
      await field("Cron").fill("@weekly");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("on Sunday at 00:00 Asia/Tokyo", { exact: true }).waitFor();
      await api("jobs/unlucky", { method: "DELETE" });
    },
  ],
  [
    "draws which jobs wait for which, leads from one to the next, and counts those that are too many",
    async () => {
      if (mock) return;
      const put = (name, more) => api(`jobs/${name}`, { method: "PUT", body: JSON.stringify({ command: "date", cpus: 0.01, ...more }) });
      await put("load", { schedule: "R/2090-01-01T00:00:00Z/P1D" });
      await put("check", { schedule: "R/2090-01-01T00:00:00Z/P1D", disabled: true });
      const shards = Array.from({ length: 55 }, (_, i) => `shard-${i}`);
      for (const name of shards) await put(name, { parents: ["load"] });
      const parentConditions = { load: "failure", check: "always" };
      await put("alarm", { parents: ["load", "check"], dependencyMode: "any", parentConditions });
      await open("jobs?view=graph", "Jobs");
      const box = (name) => page.locator(".graph a", { hasText: name }).first();
      await box("check").filter({ has: page.locator(".kind-off", { hasText: "disabled" }) }).waitFor();
      await box("load").click();
      await heading("load").waitFor();
      await page.waitForURL(/jobs\/load\?view=graph/);
      await page.locator(".graph li", { hasText: "and 6 more" }).waitFor();
      await until(async () => (await page.locator(".graph li").count()) === 1 + 50 + 1, "50 children and what stands for the rest");
      await put("shard-0", { parents: ["alarm"] });
      await open("jobs/alarm?view=graph", "alarm");
      await box("load").waitFor();
      await page.locator(".graph li", { hasText: "and 54 more" }).waitFor();
      await page.getByText("any of 2").waitFor();
      await page.locator(".graph .end", { hasText: "on failure" }).waitFor();
      await page.locator(".graph .end", { hasText: "always" }).waitFor();
      await page.locator("li", { hasText: "after load failed or check (however it ended)" }).waitFor();
      assert((await page.locator(".graph a[aria-current]").innerText()).startsWith("alarm"), "the page's own job is not marked");
      const objections = await axeOn(page);
      assert(objections.length === 0, objections.join("\n"));
      if (pictures) await page.screenshot({ path: path.join(pictures, "graph.png") });
      await box("shard-0").focus();
      await page.keyboard.press("Enter");
      await heading("shard-0").waitFor();
      for (const name of [...shards, "alarm"]) await api(`jobs/${name}`, { method: "DELETE" });
      await page.goto(url("jobs/load?view=graph"));
      await page.getByText("It waits for no job, and none waits for it.").waitFor();
      await api("jobs/load", { method: "DELETE" });
      await api("jobs/check", { method: "DELETE" });
    },
  ],
  [
    "sets a calendar from text, shows what it means, and deletes it once no job names it",
    async () => {
      await open("calendars", "Calendars");
      await page.locator("a[href=new-calendar]").first().click();
      await heading("New calendar").waitFor();
      await field("Name").fill("closed");
      await field("Days").fill("XMAS, SAT 08:00-18:00");
      await page.getByText("every Saturday, 08:00 to 18:00", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Create" }).click();
      await page.locator(".field .problem", { hasText: "got \"XMAS\", need a date" }).waitFor();
      await field("Days").fill("12-24/12-26, SAT 08:00-18:00");
      await page.getByRole("button", { name: "Create" }).click();
      await heading("closed").waitFor();
      await page.getByText("from 24 December to 26 December of every year", { exact: true }).waitFor();
      await page.getByText(/^Saturday \d{4}-\d\d-\d\d$/).first().waitFor();
      await page.getByText("No job names it.").waitFor();
      const job = { command: "date", schedule: "R/2090-01-01T00:00:00Z/P1D", excludeCalendars: ["closed"] };
      await api("jobs/resting", { method: "PUT", body: JSON.stringify(job) });
      await page.locator("main .rows a", { hasText: "resting" }).click();
      await heading("resting").waitFor();
      await page.locator(".facts a", { hasText: "closed" }).waitFor();
      await page.keyboard.press("f");
      await page.getByRole("combobox").fill("close");
      await page.keyboard.press("Enter");
      await heading("closed").waitFor();
      await page.getByRole("button", { name: "Delete" }).click();
      await dialog().getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByText("calendar 'closed' is named by resting: take it out of them first").waitFor();
      await page.getByRole("link", { name: "Settings", exact: true }).last().click();
      await field("Days").fill("SUN");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Changed the calendar closed.").waitFor();
      await page.getByText("every Sunday", { exact: true }).waitFor();
      await api("jobs/resting", { method: "DELETE" });
      await page.getByText("No job names it.").waitFor();
      await page.getByRole("button", { name: "Delete" }).click();
      await dialog().getByRole("button", { name: "Delete", exact: true }).click();
      await heading("Calendars").waitFor();
      await until(async () => (await api("calendars?q=closed")).total === 0, "its end");
      await api("calendars/holidays", { method: "PUT", body: JSON.stringify({ days: ["12-24/12-26", "SAT-SUN"] }) });
      demo.calendar = "holidays"; // for the pages that are looked at below
    },
  ],
  [
    "marks what is wrong with a job where it stands, once, and takes it when it is right",
    async () => {
      if (mock) return;
      await open("new-job", "New job");
      await page.getByRole("textbox", { name: "Name" }).fill("formed");
      assert(!(await page.getByRole("textbox", { name: "Starts spread over" }).isVisible()), "nothing is folded away");
      await page.getByText("More", { exact: true }).click();
      await page.getByRole("textbox", { name: "Starts spread over" }).fill("-5");
      await page.getByRole("textbox", { name: "Owner" }).fill("the ops team");
      await page.getByText("More", { exact: true }).click();
      await page.getByRole("button", { name: "Create" }).click();
      await page.locator('input[aria-invalid="true"]').waitFor();
      assert(await page.getByRole("textbox", { name: "Starts spread over" }).isVisible(), "what is marked is folded away");
      await page.getByText("It is not saved: look at what is marked above.").waitFor();
      const said = (await page.locator("form").innerText()).split("-5, need").length - 1;
      assert(said <= 1, `the same is said ${said} times`);
      await page.getByRole("textbox", { name: "Starts spread over" }).fill("5");
      await page.getByRole("textbox", { name: "Told of" }).fill("failed, missed");
      await page.getByRole("textbox", { name: "Environment" }).fill("A=1\nB=two words");
      await page.getByRole("textbox", { name: "Which ends count" }).fill("nobody=sometimes");
      await page.getByText("More", { exact: true }).click();
      await page.getByRole("button", { name: "Create" }).click();
      await page.locator('textarea[aria-invalid="true"]').waitFor();
      assert(await page.getByRole("textbox", { name: "Which ends count" }).isVisible(), "what is marked is folded away");
      await page.getByRole("textbox", { name: "Which ends count" }).fill("");
      await page.getByRole("button", { name: "Create" }).click();
      await heading("formed").waitFor();
      await page.getByText("formed: one of its owners gets no mail").waitFor();
      const { job } = await api("jobs/formed");
      assert(job.jitterSeconds === 5 && job.notify.join() === "failed,missed", JSON.stringify(job));
      const env = [{ name: "A", value: "1" }, { name: "B", value: "two words" }];
      assert(JSON.stringify(job.environmentVariables) === JSON.stringify(env), JSON.stringify(job.environmentVariables));
      await api("jobs/formed", { method: "DELETE" });
    },
  ],
  [
    "says of each field that nothing can be made of it, and what a job without a schedule does",
    async () => {
      if (mock) return;
      await open("new-job", "New job");
      const tried = async (name, text, right) => {
        await page.getByRole("textbox", { name, exact: true }).fill(text);
        await page.getByRole("button", { name: "Create" }).click();
        await page.locator('[aria-invalid="true"]').waitFor();
        const marked = await page.locator('[aria-invalid="true"]').evaluate((input) => input.labels[0].textContent);
        assert(marked === name, `${marked} is marked, not ${name}`);
        await page.getByRole("textbox", { name, exact: true }).fill(right);
      };
      await tried("Name", "", "unsaid");
      await page.getByText("More", { exact: true }).click();
      await tried("Told of", "failed, nobody", "");
      await tried("Environment", "A=1\nhalf", "A=1");
      await tried("Which ends count", "nobody", "");
      await page.getByRole("textbox", { name: "Schedule" }).fill("");
      await page.getByText("Runs once, at once: it has no schedule").waitFor();
      await page.getByRole("textbox", { name: "After", exact: true }).fill("nobody");
      await page.getByText("Runs once, at once: it has no schedule").waitFor({ state: "detached" });
    },
  ],
  [
    "shows what a line of a crontab runs, and has it changed; what has ended and written nothing has nothing to come",
    async () => {
      if (mock) return;
      const line = { command: "/bin/sh", shell: false, arguments: ["-c", "echo it is >&2"], cron: "0 0 1 1 *", retries: 0 };
      await api("jobs/line", { method: "PUT", body: JSON.stringify(line) });
      await open("jobs/line?view=settings", "line");
      await page.getByText("/bin/sh -c 'echo it is >&2'").waitFor();
      await page.getByText("a program, run without a shell").waitFor();
      await page.getByRole("textbox", { name: "Argument 2" }).fill("echo two\\\n lines >&2");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Changed the settings of line.").waitFor();
      assert((await api("jobs/line")).job.arguments[1] === "echo two\\\n lines >&2", "the argument");
      await page.getByRole("button", { name: "Run now" }).click();
      await until(async () => (await api("runs?job=line")).items[0]?.state === "ok", "its run");
      await open(`runs/${(await api("runs?job=line")).items[0].id}`, `Run ${(await api("runs?job=line")).items[0].id}`);
      await page.getByText("Nothing on stdout: look at stderr, too.").waitFor();
      await api("jobs/line", { method: "DELETE" });
    },
  ],
  [
    "pauses a job with a reason, and resumes it",
    async () => {
      if (mock) return;
      await api("jobs/often", { method: "PUT", body: JSON.stringify({ command: "date", schedule: "R//PT1H" }) });
      await open("jobs/often", "often");
      await page.getByRole("button", { name: "Pause" }).click();
      await field("Reason").fill("the disk is full");
      await dialog().getByRole("button", { name: "Pause" }).click();
      await page.getByText("often is paused: it does not run by itself.").waitFor();
      await page.getByText(/the disk is full$/).first().waitFor();
      await page.getByRole("button", { name: "Resume" }).click();
      await page.getByText("often runs again when it is due.").waitFor();
      await until(async () => !(await api("jobs/often")).summary.disabled, "it is enabled");
    },
  ],
  [
    "pauses and resumes many jobs by a selector",
    async () => {
      if (mock) return;
      await open("jobs", "Jobs");
      await page.getByRole("button", { name: "Pause many" }).click();
      await dialog().getByRole("button", { name: "Pause", exact: true }).click();
      await dialog().getByText("Selector: which jobs?").waitFor();
      await field("Selector").fill("name=oft*");
      await dialog().getByRole("button", { name: "Pause", exact: true }).click();
      await page.getByText("Paused 1 job; 0 were so already.").waitFor();
      await page.getByRole("button", { name: "Resume many" }).click();
      await field("Selector").fill("name=nobody");
      await dialog().getByRole("button", { name: "Resume", exact: true }).click();
      await page.getByText("selector: no job is like that").waitFor();
      await page.getByRole("button", { name: "Resume many" }).click();
      await field("Selector").fill("name=often");
      await dialog().getByRole("button", { name: "Resume", exact: true }).click();
      await page.getByText("Resumed 1 job; 0 were so already.").waitFor();
    },
  ],
  [
    "runs a job with variables of that run alone",
    async () => {
      if (mock) return;
      const job = { command: "echo said $WORD", schedule: "R0//PT1H", shell: true };
      await api("jobs/often", { method: "PUT", body: JSON.stringify(job) });
      await open("jobs/often", "often");
      await page.getByRole("button", { name: "Run with …" }).click();
      await field("Variables").fill("WORD");
      await dialog().getByRole("button", { name: "Run", exact: true }).click();
      await dialog().getByText("Variables: each line is NAME=VALUE.").waitFor();
      await field("Variables").fill("WORD=friend=ly\n");
      await dialog().getByRole("button", { name: "Run", exact: true }).click();
      await page.getByText("often runs now.").waitFor();
      await until(async () => (await api("jobs/often")).runs[0]?.state === "ok", "its good end");
      const { id } = (await api("jobs/often")).runs[0];
      await page.locator(`table[aria-label=Runs] a[href="runs/${id}"]`).first().click();
      await page.getByText("said friend=ly").first().waitFor();
    },
  ],
  [
    "backfills a job: says what would run, shows how far it is, and cancels it",
    async () => {
      if (mock) return;
      const schedule = "R/2026-01-01T00:00:00Z/P1D";
      const job = { command: "sleep 600", schedule, disabled: true, missed: "window" };
      await api("jobs/fill", { method: "PUT", body: JSON.stringify(job) });
      await open("jobs/fill", "fill");
      await page.getByRole("button", { name: "Backfill" }).click();
      await field("From").fill("2026-02-01T00:00:00Z");
      await field("To").fill("2026-02-04T00:00:00Z");
      await field("Runs at once").fill("2");
      await page.getByRole("button", { name: "What would run?" }).click();
      await dialog().getByText("3 runs, each told for when it is; 0 times passed.").waitFor();
      await dialog().getByRole("button", { name: "Backfill", exact: true }).click();
      await page.getByText("A backfill of fill has begun.").waitFor();
      await page.getByRole("heading", { name: "Backfills" }).waitFor();
      await page.getByText(/0 ok, 0 not, 2 open, 0 ran before/).waitFor();
      await page.getByRole("button", { name: "Cancel backfill" }).click();
      await page.getByText("The backfill of fill is canceled; what runs goes on.").waitFor();
      const { gone } = await api("jobs/fill", { method: "DELETE" });
      await open("jobs?state=deleted", "Jobs");
      await page.locator("tbody tr.link", { hasText: gone }).first().locator("a").first().click();
      await heading(gone).waitFor();
      await page.getByRole("heading", { name: "Backfills" }).waitFor();
    },
  ],
  [
    "edits when a job is valid, its calendars, its overlap and how it catches up in the form",
    async () => {
      if (mock) return;
      await api("calendars/weekend", { method: "PUT", body: JSON.stringify({ days: ["SAT-SUN"] }) });
      await api("jobs/often", { method: "PUT", body: JSON.stringify({ command: "date", cron: "0 3 * * *" }) });
      await open("jobs/often?view=settings", "often");
      const said = page.getByRole("status", { name: "When it runs" });
      await page.getByText("More", { exact: true }).click();
      await field("Valid from").fill("2099-01-01T00:00:00Z");
      await field("Not on days of").fill("weekend");
      await said.getByText("every day at 03:00 UTC; from 2099-01-01 00:00 UTC; not on days of weekend").waitFor();
      await field("Overlap").fill("allow");
      await field("Catch up").fill("all");
      await field("Catch up at most").fill("3");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Changed the settings of often.").waitFor();
      const { job } = await api("jobs/often");
      assert(job.overlap === "allow" && job.catchup.limit === 3, JSON.stringify(job));
      assert(job.excludeCalendars.join() === "weekend", JSON.stringify(job));
      await page.getByText("all, 3 at most").waitFor();
      await page.getByText(/its time begins at 2099-01-01T00:00:00.000Z/).waitFor();
      await api("jobs/often", { method: "DELETE" });
      await api("calendars/weekend", { method: "DELETE" });
    },
  ],
  [
    "sends a test by a channel, and says what became of it",
    async () => {
      if (mock) return;
      await open("jobs", "Jobs");
      await page.getByRole("link", { name: "Notices" }).click();
      await heading("Notices").waitFor();
      const button = page.getByRole("button", { name: "Send a test" });
      await page.getByRole("button", { name: "slack", exact: true }).click();
      await button.click();
      const said = page.getByRole("status");
      await said.getByText("slack: it was taken.").waitFor();
      await page.getByRole("button", { name: "http", exact: true }).click();
      await button.click();
      await said.getByText(/^http: connecting to 127.0.0.1:1: /).waitFor();
      const rows = page.locator("tbody tr", { hasText: "a test" });
      await until(async () => (await rows.count()) === 2, "both in the list");
    },
  ],
  [
    "shows the nodes and what runs on one",
    async () => {
      await open("nodes", "Nodes");
      await page.locator("tbody tr.link a").first().click();
      await page.getByRole("heading", { name: "Capacity" }).waitFor();
      await page.getByText("rack=a", { exact: true }).waitFor();
      await page.getByRole("heading", { name: "Tasks" }).waitFor();
    },
  ],
  [
    "drains a node, and takes that back",
    async () => {
      await page.getByRole("button", { name: "Drain" }).click();
      await page.getByText(/ drains: its tasks move off/).waitFor();
      await page.locator(".page-head").getByText(/^drain(ing|ed)$/).waitFor();
      await page.getByRole("button", { name: "End the drain" }).click();
      await page.getByText(/ may run tasks again/).waitFor();
      await page.locator(".page-head").getByText("ready").waitFor();
    },
  ],
  [
    "shows events as they happen",
    async () => {
      await open("events", "Events");
      await page.locator("tbody tr[data-row]").first().waitFor();
      const newest = async () => page.locator('tr[data-row="0"]').innerText();
      const before = await newest();
      await api(`jobs/${encodeURIComponent(demo.job)}/run`, { method: "POST", body: "{}" });
      await until(async () => (await newest()) !== before, "a new event on top");
    },
  ],
  [
    "makes an app and deletes it, by its name only",
    async () => {
      await page.goto(url("new-app"));
      await page.getByRole("textbox", { name: "Id" }).fill("/browser/made");
      await page.getByRole("textbox", { name: "Command" }).fill("sleep 1000");
      await field("Environment").fill("COLOR=red\nSIZE=a=b\nhalf");
      await field("Environment").fill("COLOR=red\nSIZE=a=b\n");
      await field("Service port").fill("10077");
      await field("Health check").fill("TCP");
      await field("Checked every").fill("2");
      await page.getByRole("button", { name: "JSON", exact: true }).click();
      const { healthChecks, portDefinitions } = JSON.parse(await page.getByRole("textbox", { name: "New app as JSON" }).inputValue());
      assert(JSON.stringify(healthChecks) === '[{"intervalSeconds":2,"protocol":"TCP"}]', JSON.stringify(healthChecks));
      assert(portDefinitions[0].port === 10077 && portDefinitions[0].name === "http", JSON.stringify(portDefinitions));
      const two = '[{"intervalSeconds":2,"protocol":"TCP"},{"path":"/b","portIndex":1,"protocol":"HTTP"}]';
      const ports = '[{"name":"http","port":10077,"protocol":"tcp"},{"labels":{"a":"b"},"name":"b","port":0,"protocol":"udp"}]';
      const asJson = () => page.getByRole("textbox", { name: "New app as JSON" });
      const now = JSON.parse(await asJson().inputValue());
      await asJson().fill(JSON.stringify({ ...now, portDefinitions: JSON.parse(ports), healthChecks: JSON.parse(two) }));
      await page.getByRole("button", { name: "Form", exact: true }).click();
      await field("Service port 2").fill("10078");
      await field("Path of check 2").fill("/c");
      await page.getByRole("button", { name: "JSON", exact: true }).click();
      const both = JSON.parse(await asJson().inputValue());
      assert(JSON.stringify(both.healthChecks) === two.replace("/b", "/c"), JSON.stringify(both.healthChecks));
      assert(JSON.stringify(both.portDefinitions) === ports.replace(":0", ":10078"), JSON.stringify(both.portDefinitions));
      await asJson().fill(JSON.stringify({ ...both, healthChecks: undefined }));
      await page.getByRole("button", { name: "Form", exact: true }).click();
      assert((await field("Path of check 2").count()) === 0, "a check that is not there can be edited");
      await page.getByRole("button", { name: "Create and deploy" }).click();
      await heading("/browser/made").waitFor();
      const { app } = await api("apps/browser%2Fmade");
      assert(app.env.COLOR === "red" && app.env.SIZE === "a=b", JSON.stringify(app.env));
      await page.getByRole("button", { name: "Delete" }).click();
      const dialog = page.getByRole("dialog");
      const button = dialog.getByRole("button", { name: "Delete", exact: true });
      assert(await button.isDisabled(), "it can be deleted without its name");
      await dialog.getByRole("textbox").fill("/browser/made");
      await button.click();
      await heading("Apps").waitFor();
      await until(async () => {
        const answer = await fetch(`${server.origin}/api/apps/browser%2Fmade`);
        return answer.status === 404;
      }, "the app to be gone");
    },
  ],
  [
    "shows a pod's containers by their names, scales its instances, and shows what one container prints",
    async () => {
      if (mock) return;
      const shell = (word) => ({ command: { shell: `while :; do echo ${word} says; sleep 0.5; done` } });
      const container = (name) => ({ name, resources: { cpus: 0.01, mem: 32 }, exec: shell(name) });
      const pod = { id: "/pair", containers: ["web", "side"].map(container), executorResources: { cpus: 0, mem: 0, disk: 0 } };
      const answer = await fetch(`${server.origin}/v2/pods`, { method: "POST", body: JSON.stringify(pod) });
      assert(answer.status === 201, `the pod was answered ${answer.status}`);
      demo.pod = pod.id;
      await open("apps/pair", "/pair");
      const rows = page.locator("table[aria-label=Instances] tbody tr.link");
      const named = (name) => rows.filter({ has: page.getByRole("link", { name: new RegExp(`^[0-9a-f]{8} ${name}$`) }) });
      await page.getByText("1 of 1 run").waitFor();
      await until(async () => (await named("web").count()) === 1 && (await named("side").count()) === 1, "a row a container");
      await page.keyboard.press("s");
      await page.getByRole("textbox", { name: "Instances" }).fill("2");
      await page.getByRole("dialog").getByRole("button", { name: "Scale", exact: true }).click();
      await page.getByText("2 of 2 run").waitFor();
      await until(async () => (await rows.count()) === 4, "two instances of two containers");
      await open("apps/pair?view=settings", "/pair");
      await page.getByRole("textbox", { name: "Instances" }).fill("1");
      await page.getByRole("button", { name: "Save and deploy" }).click();
      await page.getByText("1 of 1 run").waitFor();
      await until(async () => (await rows.count()) === 2, "one instance");
      await named("side").getByRole("link").first().click();
      await heading(/^[0-9a-f]{8} side$/).waitFor();
      await page.locator(".log [data-line]", { hasText: "side says" }).first().waitFor();
    },
  ],
  [
    "is led by the keyboard",
    async () => {
      await open("", "Overview");
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).waitFor();
      await page.keyboard.press("Escape");
      await page.keyboard.press("g");
      await page.keyboard.press("a");
      await heading("Apps").waitFor();
      await page.locator("tbody tr.link").first().waitFor();
      await page.keyboard.press("/");
      assert(await page.locator("[data-search]").evaluate((field) => field === document.activeElement), "/ leads nowhere");
      await page.keyboard.press("Escape");
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await page.keyboard.press("k");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/ui\/apps\//);
      await page.keyboard.press("f");
      await page.getByRole("option").nth(1).waitFor(); // all there is, the app first
      await page.getByRole("combobox").fill(demo.job);
      await page.keyboard.press("Enter"); // before it was found: means what was typed
      await page.waitForURL(/\/ui\/jobs\//);
    },
  ],
  ...THEMES.map((theme) => [`has nothing that axe objects to, ${theme}`, () => axeOnEveryPage(theme)]),
  [
    "leaves room for what names a row, from 1024 pixels on",
    async () => {
      const narrow = [];
      for (const width of [1024, 1200, 1280, 1366]) {
        const looked = await newPage({ viewport: { width, height: 800 } });
        for (const [name, place] of Object.entries(places())) {
          await looked.goto(url(place));
          await looked.locator("main h1").waitFor();
          await looked.waitForLoadState("load");
          if (["job", "jobs", "nodes", "notices"].includes(name)) await looked.locator("main .table").first().waitFor();
          const firsts = await looked.evaluate(() =>
            [...document.querySelectorAll("main .table")].map((table) => [
              table.getAttribute("aria-label"),
              table.querySelector("th").offsetWidth,
            ]),
          );
          for (const [label, wide] of firsts) if (wide < 88) narrow.push(`${name} ${width}: ${label} ${wide}`);
        }
        await looked.context().close();
      }
      assert(narrow.length === 0, `too narrow: ${narrow.join(", ")}`);
    },
  ],
  [
    "fits 360 pixels",
    async () => {
      const narrow = await newPage({ viewport: { width: 360, height: 740 } });
      const wide = [];
      for (const [name, place] of Object.entries(places())) {
        await narrow.goto(url(place));
        await narrow.locator("main h1").waitFor();
        await narrow.waitForLoadState("load");
        const over = await narrow.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (over > 0) wide.push(`${name} by ${over}`);
      }
      await narrow.context().close();
      assert(wide.length === 0, `too wide: ${wide.join(", ")}`);
    },
  ],
  [
    "says that the line is broken, and how old it all is",
    async () => {
      await open("", "Overview");
      await page.getByText("live", { exact: true }).waitFor();
      await server.stop();
      await page.getByText(/No line to the node/).waitFor();
      wrong = [];
    },
  ],
];

async function axeOn(looked) {
  await looked.evaluate(axe);
  const { violations } = await looked.evaluate(() => globalThis.axe.run());
  return violations.map(({ id, nodes }) => `${id} at ${nodes[0].target}`);
}

async function axeOnEveryPage(theme) {
  const objections = [];
  for (const viewport of SIZES) {
    const looked = await newPage({ viewport, colorScheme: theme, reducedMotion: "reduce" });
    for (const [name, place] of Object.entries(places())) {
      await looked.goto(url(place));
      await looked.locator("main h1").waitFor();
      await looked.locator("main .panel, main .log, main form").first().waitFor();
      for (const objection of await axeOn(looked)) objections.push(`${name} ${viewport.width}: ${objection}`);
      if (pictures) await looked.screenshot({ path: path.join(pictures, `${name}-${theme}-${viewport.width}.png`) });
    }
    await looked.context().close();
  }
  assert(objections.length === 0, objections.join("\n"));
}

// ---- running

/** The names everything is tried with; waits until the demo has put them in and a task runs. */
async function findDemo() {
  demo = {};
  await until(async () => {
    const live = (state) => ["running", "healthy"].includes(state);
    const { items: apps } = await api("apps?q=demo");
    const { items: jobs } = await api("jobs?q=demo");
    const { items: nodes } = await api("nodes");
    const all = apps.length > 0 ? apps : (await api("apps")).items;
    demo.app = all[0]?.id;
    demo.job = (jobs[0] ?? (await api("jobs")).items[0])?.name;
    demo.node = nodes[0]?.id;
    if (!demo.app) return false;
    const { items: tasks } = await api(`tasks?app=${encodeURIComponent(demo.app)}`);
    demo.task = tasks.find(({ state }) => live(state))?.id;
    return Boolean(demo.job && demo.node && demo.task);
  }, "the demo's app, job and task");
}

async function runCase([name, body]) {
  wrong = [];
  try {
    await body();
    assert(wrong.length === 0, wrong.join("\n"));
    console.log(`ok ${kind} ${name}`);
    return true;
  } catch (error) {
    console.log(error.message.replace(/^/gm, "  "));
    console.log(`not ok ${kind} ${name}`);
    const picture = `not-ok-${name.replace(/\W+/g, "-")}.png`;
    if (pictures) await page.screenshot({ path: path.join(pictures, picture) }).catch(() => {});
    return false;
  }
}

let passed = true;
try {
  if (pictures) fs.mkdirSync(pictures, { recursive: true });
  server = await startServer();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"], // root, and small /dev/shm, in containers
  });
  await findDemo();
  page = await newPage();
  for (const row of CASES) passed = (await runCase(row)) && passed;
} catch (error) {
  console.log(error.message.replace(/^/gm, "  "));
  console.log(`not ok ${kind} starts`);
  passed = false;
} finally {
  await browser?.close();
  await server?.stop();
}
process.exit(passed ? 0 : 1);
