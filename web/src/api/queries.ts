// The questions the pages ask, each with the changes that concern it. Pages know nouns, not addresses.

import { ApiError, query, read, request, segment } from "./client";
import { of, useAnswer, useList } from "./store";
import type {
  AppDetail,
  AppSummary,
  BackfillAsked,
  BackfillBegun,
  CalendarDetail,
  CalendarSummary,
  Change,
  Channel,
  Definition,
  Deployment,
  Explained,
  JobDetail,
  JobGraph,
  JobStats,
  JobSummary,
  List,
  NodeSummary,
  Notice,
  Pausing,
  RunDetail,
  SandboxFile,
  Service,
  Status,
  Task,
  Wish,
  Written,
} from "./types";

const path = (noun: string, id: string, rest = "") => `/api/${noun}/${segment(id)}${rest}`;

export interface ListParams {
  q?: string | undefined;
  state?: string | undefined;
  sort?: string | undefined;
}

const paramsOf = ({ q, state, sort }: ListParams) => ({ q, state, sort });

// ---- one thing

export const useStatus = () =>
  useAnswer<Status>("/api/status", of("app", "task", "job", "run", "node", "deployment", "leader"));

/** A task of an app is named after it: `/shop/web` has `shop_web.…` and `shop_web_….`. */
function concernsApp(id: string) {
  const prefix = id.replace(/^\//, "").replace(/\//g, "_");
  return ({ noun, name }: Change) =>
    (noun === "app" && name === id) || noun === "deployment" || (noun === "task" && name.startsWith(prefix));
}

export const useApp = (id: string) => useAnswer<AppDetail>(path("apps", id), concernsApp(id));
export const useAppVersion = (id: string, version: string) =>
  useAnswer<Definition>(path("apps", id, `/versions/${encodeURIComponent(version)}`), () => false);

export const useJob = (name: string) =>
  useAnswer<JobDetail>(
    path("jobs", name),
    (change) => change.noun === "run" || (change.noun === "job" && change.name === name),
  );

export const useJobStats = (name: string) => useAnswer<JobStats>(path("jobs", name, "/stats"), of("run"));
/** Around that job; "": from those on that wait for none. */
export const useJobGraph = (around: string) =>
  useAnswer<JobGraph>(`/api/graph?around=${encodeURIComponent(around)}`, of("job", "run"));
export const useRun = (id: string) => useAnswer<RunDetail>(path("runs", id), of("run"));

export const explainSchedule = (asked: Record<string, string>) =>
  read<Explained>("/api/schedules/explain" + query(asked));

export const useCalendar = (name: string) =>
  useAnswer<CalendarDetail>(
    path("calendars", name),
    (change) => change.noun === "job" || (change.noun === "calendar" && change.name === name),
  );

export const useNode = (id: string) =>
  useAnswer<NodeSummary>(path("nodes", id), of("task", "node", "leader"));
export const useNodeTasks = (id: string) =>
  useAnswer<List<Task>>("/api/tasks" + query({ node: id, limit: LIMIT_TASKS }), of("task"));

const concernsNotices = of("job", "run");
export const useNotice = (id: number) => useAnswer<Notice>(path("notices", `${id}`), concernsNotices);
export const useChannels = () => useAnswer<{ items: Channel[] }>("/api/channels", concernsNotices);

export const useTask = (id: string) =>
  useAnswer<Task>(path("tasks", id), (change) => change.noun === "task" && change.name === id);
export const useFiles = (id: string) =>
  useAnswer<{ items: SandboxFile[] }>(
    path("tasks", id, "/files"),
    (change) => change.noun === "task" && change.name === id,
  );

export const useDeployments = () => useAnswer<List<Deployment>>("/api/deployments", of("deployment"));
export const useNextJobs = (limit: number) =>
  useAnswer<List<JobSummary>>("/api/jobs" + query({ sort: "next", limit }), of("job"));
export const useServices = () =>
  useAnswer<List<Service>>(
    "/api/services" + query({ limit: LIMIT_SERVICES }),
    of("service", "app", "task", "deployment"),
  );

// ---- lists

export const useApps = (params: ListParams) =>
  useList<AppSummary>("app", "/api/apps", paramsOf(params), (app) => app.id, of("app", "deployment", "task"));

export const useJobs = (params: ListParams) =>
  useList<JobSummary>("job", "/api/jobs", paramsOf(params), (job) => job.name, of("job", "run"));

export const useCalendars = (params: ListParams) =>
  useList<CalendarSummary>(
    "calendar",
    "/api/calendars",
    paramsOf(params),
    (calendar) => calendar.name,
    of("calendar", "job"),
  );

export const useNodes = (params: ListParams) =>
  useList<NodeSummary>("node", "/api/nodes", paramsOf(params), (node) => node.id, of("node", "task"));

export const useNotices = (params: ListParams) =>
  useList<Notice>("notice", "/api/notices", paramsOf(params), ({ id }) => `${id}`, concernsNotices);

export const LIMIT_TREE = 2_000; // apps; beyond it a search must narrow the tree
const LIMIT_TASKS = 1_000;
const LIMIT_SERVICES = 10_000;

export const useAppTree = (params: ListParams) =>
  useAnswer<List<AppSummary>>(
    "/api/apps" + query({ ...paramsOf(params), sort: "id", limit: LIMIT_TREE }),
    of("app", "deployment"),
  );

export const earlierEvents = (before: number | undefined, limit: number) =>
  read<List<Change>>("/api/events/log" + query({ before, limit }));

// ---- finding

export interface Found {
  noun: string;
  name: string;
  title: string;
  state: string;
}

const FOUND_EACH = 6;

export async function search(text: string): Promise<Found[]> {
  const ask = <T>(noun: string, one: (item: T) => Found) =>
    read<List<T>>(`/api/${noun}` + query({ q: text, limit: FOUND_EACH })).then(
      ({ items }) => items.map(one),
      () => [],
    );
  const found = await Promise.all([
    ask<AppSummary>("apps", ({ id, state }) => ({ noun: "app", name: id, title: id, state })),
    ask<JobSummary>("jobs", ({ name, state }) => ({ noun: "job", name, title: name, state })),
    ask<CalendarSummary>("calendars", ({ name, used_by: n }) => ({
      noun: "calendar",
      name,
      title: name,
      state: n > 0 ? "used" : "unused",
    })),
    ask<NodeSummary>("nodes", ({ id, name, state }) => ({ noun: "node", name: id, title: name, state })),
  ]);
  return found.flat();
}

// ---- doing

export const createApp = (app: Definition) => request<Written>("POST", "/api/apps", app);
/** The whole definition: a member that was taken out is to be gone, so no partial update. */
export const replaceApp = (id: string, app: Definition) =>
  request<Written>("PUT", path("apps", id, "?partialUpdate=false"), app);
export const scaleApp = (id: string, instances: number) =>
  request<Written>("POST", path("apps", id, "/scale"), { instances });
export const restartApp = (id: string) => request<Written>("POST", path("apps", id, "/restart"), {});
export const deleteApp = (id: string) => request<Written>("DELETE", path("apps", id));
export const rollBack = (deployment: string) => request<Written>("DELETE", path("deployments", deployment));
export const killTask = (id: string) => request<Written>("DELETE", path("tasks", id));
/** Without a name there is no address to put it to, and the server has nothing to say. */
function put(noun: string, name: string, definition: Definition): Promise<Written> {
  const need = 'need one, of letters, digits, "_", "." and "-"';
  if (name.trim() === "") return Promise.reject(new ApiError(422, "ERR_INVALID", `name: ${need}`, [{ path: "/name", errors: [need] }]));
  return request<Written>("PUT", path(noun, name), definition);
}

export const saveJob = (name: string, job: Definition) => put("jobs", name, job);
export const deleteJob = (name: string) => request<Written>("DELETE", `${path("jobs", name)}?force=true`);
export const saveCalendar = (name: string, calendar: Definition) => put("calendars", name, calendar);
export const deleteCalendar = (name: string) => request<Written>("DELETE", path("calendars", name));
export const drainNode = (id: string, on: boolean) =>
  request<Written>("POST", path("nodes", id, on ? "/drain" : "/undrain"), {});
export const letNodeVote = (id: string, may: boolean) =>
  request<Written>("POST", path("nodes", id, may ? "/promote" : "/demote"), {});
export const removeNode = (id: string) => request<Written>("DELETE", path("nodes", id));
export const makeLeader = (id: string) => request<Written>("POST", "/api/leader/transfer", { node: id });
export const runJob = (name: string, wish: Wish = {}) =>
  request<Written>("POST", path("jobs", name, "/run"), wish);
export const pauseJob = (name: string, reason: string) =>
  request<Pausing>("POST", path("jobs", name, "/pause"), { reason });
export const resumeJob = (name: string) => request<Pausing>("POST", path("jobs", name, "/resume"), {});
export const pauseJobs = (selector: string, reason: string) =>
  request<Pausing>("POST", "/api/pause/jobs", { selector, reason });
export const resumeJobs = (selector: string) => request<Pausing>("POST", "/api/resume/jobs", { selector });
export const backfillJob = (name: string, asked: BackfillAsked) =>
  request<BackfillBegun>("POST", path("jobs", name, "/backfill"), asked);
export const cancelBackfill = (name: string) => request<Written>("DELETE", path("jobs", name, "/backfill"));
export const testNotice = (wish: { channel: string; to: string }) =>
  request<{ notice: number }>("POST", "/api/notices/test", wish);
