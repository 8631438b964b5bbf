import type { Definition } from "../../api/types";
import type { FormField } from "../../ui/document";

/** What the form shows of a job; all else is in its JSON. A line of a crontab is an argument of its shell. */
export function jobFields(doc: Definition): FormField[] {
  const given = Array.isArray(doc["arguments"]) ? doc["arguments"] : [];
  const program = doc["shell"] === false;
  const command = program ? "a program, run without a shell" : given.length > 0 ? "run by a shell, the arguments behind it" : "run by a shell";
  return [
    { path: "/command", label: "Command", wide: true, hint: command },
    ...given.map((_, i) => ({ path: `/arguments/${i}`, label: `Argument ${i + 1}`, lines: true })),
    ...FIELDS,
  ];
}

const FIELDS: FormField[] = [
  { path: "/schedule", label: "Schedule", wide: true, hint: "R[n]/start/period: R/2030-01-01T03:00:00Z/P1D is daily at three" },
  { path: "/cron", label: "Cron", wide: true, hint: "in the place of a schedule: minute hour day month weekday, or @daily" },
  { path: "/scheduleTimeZone", label: "Time zone", hint: "empty: UTC" },
  { path: "/parents", label: "After", list: true, hint: "jobs, in the place of a schedule" },
  { path: "/epsilon", label: "May start late by", hint: "a period, as PT10M" },
  { path: "/retries", label: "Retries", number: true },
  { path: "/cpus", label: "CPUs", number: true },
  { path: "/mem", label: "Memory", number: true, hint: "MiB" },
  { path: "/owner", label: "Owner", hint: "who is told of it, by mail" },
  { path: "/overlap", label: "Overlap", hint: "wait, skip, kill or allow: when a run is due while one runs" },
  { path: "/environmentVariables", label: "Environment", more: true, pairs: "list", hint: "NAME=VALUE, a line each" },
  { path: "/dependencyMode", label: "After all or any", more: true, hint: "all, any or round, of those it comes after" },
  { path: "/parentConditions", label: "Which ends count", more: true, pairs: "members", hint: "JOB=success, failure or always" },
  { path: "/startsAt", label: "Valid from", more: true, hint: "a time as 2030-01-01T00:00:00Z" },
  { path: "/endsAt", label: "Valid until", more: true },
  { path: "/excludeCalendars", label: "Not on days of", more: true, list: true, hint: "calendars, with commas between" },
  { path: "/onlyCalendars", label: "Only on days of", more: true, list: true },
  { path: "/catchup/policy", label: "Catch up", more: true, hint: "latest, all or none: of what passed while nobody could run it" },
  { path: "/catchup/limit", label: "Catch up at most", more: true, number: true, hint: "of all" },
  { path: "/jitterSeconds", label: "Starts spread over", more: true, number: true, hint: "seconds" },
  { path: "/retryDelaySeconds", label: "Tried again after", more: true, number: true, hint: "seconds" },
  { path: "/retryBackoff", label: "Each time longer by", more: true, number: true, hint: "a factor, 1 or more" },
  { path: "/maxCompletionTime", label: "Ended after", more: true, number: true, hint: "seconds; 0: never" },
  { path: "/startUncertain", label: "If nobody knows whether it began", more: true, hint: "rerun or hold" },
  { path: "/disk", label: "Disk", more: true, number: true, hint: "MiB" },
  { path: "/runAsUser", label: "User", more: true },
  { path: "/container/image", label: "Image", more: true, hint: "of a container, if it is to run in one" },
  { path: "/notify", label: "Told of", more: true, list: true, hint: "failed, disabled, deleted, recovered, missed, late, unplaced" },
  { path: "/notifyLateSeconds", label: "Late after", more: true, number: true, hint: "seconds" },
  { path: "/description", label: "Description", more: true, wide: true },
];

/** Daily, from the next full hour on. */
export function newJob(now: number): Definition {
  const hour = new Date(now);
  hour.setUTCMinutes(60, 0, 0);
  return {
    name: "my-job",
    command: "date",
    schedule: `R/${hour.toISOString().replace(".000", "")}/P1D`,
    epsilon: "PT10M",
    retries: 2,
    cpus: 0.1,
    mem: 32,
  };
}
