// The nouns of /api as they come over the wire. Times are ISO 8601 in UTC, memory of apps and tasks is
// MiB, of nodes and of the cluster bytes. What a node may leave out is optional.

export interface Sentence {
  id: string;
  what: string;
  because?: string;
  so?: string;
}

export interface Used {
  used: number;
  total: number;
}

export interface Resources {
  cpus: Used;
  mem: Used;
  disk: Used;
  ports: Used;
}

export interface Attention {
  noun: string;
  name: string;
  state: string;
  sentence: string;
}

export interface DockerInfo {
  available: boolean;
  version?: string;
  reason?: string;
}

export interface Status {
  version: string;
  cluster: string;
  node: string;
  name: string;
  modes: string[];
  leader?: { node: string; name: string };
  leading: boolean;
  term: number;
  index: number;
  started: string;
  now: string;
  urls: Record<string, string>;
  apps: Record<AppState, number>;
  tasks: { running: number; staging: number };
  jobs: { total: number; running: number; failing: number };
  nodes: { ready: number; total: number };
  resources: Resources;
  attention: Attention[];
  docker?: DockerInfo;
}

export type AppState = "running" | "deploying" | "waiting" | "unhealthy" | "suspended";

export interface AppSummary {
  id: string;
  state: AppState;
  why?: string;
  instances: number;
  running: number;
  healthy: number;
  unhealthy: number;
  staging: number;
  cpus: number;
  mem: number;
  version: string;
  servicePorts: number[];
  labels: Record<string, string>;
  deployment?: string;
}

export type TaskState =
  | "staging"
  | "starting"
  | "running"
  | "healthy"
  | "unhealthy"
  | "finished"
  | "failed"
  | "killed"
  | "unreachable"
  | "lost";

export interface Task {
  id: string;
  instance?: string;
  owner: { noun: "app" | "job"; name: string };
  state: TaskState;
  detail?: string;
  node: string;
  host: string;
  ports: number[];
  staged?: string;
  started?: string;
  ended?: string;
  version?: string;
  exit?: number;
  signal?: number;
  message?: string;
  cpus: number;
  mem: number;
  pid?: number;
  container?: string;
  volumes?: string[];
}

export interface Deployment {
  id: string;
  version?: string;
  step: number;
  steps: number;
  apps: string[];
  sentence: string;
  started: string;
  actions?: { action: string; app: string }[];
}

/** A definition, in the form of Marathon or Chronos; only what the pages show is named. */
export type Definition = Record<string, unknown>;

export interface AppDetail {
  app: Definition;
  summary: AppSummary;
  tasks: Task[];
  deployments: Deployment[];
  versions: string[];
  lastFailure?: { taskId?: string; host?: string; message?: string; state?: string; timestamp?: string };
  why: Sentence[];
  index: number;
}

export type JobState = "idle" | "running" | "late" | "failing" | "disabled" | "deleted";

export interface JobSummary {
  name: string;
  state: JobState;
  next?: string;
  schedule?: string;
  cron?: string;
  zone?: string;
  last?: { due?: string; started?: string; ended?: string; state: RunState };
  successes: number;
  errors: number;
  disabled: boolean;
  paused?: { at?: string; by?: string; reason?: string };
  gone?: { name: string; at: string; by?: string }; // it was deleted; `name` is what its history is called
  parents: string[];
}

/** Jobs, as many as people can look at, and which waits for which. */
export interface JobGraph {
  nodes: {
    name: string;
    state: JobState;
    after?: "all" | "any" | "round"; // of its edges, if it waits for jobs
    more_parents?: number; // that are not here
    more_children?: number;
  }[];
  edges: { parent: string; child: string; on: "success" | "failure" | "always" }[];
  more?: number; // that wait for none and are not here
  index: number;
}

/** What is asked of one run alone. */
export interface Wish {
  arguments?: string;
  environment?: Record<string, string>;
}

/** What became of pausing or resuming jobs. */
export interface Pausing {
  index: number;
  jobs: string[];
  unchanged?: string[];
}

export interface BackfillAsked {
  from: string;
  to: string;
  overlap?: number;
  dry_run?: boolean;
}

/** Of a dry run what would be done, else its id. */
export interface BackfillBegun {
  backfill?: number;
  runs?: number;
  passed?: number;
}

export interface Backfill {
  id: number;
  from: string;
  to: string;
  reached?: string;
  state: "running" | "canceling" | "done" | "canceled";
  overlap: number;
  made: number;
  passed: number;
  good: number;
  bad: number;
  open: number;
  by?: string;
}

export type RunState = "queued" | "running" | "ok" | "failed" | "missed" | "skipped" | "killed" | "lost" | "excluded";

export interface Run extends Attempted {
  id: string | number;
  job: string;
  due?: string;
  cause: string;
  state: RunState;
  attempt: number;
  covers?: number; // due times that it stands for, if not 1
  queued?: string;
  started?: string;
  ended?: string;
  late_ms?: number | null; // null: nobody heard when it began
  took_ms?: number | null; // likewise
  message?: string;
}

/** Where an attempt was, and how it ended. */
export interface Attempted {
  task?: string;
  exit?: number;
  signal?: number;
  node?: string;
  host?: string;
  mem_peak_bytes?: number;
  cpu_ms?: number;
}

export interface Attempt extends Attempted {
  attempt: number;
  state: TaskState;
  task: string;
  staged?: string;
  started?: string;
  ended?: string;
  message?: string;
}

export interface RunDetail {
  run: Run;
  attempts: Attempt[]; // the oldest first; one that was lost before it began may have another of its number
  index: number;
}

export interface Times {
  count: number;
  p50: number;
  p75: number;
  p95: number;
  p98: number;
  p99: number;
  max: number;
}

export interface JobStats {
  days: number;
  ends: Record<"ok" | "failed" | "killed" | "lost" | "missed" | "skipped" | "excluded", number>;
  success_rate?: number;
  took_ms: Times;
  late_ms: Times;
}

export interface JobDetail {
  job: Definition;
  summary: JobSummary;
  explained?: string; // its schedule in words
  next: string[];
  local: string[]; // the same in the schedule's time zone
  runs: Run[];
  backfills?: Backfill[]; // the newest first
  why?: Sentence[];
  index: number;
}

/** When a schedule runs. */
export interface Explained {
  explained: string;
  next: string[];
  local: string[];
  warnings: string[];
}

export type NodeState = "ready" | "restarting" | "draining" | "drained" | "unreachable" | "gone";

export interface NodeSummary extends Resources {
  id: string;
  name: string;
  address: string;
  modes: string[];
  state: NodeState;
  role: "leader" | "voter" | "standby" | "none";
  waits?: string; // "stays a standby until …"
  tasks: number;
  seen?: string;
  closed?: string; // its process has ended since
  kept_until?: string; // so long its tasks count as running
  clock_offset_ms?: number;
  version?: string;
  docker?: DockerInfo;
  attributes?: Record<string, string | number>; // what constraints may name
  uptime_s?: number;
}

export interface Service {
  port: number;
  app: string;
  bound: boolean;
  reason?: string;
  backends: { task: string; address: string; healthy: boolean }[];
}

/** One change, as the event stream tells it. */
export interface Change {
  id: number;
  at: string;
  index?: number;
  noun: string;
  name: string;
  what: string;
  text: string;
}

export interface List<T> {
  total: number;
  offset: number;
  index?: number;
  items: T[];
}

export interface Written {
  index: number;
  deployment?: string;
  id?: string;
  run?: string | number;
}

export interface LogPiece {
  offset: number;
  size: number;
  data: string;
}

export interface SandboxFile {
  path: string;
  size: number;
  mtime?: string | number;
  mode?: string;
}

export interface CalendarSummary {
  name: string;
  description?: string;
  days: string[];
  changed: string;
  used_by: number; // jobs
}

export interface CalendarDetail extends Omit<CalendarSummary, "used_by"> {
  jobs: string[];
  index: number;
}

export interface NoticeWay {
  channel: string;
  state: "pending" | "sent" | "failed" | "nobody";
  failures: number;
  error?: string;
  over?: string;
  next?: string;
}

export interface Notice {
  id: number;
  at: string;
  event: string;
  job: string;
  owners: string;
  state: NoticeWay["state"];
  ways: NoticeWay[];
}

export interface Channel {
  channel: string;
  configured: boolean;
  pending: number;
  sent: number;
  failed: number;
  error?: string;
  next?: string;
}
