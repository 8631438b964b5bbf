// What the days of a calendar mean, and which come next.

import { useComputed } from "@preact/signals";
import { now } from "../../api/live";
import type { Definition } from "../../api/types";
import { entryWords, nextDays } from "../../lib/calendar";
import type { FormField } from "../../ui/document";
import { Empty, Panel } from "../../ui/page";

const DAYS_SHOWN = 10;

export const CALENDAR_FIELDS: FormField[] = [
  { path: "/description", label: "Description", wide: true },
  {
    path: "/days",
    label: "Days",
    list: true,
    wide: true,
    hint: "with commas between: 2026-12-25, 12-24/12-26, SAT-SUN, FRI 18:00-24:00",
  },
];

/** The texts in the days of what is being typed. */
export const daysOf = (doc: Definition) => (Array.isArray(doc["days"]) ? doc["days"].map(String) : []);

export function InWords({ days }: { days: string[] }) {
  return (
    <ul class="rows">
      {days.map((text, i) => (
        <li key={i}>
          <span class="grow">{entryWords(text)}</span>
          <code>{text}</code>
        </li>
      ))}
    </ul>
  );
}

export function NextDays({ days }: { days: string[] }) {
  const today = useComputed(() => new Date(now.value).toISOString().slice(0, 10));
  const next = nextDays(days, today.value, DAYS_SHOWN);
  return (
    <Panel title="Its next days" bare>
      {next.length === 0 && <Empty>All its days are over.</Empty>}
      <ul class="rows">
        {next.map(({ day, weekday, parts }) => (
          <li key={day}>
            <span class="grow">
              {weekday} {day}
            </span>
            <span class="muted">{parts.length === 0 ? "all day" : parts.join(", ")}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
