import type { Definition } from "../../api/types";
import type { FormField } from "../../ui/document";

/** What the form shows of a job; all else is in its JSON. */
export const JOB_FIELDS: FormField[] = [
  { path: "/command", label: "Command", wide: true, hint: "run by a shell" },
  { path: "/schedule", label: "Schedule", wide: true, hint: "R[n]/start/period: R/2030-01-01T03:00:00Z/P1D is daily at three" },
  { path: "/cron", label: "Cron", wide: true, hint: "in the place of a schedule: minute hour day month weekday, or @daily" },
  { path: "/scheduleTimeZone", label: "Time zone", hint: "empty: UTC" },
  { path: "/epsilon", label: "May start late by", hint: "a period, as PT10M" },
  { path: "/startsAt", label: "Valid from", hint: "a time as 2030-01-01T00:00:00Z" },
  { path: "/endsAt", label: "Valid until" },
  { path: "/excludeCalendars", label: "Not on days of", list: true, hint: "calendars, with commas between" },
  { path: "/onlyCalendars", label: "Only on days of", list: true },
  { path: "/overlap", label: "Overlap", hint: "wait, skip, kill or allow: when a run is due while one runs" },
  { path: "/catchup/policy", label: "Catch up", hint: "latest, all or none: of what passed while nobody could run it" },
  { path: "/catchup/limit", label: "Catch up at most", number: true, hint: "of all" },
  { path: "/jitterSeconds", label: "Starts spread over", number: true, hint: "seconds" },
  { path: "/retries", label: "Retries", number: true },
  { path: "/cpus", label: "CPUs", number: true },
  { path: "/mem", label: "Memory", number: true, hint: "MiB" },
  { path: "/owner", label: "Owner", hint: "who is told of it" },
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
