// The contract of /api with made-up data that lives: apps deploy, tasks write, jobs run, events flow.
// For working on the dashboard and for its browser test when there is no binary.
//
//   node tests/mock-server.mjs [--port 0] [--many] [--quiet]
//
// --many   1,000 apps and 1,000 jobs
// --quiet  nothing happens by itself
// When it serves it prints one line: `ready ui=http://127.0.0.1:PORT/ui/`.

import { randomUUID } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, "..", "dist");
const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const has = (name) => process.argv.includes(name);
const MIB = 1024 * 1024;
const LIMIT_EVENTS = 1000;

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const iso = () => new Date().toISOString();
const pick = (list) => list[Math.floor(Math.random() * list.length)];

// ---- the world

const world = {
  index: 120,
  started: iso(),
  apps: new Map(),
  tasks: new Map(),
  jobs: new Map(),
  runs: [],
  calendars: new Map(),
  nodes: new Map(),
  deployments: new Map(),
  events: [],
  eventId: 0,
  listeners: new Set(),
};

function change(noun, name, what, text) {
  world.index++;
  const event = { id: ++world.eventId, at: iso(), index: world.index, noun, name, what, text };
  world.events.push(event);
  if (world.events.length > LIMIT_EVENTS) world.events.shift();
  for (const tell of world.listeners) tell(event);
}

function turnNode(id, state) {
  const node = world.nodes.get(id);
  if (!node) throw notFound("node", id);
  node.state = state;
  change("node", node.name, state, `agent ${node.name} is ${state}`);
  return { index: world.index };
}

function addNode(id, name, address, role) {
  world.nodes.set(id, {
    id,
    name,
    address,
    modes: role === "none" ? ["agent"] : ["master", "scheduler", "agent"],
    state: "ready",
    role,
    total: { cpus: 8, mem: 16384 * MIB, disk: 200 * 1024 * MIB, ports: 1001 },
    since: Date.now() - 86400e3 * 3,
    attributes: { rack: "a" },
    docker: name === "deck-3" ? { available: false, reason: "no socket at /var/run/docker.sock" } : { available: true, version: "27.3" },
  });
}

const CHANNELS = [
  { channel: "mail", configured: true, pending: 1, sent: 12, failed: 0, error: "10.0.0.9:25: connection refused", next: ago(-40) },
  { channel: "slack", configured: true, pending: 0, sent: 13, failed: 0 },
  { channel: "mattermost", configured: false, pending: 0, sent: 0, failed: 0 },
  { channel: "http", configured: false, pending: 0, sent: 0, failed: 0 },
];
const NOTICES = [
  {
    id: 13,
    at: ago(90),
    event: "failed",
    job: "nightly-report",
    owners: "ann@example.com",
    state: "pending",
    ways: [
      { channel: "mail", state: "pending", failures: 3, error: "10.0.0.9:25: connection refused", next: ago(-40) },
      { channel: "slack", state: "sent", failures: 0, over: ago(89) },
    ],
  },
];

let nextPort = 31000;
const freePort = () => 31000 + ((nextPort++ - 31000) % 1001);

function addTask(app, state, seconds = 0) {
  const owner = { noun: "app", name: app.id };
  const id = `${app.id.slice(1).replace(/\//g, "_")}.${randomUUID()}`;
  const node = pick([...world.nodes.values()].filter((n) => n.state === "ready"));
  const task = {
    id,
    instance: id,
    owner,
    state,
    node: node.id,
    host: node.address,
    ports: app.definition.portDefinitions?.length ? [freePort()] : [],
    staged: ago(seconds + 2),
    started: state === "staging" ? undefined : ago(seconds),
    version: app.version,
    cpus: app.definition.cpus,
    mem: app.definition.mem,
    pid: 2000 + Math.floor(Math.random() * 30000),
  };
  world.tasks.set(id, task);
  return task;
}

function addApp(id, given) {
  const definition = {
    id,
    cmd: "mesolith demo-server --port $PORT0",
    instances: 3,
    cpus: 0.1,
    mem: 32,
    disk: 0,
    portDefinitions: [{ port: 10000 + world.apps.size, protocol: "tcp", name: "http" }],
    healthChecks: [{ protocol: "HTTP", path: "/health", intervalSeconds: 2, maxConsecutiveFailures: 3 }],
    labels: { team: id.split("/")[1] ?? "none" },
    env: { LOG_LEVEL: "info" },
    upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
    ...given,
  };
  const version = ago(3600 * 5 + world.apps.size);
  const app = { id, definition, version, versions: new Map([[version, definition]]), why: [] };
  world.apps.set(id, app);
  return app;
}

const tasksOf = (app) =>
  [...world.tasks.values()].filter((task) => task.owner.noun === "app" && task.owner.name === app.id);
const LIVE = new Set(["staging", "starting", "running", "healthy", "unhealthy", "unreachable"]);
const liveOf = (app) => tasksOf(app).filter((task) => LIVE.has(task.state));
const deploymentOf = (app) => [...world.deployments.values()].find((deployment) => deployment.apps.includes(app.id));

function summaryOf(app) {
  const live = liveOf(app);
  const inState = (...states) => live.filter((task) => states.includes(task.state)).length;
  const deployment = deploymentOf(app);
  const { instances, cpus, mem, labels } = app.definition;
  let state = "running";
  if (app.why.length > 0) state = "waiting";
  else if (deployment) state = "deploying";
  else if (inState("unhealthy") > 0) state = "unhealthy";
  else if (instances === 0) state = "suspended";
  return {
    id: app.id,
    state,
    why: app.why[0]?.what,
    instances,
    running: inState("running", "healthy", "unhealthy"),
    healthy: inState("healthy"),
    unhealthy: inState("unhealthy"),
    staging: inState("staging", "starting"),
    cpus,
    mem,
    version: app.version,
    servicePorts: (app.definition.portDefinitions ?? []).map(({ port }) => port),
    labels,
    deployment: deployment?.id,
  };
}

function addJob(name, given) {
  const period = given?.period ?? 600;
  const job = {
    definition: {
      name,
      command: "date; echo done",
      schedule: `R/${ago(86400)}/PT${period}S`,
      scheduleTimeZone: "UTC",
      epsilon: "PT60S",
      retries: 2,
      cpus: 0.1,
      mem: 32,
      disabled: false,
      owner: "ops@example.com",
      ...given?.definition,
    },
    period,
    anchor: Date.now() + 15e3 + Math.random() * period * 1000,
    successes: 40,
    errors: 0,
    failing: given?.failing ?? false,
    parents: given?.parents ?? [],
  };
  if (job.parents.length > 0) {
    delete job.definition.schedule;
    job.definition.parents = job.parents;
  }
  world.jobs.set(name, job);
  for (let i = 30; i > 0; i--) {
    const began = Date.now() - i * period * 1000;
    const failed = job.failing ? i < 4 : i % 11 === 5;
    const took = 800 + Math.random() * 4000;
    addRun(name, {
      due: new Date(began).toISOString(),
      late_ms: 40,
      mem_peak_bytes: (20 + i) * MIB,
      cpu_ms: Math.round(took / 4),
      state: failed ? "failed" : "ok",
      started: new Date(began + 40).toISOString(),
      ended: new Date(began + took).toISOString(),
      exit: failed ? 1 : 0,
      message: failed ? "exited with status 1" : undefined,
      cause: job.parents.length > 0 ? "dependency" : "schedule",
    });
    if (failed) job.errors++;
  }
  return job;
}

function addCalendar(name, { description, days }) {
  world.calendars.set(name, { name, description, days, changed: iso() });
}

function calendarOf(name) {
  const calendar = world.calendars.get(name);
  if (!calendar) throw notFound("calendar", name);
  return calendar;
}

function jobsNaming(calendar) {
  const names = ({ excludeCalendars = [], onlyCalendars = [] }) => [...excludeCalendars, ...onlyCalendars].includes(calendar);
  return [...world.jobs.values()].map(({ definition }) => definition).filter(names).map(({ name }) => name);
}

let nextRun = 1;
function addRun(name, given) {
  const id = nextRun++;
  const task = `ct:${Date.now()}:0:${name}:${id}`;
  const node = [...world.nodes.keys()][id % world.nodes.size];
  const run = { id: String(id), job: name, due: iso(), cause: "schedule", state: "queued", attempt: 0, task, node, ...given };
  world.runs.push(run);
  return run;
}

function runOf(id) {
  const run = world.runs.find((one) => one.id === id);
  if (!run) throw notFound("run", id);
  return run;
}

function runDetail(run) {
  const { job: _job, due: _due, late_ms: _late, cause: _cause, ...attempt } = run;
  const states = { ok: "finished", queued: "staging" };
  return { run, attempts: [{ ...attempt, state: states[run.state] ?? run.state }], index: world.index };
}

function statsOf(name) {
  const ended = runsOf(name).filter((run) => run.ended);
  const ok = ended.filter(({ state }) => state === "ok");
  const times = (all) => {
    const ms = all.sort((a, b) => a - b);
    const at = (share) => ms[Math.min(ms.length - 1, Math.floor(ms.length * share))] ?? 0;
    return { count: ms.length, p50: at(0.5), p75: at(0.75), p95: at(0.95), p98: at(0.98), p99: at(0.99), max: at(1) };
  };
  return {
    days: 30,
    ends: { ok: ok.length, failed: ended.length - ok.length, killed: 0, lost: 0, missed: 0, skipped: 0 },
    success_rate: ended.length > 0 ? ok.length / ended.length : undefined,
    took_ms: times(ok.map((run) => new Date(run.ended) - new Date(run.started))),
    late_ms: times(ended.map((run) => run.late_ms)),
    index: world.index,
  };
}

const runsOf = (name) => world.runs.filter((run) => run.job === name).reverse();

function jobSummary(job) {
  const { name, schedule, scheduleTimeZone: zone, disabled } = job.definition;
  const runs = runsOf(name).slice(0, 1);
  const running = runs[0]?.state === "running";
  let state = "idle";
  if (disabled) state = "disabled";
  else if (running) state = "running";
  else if (job.failing) state = "failing";
  const last = runs[0] && { due: runs[0].due, started: runs[0].started, ended: runs[0].ended, state: runs[0].state };
  const next = disabled || job.parents.length > 0 ? undefined : new Date(job.anchor).toISOString();
  const { successes, errors, parents } = job;
  return { name, state, next, schedule, cron: job.definition.cron, zone, last, successes, errors, disabled: disabled ?? false, parents };
}

/** All that is connected; as our server, but without its bounds. */
function graph(around) {
  const edges = [...world.jobs].flatMap(([child, { parents }]) => parents.map((parent) => ({ parent, child, on: "success" })));
  const connected = new Set(around ? [around] : edges.flatMap(({ parent, child }) => [parent, child]));
  for (let n = 0; n !== connected.size; ) {
    n = connected.size;
    for (const { parent, child } of edges)
      if (connected.has(parent) || connected.has(child)) connected.add(parent).add(child);
  }
  const nodes = [...connected].map((name) => {
    const { state, parents } = jobSummary(jobOf(name));
    return { name, state, after: parents.length > 0 ? "all" : undefined, active: 0, queued: 0 };
  });
  return { index: world.index, nodes, edges: edges.filter(({ child }) => connected.has(child)) };
}

function nextTimes(job) {
  if (job.parents.length > 0 || job.definition.disabled) return [];
  return Array.from({ length: 10 }, (_, i) => new Date(job.anchor + i * job.period * 1000).toISOString());
}

function nodeOf(node) {
  const tasks = [...world.tasks.values()].filter((task) => task.node === node.id && LIVE.has(task.state));
  const used = (key) => tasks.reduce((sum, task) => sum + task[key], 0);
  const { total, since, ...rest } = node;
  return {
    ...rest,
    tasks: tasks.length,
    cpus: { used: Math.round(used("cpus") * 1000) / 1000, total: total.cpus },
    mem: { used: used("mem") * MIB, total: total.mem },
    disk: { used: 4 * 1024 * MIB, total: total.disk },
    ports: { used: tasks.filter((task) => task.ports.length).length, total: total.ports },
    seen: node.state === "unreachable" ? ago(240) : iso(),
    version: "0.1.0",
    uptime_s: Math.floor((Date.now() - since) / 1000),
  };
}

function deploymentView({ tick: _, ...deployment }) {
  return deployment;
}

// ---- deployments move a step a tick

function deploy(app, definition, action) {
  const version = iso();
  app.definition = definition;
  app.version = version;
  app.versions.set(version, definition);
  const id = randomUUID();
  world.deployments.set(id, {
    id,
    version,
    step: 1,
    steps: 2,
    apps: [app.id],
    sentence: `${action}: looking for room`,
    started: version,
    actions: [{ action, app: app.id }],
    replace: action === "RestartApplication",
  });
  change("deployment", id, "start", `deployment of ${app.id} began`);
  change("app", app.id, "put", `${app.id} is to have ${definition.instances} instances`);
  return id;
}

function stepDeployment(deployment) {
  const app = world.apps.get(deployment.apps[0]);
  if (!app) return finish(deployment);
  const live = liveOf(app);
  const old = live.filter((task) => task.version !== app.version && deployment.replace);
  const fresh = live.length - old.length;
  const staging = live.find((task) => task.state === "staging" || task.state === "starting");
  if (staging) {
    moveTask(staging, staging.state === "staging" ? "starting" : "healthy");
  } else if (fresh < app.definition.instances) {
    const task = addTask(app, "staging");
    task.detail = "fetching 1 of 1";
    change("task", task.id, "state", `${task.id.slice(0, 24)} is staging on ${task.host}`);
  } else if (old.length > 0 || live.length > app.definition.instances) {
    const victim = old[0] ?? live[live.length - 1];
    moveTask(victim, "killed");
  } else return finish(deployment);
  deployment.step = 2;
  deployment.sentence = `starting ${Math.min(fresh, app.definition.instances)} of ${app.definition.instances}, waiting for health`;
  change("deployment", deployment.id, "step", `${app.id}: ${deployment.sentence}`);
  change("app", app.id, "state", `${app.id}: ${fresh} of ${app.definition.instances} run`);
}

function finish(deployment) {
  world.deployments.delete(deployment.id);
  change("deployment", deployment.id, "end", `deployment of ${deployment.apps[0]} is done`);
  if (world.apps.has(deployment.apps[0])) change("app", deployment.apps[0], "state", `${deployment.apps[0]} is running`);
}

function moveTask(task, state) {
  task.state = state;
  task.detail = undefined;
  if (state === "starting") task.started = iso();
  if (!LIVE.has(state)) task.ended = iso();
  change("task", task.id, "state", `${task.id.slice(0, 24)} is ${state} on ${task.host}`);
}

function startRun(name, cause) {
  const run = addRun(name, { cause, state: "running", started: iso(), late_ms: 3 });
  const job = world.jobs.get(name);
  world.tasks.set(run.task, {
    id: run.task,
    owner: { noun: "job", name },
    state: "running",
    node: run.node,
    host: world.nodes.get(run.node).address,
    ports: [],
    staged: iso(),
    started: iso(),
    cpus: job.definition.cpus,
    mem: job.definition.mem,
  });
  change("run", run.id, "start", `${name} began (${cause})`);
  change("job", name, "state", `${name} is running`);
  setTimeout(() => endRun(run), 2500);
  return run;
}

function endRun(run) {
  const job = world.jobs.get(run.job);
  run.state = job?.failing ? "failed" : "ok";
  run.ended = iso();
  run.exit = job?.failing ? 1 : 0;
  if (job?.failing) run.message = "exited with status 1";
  const task = world.tasks.get(run.task);
  if (task) moveTask(task, job?.failing ? "failed" : "finished");
  if (!job) return;
  job[job.failing ? "errors" : "successes"]++;
  change("run", run.id, "end", `${run.job} ended: ${run.state}`);
  change("job", run.job, "state", `${run.job} is idle`);
}

function tick() {
  for (const deployment of [...world.deployments.values()].slice(0, 20)) stepDeployment(deployment);
  for (const [name, job] of world.jobs) {
    if (job.parents.length > 0 || job.definition.disabled || Date.now() < job.anchor) continue;
    job.anchor += job.period * 1000;
    startRun(name, "schedule");
  }
}

// ---- logs

const output = new Map(); // task and file to bytes
const WORDS = ["GET /", "GET /health", "POST /orders", "GET /static/logo.svg", "GET /cart/7"];

function outputOf(id, file) {
  const key = `${id} ${file}`;
  if (!output.has(key)) {
    const lines = [];
    const task = world.tasks.get(id);
    const rows = task?.owner.noun === "app" || !task ? 2400 : 3;
    for (let i = 0; i < (file === "stdout" ? rows : 2); i++) lines.push(logLine(i, rows - i));
    output.set(key, Buffer.from(lines.join("")));
  }
  return output.get(key);
}

function logLine(n, seconds = 0) {
  const status = n % 37 === 36 ? "\x1b[31m500\x1b[0m" : "\x1b[32m200\x1b[0m";
  const tail = n % 50 === 49 ? ` trace=${"0123456789abcdef".repeat(16)}` : "";
  return `${ago(seconds)} ${status} ${WORDS[n % WORDS.length]} \x1b[2m${(n * 7) % 40} ms\x1b[0m ✓${tail}\n`;
}

let logCount = 0;
function writeLogs() {
  logCount++;
  for (const key of output.keys()) {
    const [id, file] = key.split(" ");
    const task = world.tasks.get(id);
    if (file !== "stdout" || !task || !LIVE.has(task.state)) continue;
    output.set(key, Buffer.concat([output.get(key), Buffer.from(logLine(logCount))]));
  }
}

function tailStart(bytes, lines) {
  let at = bytes.length;
  for (let n = 0; n <= lines && at > 0; n++) at = bytes.lastIndexOf(10, at - 1);
  return Math.max(0, at + 1);
}

// ---- answers

class Refusal extends Error {
  constructor(status, code, message, details = []) {
    super(message);
    Object.assign(this, { status, code, details });
  }
}

const notFound = (noun, name) => new Refusal(404, "ERR_NOT_FOUND", `${noun} ${name} does not exist`);

function page(items, params, text, state = (item) => item.state) {
  const q = params.get("q")?.toLowerCase();
  const wanted = params.get("state");
  let found = items;
  if (q) found = found.filter((item) => text(item).toLowerCase().includes(q));
  if (wanted) found = found.filter((item) => state(item) === wanted);
  const sort = params.get("sort");
  if (sort) {
    const key = sort.replace(/^-/, "");
    const way = sort.startsWith("-") ? -1 : 1;
    const none = way > 0 ? "\uffff" : "";
    const value = (item) => (typeof item[key] === "object" ? item[key].used : (item[key] ?? none));
    found = [...found].sort((a, b) => (value(a) < value(b) ? -way : value(a) > value(b) ? way : 0));
  }
  const offset = Number(params.get("offset") ?? 0);
  const limit = Number(params.get("limit") ?? 100);
  return { total: found.length, offset, index: world.index, items: found.slice(offset, offset + limit) };
}

function checkApp(definition) {
  const details = [];
  const number = (field, max) => {
    const value = definition[field];
    if (value === undefined) return;
    if (typeof value !== "number" || value < 0 || value > max)
      details.push({ path: `/${field}`, errors: [`got ${JSON.stringify(value)}, need a number 0 to ${max}`] });
  };
  number("instances", 100000);
  number("cpus", 1024);
  number("mem", 1 << 30);
  (definition.portDefinitions ?? []).forEach(({ port }, i) => {
    if (port > 65535) details.push({ path: `/portDefinitions(${i})/port`, errors: [`got ${port}, need 0 to 65535`] });
  });
  if (!/^(\/[a-z0-9.-]+)+$/.test(definition.id ?? ""))
    details.push({ path: "/id", errors: ["need a path of small letters, digits, dots and dashes, as /shop/web"] });
  if (details.length > 0) {
    const [{ path: at, errors }] = details;
    throw new Refusal(422, "ERR_INVALID", `${at.slice(1)}: ${errors[0]}`, details);
  }
}

function status() {
  const summaries = [...world.apps.values()].map(summaryOf);
  const jobs = [...world.jobs.values()].map(jobSummary);
  const nodes = [...world.nodes.values()].map(nodeOf);
  const states = ["running", "deploying", "waiting", "unhealthy", "suspended"];
  const sum = (key) => ({
    used: Math.round(nodes.reduce((n, node) => n + node[key].used, 0) * 1000) / 1000,
    total: nodes.reduce((n, node) => n + node[key].total, 0),
  });
  const attention = [
    ...summaries
      .filter(({ state }) => state === "waiting" || state === "unhealthy")
      .map((app) => ({ noun: "app", name: app.id, state: app.state, sentence: app.why ?? `${app.unhealthy} of ${app.instances} instances fail their health check` })),
    ...jobs
      .filter(({ state }) => state === "failing")
      .map((job) => ({ noun: "job", name: job.name, state: job.state, sentence: "the last 3 runs failed with exit status 1" })),
    ...nodes
      .filter(({ state }) => state === "unreachable")
      .map((node) => ({ noun: "node", name: node.id, state: node.state, sentence: `${node.name} has been silent for 4 m` })),
  ];
  const live = [...world.tasks.values()].filter((task) => LIVE.has(task.state));
  const base = `http://127.0.0.1:${server.address().port}`;
  return {
    version: "0.1.0",
    cluster: "demo",
    node: "4f1c9a2e7b30d855",
    name: "deck-1",
    modes: ["master", "scheduler", "agent"],
    leader: { node: "4f1c9a2e7b30d855", name: "deck-1" },
    leading: true,
    term: 3,
    index: world.index,
    started: world.started,
    now: iso(),
    urls: { marathon: base, chronos: base, mesos: base, agent: base, stats: base, ui: `${base}/ui/` },
    apps: Object.fromEntries(states.map((state) => [state, summaries.filter((app) => app.state === state).length])),
    tasks: {
      running: live.filter(({ state }) => state !== "staging").length,
      staging: live.filter(({ state }) => state === "staging").length,
    },
    jobs: {
      total: jobs.length,
      running: jobs.filter(({ state }) => state === "running").length,
      failing: jobs.filter(({ state }) => state === "failing").length,
    },
    nodes: { ready: nodes.filter(({ state }) => state === "ready").length, total: nodes.length },
    resources: { cpus: sum("cpus"), mem: sum("mem"), disk: sum("disk"), ports: sum("ports") },
    attention,
    docker: { available: true, version: "27.3" },
  };
}

function appOf(id) {
  const app = world.apps.get(`/${id.replace(/^\//, "")}`);
  if (!app) throw notFound("app", `/${id}`);
  return app;
}

function appDetail(id) {
  const app = appOf(id);
  return {
    app: { ...app.definition, version: app.version },
    summary: summaryOf(app),
    tasks: tasksOf(app),
    deployments: [...world.deployments.values()].filter(({ apps }) => apps.includes(app.id)).map(deploymentView),
    versions: [...app.versions.keys()].sort().reverse(),
    lastFailure: app.lastFailure,
    why: app.why,
    index: world.index,
  };
}

function jobOf(name) {
  const job = world.jobs.get(name);
  if (!job) throw notFound("job", name);
  return job;
}

function services() {
  const items = [];
  for (const app of world.apps.values())
    for (const { port } of app.definition.portDefinitions ?? []) {
      const backends = liveOf(app)
        .filter((task) => task.ports.length > 0)
        .map((task) => ({ task: task.id, address: `${task.host}:${task.ports[0]}`, healthy: task.state === "healthy" }));
      const bound = port !== 10001;
      items.push({ port, app: app.id, bound, reason: bound ? undefined : "127.0.0.1:10001 is held by another process", backends });
    }
  return { items: items.sort((a, b) => a.port - b.port) };
}

const ROUTES = [
  ["GET", "/api/status", () => status()],
  ["GET", "/api/apps", ({ params }) => page([...world.apps.values()].map(summaryOf), params, (app) => app.id)],
  [
    "POST",
    "/api/apps",
    ({ body }) => {
      checkApp(body);
      if (world.apps.has(body.id)) throw new Refusal(409, "ERR_CONFLICT", `app ${body.id} exists already`);
      const app = addApp(body.id, body);
      const deployment = deploy(app, app.definition, "StartApplication");
      return { status: 201, body: { index: world.index, id: body.id, deployment } };
    },
  ],
  ["GET", "/api/apps/{id}", ({ ids }) => appDetail(ids[0])],
  [
    "PUT",
    "/api/apps/{id}",
    ({ ids, body, params }) => {
      const app = appOf(ids[0]);
      const { version: _, ...given } = body;
      const definition = params.get("partialUpdate") === "false" ? given : { ...app.definition, ...given };
      checkApp({ ...definition, id: app.id });
      const deployment = deploy(app, { ...definition, id: app.id }, "RestartApplication");
      return { index: world.index, deployment };
    },
  ],
  [
    "DELETE",
    "/api/apps/{id}",
    ({ ids }) => {
      const app = appOf(ids[0]);
      for (const task of liveOf(app)) moveTask(task, "killed");
      world.apps.delete(app.id);
      change("app", app.id, "delete", `${app.id} was deleted`);
      return { index: world.index, deployment: randomUUID() };
    },
  ],
  [
    "POST",
    "/api/apps/{id}/scale",
    ({ ids, body }) => {
      const app = appOf(ids[0]);
      checkApp({ id: app.id, instances: body.instances });
      app.why = [];
      return { index: world.index, deployment: deploy(app, { ...app.definition, instances: body.instances }, "ScaleApplication") };
    },
  ],
  [
    "POST",
    "/api/apps/{id}/restart",
    ({ ids }) => ({ index: world.index, deployment: deploy(appOf(ids[0]), appOf(ids[0]).definition, "RestartApplication") }),
  ],
  ["GET", "/api/apps/{id}/versions/{ts}", ({ ids }) => appOf(ids[0]).versions.get(ids[1])],
  [
    "GET",
    "/api/tasks",
    ({ params }) => {
      const [app, job, node] = ["app", "job", "node"].map((name) => params.get(name));
      const items = [...world.tasks.values()].filter(
        (task) =>
          (!app || (task.owner.noun === "app" && task.owner.name === app)) &&
          (!job || (task.owner.noun === "job" && task.owner.name === job)) &&
          (!node || task.node === node),
      );
      return page(items, params, (task) => task.id);
    },
  ],
  [
    "GET",
    "/api/tasks/{id}",
    ({ ids }) => {
      const task = world.tasks.get(ids[0]) ?? pastTask(ids[0]);
      if (!task) throw notFound("task", ids[0]);
      return task;
    },
  ],
  [
    "DELETE",
    "/api/tasks/{id}",
    ({ ids }) => {
      const task = world.tasks.get(ids[0]);
      if (!task) throw notFound("task", ids[0]);
      moveTask(task, "killed");
      const app = world.apps.get(task.owner.name);
      if (app) deploy(app, app.definition, "ScaleApplication");
      return { index: world.index };
    },
  ],
  ["GET", "/api/tasks/{id}/logs", ({ ids, params, request, response }) => logs(ids[0], params, request, response)],
  [
    "GET",
    "/api/tasks/{id}/files",
    ({ ids }) => ({
      items: ["stdout", "stderr"].map((file) => ({ path: file, size: outputOf(ids[0], file).length, mtime: iso() })),
    }),
  ],
  ["GET", "/api/schedules/explain", () => ({ explained: "as the server says", next: [], local: [], warnings: [] })],
  [
    "GET",
    "/api/calendars",
    ({ params }) => {
      const rows = [...world.calendars.values()].map((one) => ({ ...one, used_by: jobsNaming(one.name).length }));
      return page(rows, params, ({ name }) => name, ({ used_by: n }) => (n > 0 ? "used" : "unused"));
    },
  ],
  ["GET", "/api/calendars/{name}", ({ ids }) => ({ ...calendarOf(ids[0]), jobs: jobsNaming(ids[0]), index: world.index })],
  [
    "PUT",
    "/api/calendars/{name}",
    ({ ids, body }) => {
      const wrong = (body.days ?? []).findIndex((day) => !/^(\d|[A-Z]{3}\b)/.test(day));
      if (wrong >= 0 || !body.days?.length)
        throw new Refusal(422, "ERR_INVALID", "days: need a list of days", [
          { path: wrong >= 0 ? `/days(${wrong})` : "/days", errors: ["need a date, a day of each year or weekdays"] },
        ]);
      addCalendar(ids[0], body);
      change("calendar", ids[0], "put", `calendar ${ids[0]} was changed`);
      return { index: world.index };
    },
  ],
  [
    "DELETE",
    "/api/calendars/{name}",
    ({ ids }) => {
      const { name } = calendarOf(ids[0]);
      const jobs = jobsNaming(name).join(", ");
      if (jobs) throw new Refusal(409, "ERR_CONFLICT", `calendar '${name}' is named by ${jobs}: take it out of them first`);
      world.calendars.delete(name);
      change("calendar", name, "delete", `calendar ${name} was deleted`);
      return { index: world.index };
    },
  ],
  ["GET", "/api/jobs", ({ params }) => page([...world.jobs.values()].map(jobSummary), params, (job) => job.name)],
  [
    "GET",
    "/api/jobs/{name}",
    ({ ids }) => {
      const job = jobOf(ids[0]);
      const runs = runsOf(ids[0]).slice(0, 50);
      return { job: job.definition, summary: jobSummary(job), next: nextTimes(job), local: nextTimes(job), runs, index: world.index, why: job.why ?? [] };
    },
  ],
  [
    "PUT",
    "/api/jobs/{name}",
    ({ ids, body }) => {
      if (body.schedule !== undefined && !/^R\d*\/.*\/P.+$/.test(body.schedule))
        throw new Refusal(422, "ERR_INVALID", "schedule: need R[n]/start/period, as R/2025-01-01T00:00:00Z/PT1H", [
          { path: "/schedule", errors: [`got ${JSON.stringify(body.schedule)}, need R[n]/start/period`] },
        ]);
      const job = world.jobs.get(ids[0]);
      if (job) job.definition = { ...body, name: ids[0] };
      else addJob(ids[0], { definition: body });
      change("job", ids[0], "put", `${ids[0]} was changed`);
      return { index: world.index };
    },
  ],
  [
    "DELETE",
    "/api/jobs/{name}",
    ({ ids }) => {
      jobOf(ids[0]);
      world.jobs.delete(ids[0]);
      change("job", ids[0], "delete", `${ids[0]} was deleted`);
      return { index: world.index };
    },
  ],
  [
    "POST",
    "/api/jobs/{name}/run",
    ({ ids }) => {
      jobOf(ids[0]);
      const run = startRun(ids[0], "manual");
      return { index: world.index, run: run.id };
    },
  ],
  ...["pause", "resume"].map((what) => [
    "POST",
    `/api/jobs/{name}/${what}`,
    ({ ids }) => {
      const job = jobOf(ids[0]);
      job.definition = { ...job.definition, disabled: what === "pause" };
      change("job", ids[0], "put", `${ids[0]} was ${what}d`);
      return { index: world.index, jobs: [ids[0]], unchanged: [] };
    },
  ]),
  ["GET", "/api/graph", ({ params }) => graph(params.get("around"))],
  ["GET", "/api/jobs/{name}/stats", ({ ids }) => statsOf(jobOf(ids[0]).name)],
  ["GET", "/api/runs/{id}", ({ ids }) => runDetail(runOf(ids[0]))],
  [
    "GET",
    "/api/runs/{id}/log",
    ({ ids, params, request, response }) => logs(runOf(ids[0]).task, params, request, response, params.get("stream")),
  ],
  ["GET", "/api/runs", ({ params }) => page(runsOf(params.get("job")), params, (run) => run.id)],
  ["GET", "/api/nodes", ({ params }) => page([...world.nodes.values()].map(nodeOf), params, (node) => node.name)],
  [
    "GET",
    "/api/nodes/{id}",
    ({ ids }) => {
      const node = world.nodes.get(ids[0]);
      if (!node) throw notFound("node", ids[0]);
      return nodeOf(node);
    },
  ],
  ["POST", "/api/nodes/{id}/drain", ({ ids }) => turnNode(ids[0], "draining")],
  ["POST", "/api/nodes/{id}/undrain", ({ ids }) => turnNode(ids[0], "ready")],
  [
    "GET",
    "/api/deployments",
    ({ params }) => page([...world.deployments.values()].map(deploymentView), params, ({ id }) => id),
  ],
  [
    "DELETE",
    "/api/deployments/{id}",
    ({ ids }) => {
      const deployment = world.deployments.get(ids[0]);
      if (!deployment) throw notFound("deployment", ids[0]);
      finish(deployment);
      return { index: world.index };
    },
  ],
  ["GET", "/api/services", () => services()],
  ["GET", "/api/channels", () => ({ index: world.index, items: CHANNELS })],
  ["GET", "/api/notices", () => ({ total: NOTICES.length, offset: 0, index: world.index, items: NOTICES })],
  [
    "GET",
    "/api/events/log",
    ({ params }) => {
      const before = Number(params.get("before") ?? Infinity);
      const limit = Number(params.get("limit") ?? 100);
      const items = world.events.filter(({ id }) => id < before).slice(-limit).reverse();
      return { total: world.events.length, offset: 0, index: world.index, items };
    },
  ],
  ["GET", "/api/events", ({ request, response, params }) => events(request, response, params)],
];

/** What a run of long ago left behind. */
function pastTask(id) {
  const run = world.runs.find(({ task }) => task === id);
  return (
    run && {
      id,
      owner: { noun: "job", name: run.job },
      state: run.state === "ok" ? "finished" : "failed",
      node: run.node,
      host: world.nodes.get(run.node).address,
      ports: [],
      staged: run.started,
      started: run.started,
      ended: run.ended,
      exit: run.exit,
      message: run.message,
      cpus: 0.1,
      mem: 32,
    }
  );
}

// ---- streams

function openStream(request, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const alive = setInterval(() => response.write(":\n\n"), 10000);
  request.on("close", () => clearInterval(alive));
  return (event, data, id) =>
    response.write(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function events(request, response, params) {
  const send = openStream(request, response);
  send("hello", { index: world.index, leader: "4f1c9a2e7b30d855", now: iso() });
  const after = request.headers["last-event-id"] ?? params.get("after");
  if (after !== undefined && after !== null)
    for (const event of world.events) if (event.id > Number(after)) send("change", event, event.id);
  const tell = (event) => send("change", event, event.id);
  world.listeners.add(tell);
  request.on("close", () => world.listeners.delete(tell));
}

function logs(id, params, request, response, file = params.get("file") ?? "stdout") {
  if (!world.tasks.has(id) && !pastTask(id)) throw notFound("task", id);
  const bytes = outputOf(id, file);
  const tail = params.get("tail");
  let offset = tail ? tailStart(bytes, Number(tail)) : Number(params.get("offset") ?? 0);
  if (params.get("follow") !== "1") {
    const end = Math.min(bytes.length, offset + Number(params.get("length") ?? 1e6));
    return { offset, size: bytes.length, data: bytes.subarray(offset, end).toString() };
  }
  const send = openStream(request, response);
  offset = Number(request.headers["last-event-id"] ?? offset);
  const more = () => {
    const now = outputOf(id, file);
    if (now.length > offset) send("data", { offset, data: now.subarray(offset).toString() }, now.length);
    offset = now.length;
    const task = world.tasks.get(id);
    if (task && LIVE.has(task.state)) return;
    send("end", {});
    response.end();
    clearInterval(timer);
  };
  const timer = setInterval(more, 200);
  more();
  request.on("close", () => clearInterval(timer));
  return undefined;
}

// ---- serving

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8" };
const CSP = "default-src 'self'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'; object-src 'none'";

function serveUi(pathname, response) {
  const name = pathname.slice("/ui/".length);
  const file = /^[^/]*\./.test(name) ? path.join(dist, path.basename(name)) : path.join(dist, "index.html");
  if (!fs.existsSync(file)) return fail(response, notFound("file", name));
  response.writeHead(200, { "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream", "Content-Security-Policy": CSP });
  response.end(fs.readFileSync(file));
}

function fail(response, { status: code = 500, code: name = "ERR_IO", message, details = [] }) {
  response.writeHead(code, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ error: { code: name, message, details } }));
}

function matchRoute(method, pathname) {
  const parts = pathname.split("/");
  for (const [verb, pattern, answer] of ROUTES) {
    const wanted = pattern.split("/");
    if (verb !== method || wanted.length !== parts.length) continue;
    if (wanted.every((part, i) => part.startsWith("{") || part === parts[i])) {
      const ids = parts.filter((_, i) => wanted[i].startsWith("{")).map(decodeURIComponent);
      return { answer, ids };
    }
  }
  return undefined;
}

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return pieces.length > 0 ? JSON.parse(Buffer.concat(pieces).toString()) : {};
}

async function serve(request, response) {
  const url = new URL(request.url, "http://mock");
  if (url.pathname === "/") {
    response.writeHead(302, { Location: "/ui/" });
    return response.end();
  }
  if (url.pathname.startsWith("/ui/")) return serveUi(url.pathname, response);
  const found = matchRoute(request.method, url.pathname);
  if (!found) return fail(response, notFound("path", url.pathname));
  try {
    const body = request.method === "GET" ? undefined : await bodyOf(request);
    const answer = found.answer({ params: url.searchParams, ids: found.ids, body, request, response });
    if (answer === undefined) return undefined;
    const { status: code = 200, body: sent = answer } = typeof answer.status === "number" ? answer : {};
    response.writeHead(code, { "Content-Type": "application/json", "X-Mesolith-Index": world.index });
    response.end(JSON.stringify(sent));
  } catch (error) {
    fail(response, error);
  }
  return undefined;
}

function furnish() {
  addNode("4f1c9a2e7b30d855", "deck-1", "127.0.0.1", "leader");
  addNode("91be04d77a3c2f10", "deck-2", "127.0.0.2", "voter");
  addNode("c02d5e8f1146ab97", "deck-3", "127.0.0.3", "voter");
  const settle = (app, n, state = "healthy") => {
    for (let i = 0; i < n; i++) addTask(app, state, 3600 * (i + 1));
  };
  settle(addApp("/demo", { instances: 2 }), 2);
  for (const [id, n] of [["/shop/web", 12], ["/shop/cart", 4], ["/shop/payments/api", 3], ["/shop/payments/ledger", 2], ["/ops/metrics", 1]])
    settle(addApp(id, { instances: n }), n);
  const sick = addApp("/shop/search", { instances: 3, mem: 512 });
  settle(sick, 2);
  settle(sick, 1, "unhealthy");
  const waiting = addApp("/ml/train", { instances: 5, cpus: 2, mem: 4096, portDefinitions: [] });
  settle(waiting, 3, "running");
  waiting.why = [
    {
      id: "no-cpus",
      what: "/ml/train: 2 of 5 instances wait: no node has 2 cpus free",
      because: "3 nodes considered: 3 too few cpus (most free: deck-2 with 1.4).",
      so: "Ask for fewer cpus, stop /ops/metrics, or add a node.",
    },
  ];
  addApp("/ops/batch-window", { instances: 0 });
  const changing = addApp("/shop/images", { instances: 6, mem: 128 });
  settle(changing, 3);
  deploy(changing, { ...changing.definition, env: { LOG_LEVEL: "debug" } }, "StartApplication");
  addJob("demo-job", { period: 60 });
  addCalendar("holidays", { description: "nobody is there", days: ["12-24/01-01", "SAT-SUN", "FRI 18:00-24:00"] });
  addCalendar("stocktaking", { days: ["2030-06-28/2030-06-30"] });
  addJob("backup", { period: 3600, definition: { excludeCalendars: ["holidays"] } });
  addJob("backup-verify", { parents: ["backup"], period: 3600 });
  addJob("reindex", { period: 900, failing: true });
  addJob("month-end", { period: 86400, definition: { disabled: true } });
  addJob("rotate.logs", { period: 86400 });
  if (has("--many")) {
    for (let i = 0; i < 1000; i++) settle(addApp(`/team-${String(i % 40).padStart(2, "0")}/service-${i}`, { instances: 1 + (i % 4) }), 1 + (i % 4));
    for (let i = 0; i < 1000; i++) addJob(`job-${String(i).padStart(4, "0")}`, { period: 600 + i });
  }
}

const server = http.createServer((request, response) => void serve(request, response));
furnish();
if (!has("--quiet")) setInterval(tick, 700);
setInterval(writeLogs, 400);
server.listen(Number(has("--port") ? argument("--port") : 0), "127.0.0.1", () => {
  console.log(`ready ui=http://127.0.0.1:${server.address().port}/ui/`);
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
