// What the schedule that is being typed means, as the server says it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError } from "../../api/client";
import { explainSchedule } from "../../api/queries";
import type { Definition, Explained as Answer } from "../../api/types";
import { Age, Clock } from "../../ui/age";
import { Note } from "../../ui/page";

const TYPING_MS = 300;
const TIMES_SHOWN = 10;

const text = (doc: Definition, member: string) => String(doc[member] ?? "").trim();

export function Explained({ doc }: { doc: Definition }) {
  const answer = useSignal<Answer | string | undefined>(undefined);
  const asked = {
    schedule: text(doc, "schedule"),
    cron: text(doc, "cron"),
    zone: text(doc, "scheduleTimeZone"),
    name: text(doc, "name"),
    startsAt: text(doc, "startsAt"),
    endsAt: text(doc, "endsAt"),
    excludeCalendars: text(doc, "excludeCalendars"),
    onlyCalendars: text(doc, "onlyCalendars"),
  };
  const key = JSON.stringify(asked);
  useEffect(() => {
    let current = true;
    const ask = async () => {
      let said: Answer | string | undefined;
      try {
        said = asked.schedule || asked.cron ? await explainSchedule(asked) : undefined;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        said = error.message;
      }
      if (current) answer.value = said;
    };
    const timer = setTimeout(() => void ask(), answer.peek() === undefined ? 0 : TYPING_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key]);

  const said = answer.value;
  if (!asked.schedule && !asked.cron && text(doc, "parents") === "")
    return (
      <p role="status" aria-label="When it runs">
        Runs once, at once: it has no schedule, no cron expression, and comes after no other job.
      </p>
    );
  if (said === undefined) return null;
  return (
    <div role="status" aria-label="When it runs">
      {typeof said === "string" ? <Note kind="warn">{said}</Note> : <Said said={said} zone={asked.zone} />}
    </div>
  );
}

function Said({ said, zone }: { said: Answer; zone: string }) {
  return (
    <>
      <p>Runs {said.explained}.</p>
      {said.warnings.map((warning) => (
        <p key={warning} class="problem-text">
          {warning}
        </p>
      ))}
      <Times next={said.next} local={said.local} zone={zone} />
    </>
  );
}

/** `2026-03-29 03:30:00 +02:00` of `2026-03-29T03:30:00.000+02:00` */
const localWords = (at: string) => `${at.slice(0, 10)} ${at.slice(11, 19)} ${at.slice(23)}`;

/** The next times, on the reader's clock and, if the schedule has a zone, on the one there. */
export function Times({ next, local, zone }: { next: string[]; local: string[]; zone: string | undefined }) {
  return (
    <ul class="rows">
      {next.slice(0, TIMES_SHOWN).map((at, i) => (
        <li key={at}>
          <span class="grow">
            <Clock at={at} />
            {zone && <span class="muted"> · there {localWords(local[i] ?? "")}</span>}
          </span>
          <span class="muted">
            <Age at={at} />
          </span>
        </li>
      ))}
    </ul>
  );
}
