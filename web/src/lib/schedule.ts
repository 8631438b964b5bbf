// When a job runs, in words: a schedule is `R[n]/start/period`, ISO 8601. Pure.

import type { JobSummary } from "../api/types";

const NAMES: Record<string, string> = {
  Y: "year",
  Mo: "month",
  W: "week",
  D: "day",
  H: "hour",
  M: "minute",
  S: "second",
};

const PERIOD =
  /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** `PT24H` as `day`, `PT90M` as `1 hour 30 minutes`; undefined when it is no period. */
export function periodWords(text: string): string | undefined {
  const match = PERIOD.exec(text);
  if (!match) return undefined;
  const [years, months, weeks, days, hours, minutes, seconds] = match.slice(1).map((n) => Number(n ?? 0));
  const carried = carry(days!, hours!, minutes!, seconds!);
  const parts: [number, string][] = [
    [years!, "Y"],
    [months!, "Mo"],
    [weeks!, "W"],
    ...carried,
  ];
  const said = parts.filter(([n]) => n > 0);
  if (said.length === 0) return undefined;
  if (said.length === 1 && said[0]![0] === 1) return NAMES[said[0]![1]];
  return said.map(([n, unit]) => `${n} ${NAMES[unit]}${n === 1 ? "" : "s"}`).join(" ");
}

/** PT24H is a day in words, PT90M an hour and a half. */
function carry(days: number, hours: number, minutes: number, seconds: number): [number, string][] {
  minutes += Math.floor(seconds / 60);
  hours += Math.floor(minutes / 60);
  days += Math.floor(hours / 24);
  return [
    [days, "D"],
    [hours % 24, "H"],
    [minutes % 60, "M"],
    [seconds % 60, "S"],
  ];
}

/** `every day`, `every 10 minutes, 5 more times`; the text itself when we cannot say it better. */
export function scheduleWords(schedule: string | undefined): string {
  if (!schedule) return "after its parents";
  const [repeat, , period] = schedule.split("/");
  const times = /^R(\d*)$/.exec(repeat ?? "");
  const every = period === undefined ? undefined : periodWords(period);
  if (!times || every === undefined) return schedule;
  if (times[1] === "" || times[1] === undefined) return `every ${every}`;
  const n = Number(times[1]);
  if (n === 0) return "never again";
  return n === 1 ? "once" : `every ${every}, ${n} more times`;
}

/** After what, or when. A cron expression stands for itself: the schedule beside it is its next times only. */
export function runsWords({ parents, schedule, cron }: Pick<JobSummary, "parents" | "schedule" | "cron">): string {
  return parents.length > 0 ? `after ${parents.join(", ")}` : (cron ?? scheduleWords(schedule));
}
