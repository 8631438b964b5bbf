// The runs of a job: each with its output, and how long they take.

import type { Run } from "../../api/types";
import { pageOf } from "../../app/path";
import { duration, parse } from "../../lib/time";
import { Age, Took } from "../../ui/age";
import { DurationChart } from "../../ui/chart";
import { Empty, Facts, Panel, Stack } from "../../ui/page";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";

const CAUSES: Record<string, string> = { schedule: "schedule", manual: "by hand", dependency: "a parent" };
const LEAST_FOR_CHART = 3;

const COLUMNS: Column<Run>[] = [
  {
    title: "Due",
    cell: (run) =>
      run.task ? (
        <a href={pageOf("task", run.task)}>
          <Age at={run.due ?? run.started} />
        </a>
      ) : (
        <Age at={run.due ?? run.started} />
      ),
  },
  {
    title: "State",
    width: 12,
    cell: (run) => (
      <State noun="run" state={run.state}>
        {run.state}
        {run.exit !== undefined && run.exit !== 0 && <span class="muted from-small"> with status {run.exit}</span>}
      </State>
    ),
  },
  { title: "Took", width: 7, end: true, from: "small", cell: (run) => <Took from={run.started} to={run.ended} /> },
  { title: "Because of", width: 8, from: "medium", cell: ({ cause }) => CAUSES[cause] ?? cause },
  { title: "Attempt", width: 6, end: true, from: "wide", cell: ({ attempt }) => attempt + 1 },
  { title: "Said", width: 18, from: "wide", cell: ({ message }) => <span title={message}>{message ?? ""}</span> },
  {
    title: "Output",
    width: 6,
    end: true,
    from: "small",
    cell: ({ task }) => (task ? <a href={pageOf("task", task)}>output</a> : ""),
  },
];

export function Runs({ runs }: { runs: Run[] }) {
  return (
    <Stack>
      <Durations runs={runs} />
      <Panel title="Runs" bare>
        <Table<Run>
          label="Runs"
          columns={COLUMNS}
          count={runs.length}
          row={(i) => runs[i]}
          keyOf={({ id }) => String(id)}
          below={(run) => (
            <>
              <Took from={run.started} to={run.ended} /> · {CAUSES[run.cause] ?? run.cause}
            </>
          )}
          href={({ task }) => (task ? pageOf("task", task) : undefined)}
          empty={<Empty>It has not run yet.</Empty>}
        />
      </Panel>
    </Stack>
  );
}

interface Ended {
  at: number;
  ms: number;
  failed: boolean;
}

function ended(runs: Run[]): Ended[] {
  const out: Ended[] = [];
  for (const run of runs) {
    const start = parse(run.started);
    const end = parse(run.ended);
    if (start !== undefined && end !== undefined) out.push({ at: start, ms: end - start, failed: run.state !== "ok" });
  }
  return out.reverse();
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

function Durations({ runs }: { runs: Run[] }) {
  const bars = ended(runs);
  if (bars.length < LEAST_FOR_CHART) return null;
  const sorted = bars.map(({ ms }) => ms).sort((a, b) => a - b);
  const failed = bars.filter((bar) => bar.failed).length;
  const said = `The last ${bars.length} runs: half took ${duration(percentile(sorted, 0.5))} or less, the longest ${duration(sorted.at(-1)!)}; ${failed} did not end well.`;
  return (
    <Panel title="How long they took" beside={<span class="muted">the last {bars.length}; hollow: failed</span>}>
      <Stack>
        <DurationChart bars={bars} label={said} />
        <Facts
          facts={[
            ["Half within", duration(percentile(sorted, 0.5))],
            ["90 of 100 within", duration(percentile(sorted, 0.9))],
            ["Longest", duration(sorted.at(-1)!)],
            ["Failed", `${failed} of ${bars.length}`],
          ]}
        />
      </Stack>
    </Panel>
  );
}
