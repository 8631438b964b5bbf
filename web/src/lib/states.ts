// How each state of each noun looks: one table, so that colour, shape and word are everywhere the same.
// Red is only for what someone must act on now: what failed and is over is told by shape and word. Pure.

export type Kind = "good" | "busy" | "warn" | "bad" | "idle" | "off" | "done" | "failed" | "missed";

const KINDS: Record<string, Record<string, Kind>> = {
  app: { running: "good", deploying: "busy", waiting: "warn", unhealthy: "bad", suspended: "off" },
  task: {
    staging: "busy",
    starting: "busy",
    running: "good",
    healthy: "good",
    unhealthy: "bad",
    finished: "done",
    failed: "failed",
    killed: "failed",
    unreachable: "warn",
    lost: "failed",
  },
  job: { idle: "idle", running: "busy", late: "warn", failing: "bad", disabled: "off", deleted: "off" },
  run: {
    queued: "idle",
    running: "busy",
    ok: "done",
    failed: "failed",
    missed: "missed",
    skipped: "missed",
    excluded: "off",
    killed: "failed",
    lost: "failed",
  },
  node: { ready: "good", restarting: "busy", draining: "busy", drained: "off", unreachable: "bad", gone: "off" },
  calendar: { used: "idle", unused: "off" },
  service: { refused: "bad" },
  notice: { pending: "busy", sent: "done", failed: "failed", nobody: "off" },
};

export function kindOf(noun: string, state: string): Kind {
  return KINDS[noun]?.[state] ?? "idle";
}

/** The states of a noun, for a filter. */
export function statesOf(noun: string): string[] {
  return Object.keys(KINDS[noun] ?? {});
}

const LIVE = new Set(["staging", "starting", "running", "healthy", "unhealthy", "unreachable"]);

/** Whether a task in this state still holds its place. */
export function isLive(state: string): boolean {
  return LIVE.has(state);
}

const REASONS: Record<string, string> = {
  "no-leader": "no master led the cluster in time",
  "no-start": "no node started it in time",
  "no-resources": "no node had room for it in time",
  "no-eligible-node": "none of the nodes may run it",
  unreadable: "its definition cannot be read",
  overlap: "the run before it was still going on",
  "a later target runs in its place": "a later due time took its place",
};

/** Why a run was not, in words; what else is said of one stays as it is. */
export function reasonWords(message: string): string {
  return REASONS[message] ?? message;
}
