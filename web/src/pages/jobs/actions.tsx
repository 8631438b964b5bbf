// What is done to a job, or to many: run now, pause, resume, backfill, delete.

import { useSignal } from "@preact/signals";
import { now } from "../../api/live";
import {
  backfillJob,
  cancelBackfill,
  deleteJob,
  pauseJob,
  pauseJobs,
  resumeJob,
  resumeJobs,
  runJob,
} from "../../api/queries";
import type { JobDetail, Pausing, Wish } from "../../api/types";
import { useKeys } from "../../app/keys";
import { pageOfRun } from "../../app/path";
import { go } from "../../app/router";
import { variables } from "../../lib/lines";
import { plural } from "../../lib/size";
import type { Action, Deed } from "../../ui/action";
import { Button, Buttons } from "../../ui/button";
import { Asked, Confirm, type Question } from "../../ui/dialog";

type Open = "run" | "pause" | "backfill" | "delete" | undefined;

export function JobActions({ data, action }: { data: JobDetail; action: Action }) {
  const open = useSignal<Open>(undefined);
  const close = () => (open.value = undefined);
  const { name, disabled, parents } = data.summary;
  const run = (wish: Wish = {}) =>
    action.run({ pending: `Starting ${name} …`, work: () => runJob(name, wish), done: `${name} runs now.` });
  const newest = data.runs.find(({ task }) => task);
  const backfill = data.backfills?.[0]?.state;
  const goes = backfill === "running";
  useKeys(
    [
      { key: "r", what: "Run now", act: () => run() },
      { key: "l", what: "Output of the last run", act: () => newest && go(pageOfRun(newest.id)) },
    ],
    [data],
  );
  return (
    <Buttons>
      <Button kind="primary" icon="play" onClick={() => run()}>
        Run now
      </Button>
      <Button onClick={() => (open.value = "run")}>Run with …</Button>
      {disabled ? (
        <Button icon="play" onClick={() => action.run(resuming(name, ""))}>
          Resume
        </Button>
      ) : (
        <Button icon="pause" onClick={() => (open.value = "pause")}>
          Pause
        </Button>
      )}
      {parents.length === 0 && !goes && backfill !== "canceling" && <Button onClick={() => (open.value = "backfill")}>Backfill</Button>}
      {goes && (
        <Button
          onClick={() =>
            action.run({
              pending: `Canceling the backfill of ${name} …`,
              work: () => cancelBackfill(name),
              done: `The backfill of ${name} is canceled; what runs goes on.`,
            })
          }
        >
          Cancel backfill
        </Button>
      )}
      <Button kind="danger" icon="trash" onClick={() => (open.value = "delete")}>
        Delete
      </Button>
      {open.value === "run" && <RunWith name={name} onRun={run} onClose={close} />}
      {open.value === "pause" && (
        <Asked
          title={`Pause ${name}`}
          questions={[REASON]}
          verb="Pause"
          onClose={close}
          onAnswer={([reason]) => action.run(pausing(name, reason!))}
        />
      )}
      {open.value === "backfill" && <Backfill name={name} action={action} onClose={close} />}
      {open.value === "delete" && <Delete name={name} action={action} onClose={close} />}
    </Buttons>
  );
}

const REASON: Question = { label: "Reason", hint: "for who looks later" };

const pausing = (name: string, reason: string): Deed => ({
  pending: `Pausing ${name} …`,
  work: () => pauseJob(name, reason),
  done: `${name} is paused: it does not run by itself.`,
  undo: { pending: `Resuming ${name} …`, work: () => resumeJob(name), done: `${name} runs again when it is due.` },
});

const resuming = (name: string, reason: string): Deed => ({
  ...pausing(name, reason).undo!,
  undo: { ...pausing(name, reason) },
});

function RunWith({ name, onRun, onClose }: { name: string; onRun: (wish: Wish) => void; onClose: () => void }) {
  return (
    <Asked
      title={`Run ${name} now`}
      questions={[
        { label: "Arguments", hint: "instead of the job's own" },
        { label: "Variables", hint: "NAME=VALUE, a line each, of this run alone", lines: true },
      ]}
      verb="Run"
      check={([, text]) => (variables(text!) === undefined ? "Variables: each line is NAME=VALUE." : undefined)}
      onClose={onClose}
      onAnswer={([args, text]) => {
        const environment = variables(text!)!;
        onRun({
          ...(args !== "" && { arguments: args! }),
          ...(Object.keys(environment).length > 0 && { environment }),
        });
      }}
    />
  );
}

const DAY_MS = 86_400_000;
const midnight = (days: number) => {
  const day = new Date(Math.floor(now.peek() / DAY_MS + days) * DAY_MS);
  return day.toISOString().replace(".000", "");
};

function Backfill({ name, action, onClose }: { name: string; action: Action; onClose: () => void }) {
  const asked = ([from, to, overlap]: string[]) => ({ from: from!, to: to!, overlap: Number(overlap) });
  return (
    <Asked
      title={`Backfill ${name}`}
      questions={[
        { label: "From", start: midnight(-7) },
        { label: "To", start: midnight(0), hint: "that time is not included" },
        { label: "Runs at once", start: "1", number: true },
      ]}
      verb="Backfill"
      said={async (answers) => {
        const plan = await backfillJob(name, { ...asked(answers), dry_run: true });
        return `${plural(plan.runs ?? 0, "run")}, each told for when it is; ${plural(plan.passed ?? 0, "time")} passed.`;
      }}
      onClose={onClose}
      onAnswer={(answers) =>
        action.run({
          pending: `Beginning a backfill of ${name} …`,
          work: () => backfillJob(name, asked(answers)),
          done: `A backfill of ${name} has begun.`,
          undo: {
            pending: "Canceling it …",
            work: () => cancelBackfill(name),
            done: `The backfill of ${name} is canceled; what runs goes on.`,
          },
        })
      }
    />
  );
}

function Delete({ name, action, onClose }: { name: string; action: Action; onClose: () => void }) {
  const remove = () =>
    action.run({
      pending: `Deleting ${name} …`,
      work: () => deleteJob(name),
      done: `Deleted ${name}.`,
      then: () => go("jobs"),
    });
  return (
    <Confirm title={`Delete ${name}`} action="Delete" typed={name} onConfirm={remove} onClose={onClose}>
      <p>This ends what runs of it, and forgets its schedule. What it ran is kept as history for a time.</p>
      <p>A job that waits for this one alone gets its schedule.</p>
    </Confirm>
  );
}

// ---- many

/** Pauses or resumes all that a selector means. */
export function ManyActions({ action }: { action: Action }) {
  const open = useSignal<boolean | undefined>(undefined); // true: pause
  const change = (pause: boolean, selector: string, reason: string) => {
    let changed: Pausing | undefined;
    action.run({
      pending: pause ? "Pausing …" : "Resuming …",
      work: async () => (changed = pause ? await pauseJobs(selector, reason) : await resumeJobs(selector)),
      get done() {
        return `${pause ? "Paused" : "Resumed"} ${plural(changed?.jobs.length ?? 0, "job")}; ${changed?.unchanged?.length ?? 0} were so already.`;
      },
    });
  };
  const selector: Question = {
    label: "Selector",
    hint: "name=backup-*, owner=ops@*, description=…, env.NAME=…; with commas between, all must hold",
  };
  return (
    <>
      <Button icon="pause" onClick={() => (open.value = true)}>
        Pause many
      </Button>
      <Button icon="play" onClick={() => (open.value = false)}>
        Resume many
      </Button>
      {open.value !== undefined && (
        <Asked
          title={open.value ? "Pause many jobs" : "Resume many jobs"}
          questions={open.value ? [selector, REASON] : [selector]}
          verb={open.value ? "Pause" : "Resume"}
          check={([text]) => (text === "" ? "Selector: which jobs?" : undefined)}
          onClose={() => (open.value = undefined)}
          onAnswer={([text, reason]) => change(reason !== undefined, text!, reason ?? "")}
        />
      )}
    </>
  );
}
