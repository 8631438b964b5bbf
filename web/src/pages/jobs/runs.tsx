// The runs of a job, how long they take, and how late they begin.

import { useJobStats } from "../../api/queries";
import type { Attempted, Run, Times } from "../../api/types";
import { pageOfRun } from "../../app/path";
import { bytes, count, plural } from "../../lib/size";
import { reasonWords } from "../../lib/states";
import { duration, parse } from "../../lib/time";
import { Age, Took } from "../../ui/age";
import { DurationChart } from "../../ui/chart";
import { Empty, Facts, Panel, Stack } from "../../ui/page";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";

export const CAUSES: Record<string, string> = {
  schedule: "schedule",
  manual: "by hand",
  dependency: "a parent",
  backfill: "a backfill",
};
const LEAST_FOR_CHART = 3;

export const peak = ({ mem_peak_bytes: n }: Attempted) => (n === undefined ? "" : bytes(n));

const UNKNOWN = <span class="muted">unknown</span>;

/** Null: nobody heard when it began. */
export const late = (ms: number | null | undefined) => (ms === undefined ? "" : ms === null ? UNKNOWN : duration(ms));
export const took = (run: Run) => (run.took_ms === null ? UNKNOWN : <Took from={run.started} to={run.ended} />);

function Said({ message = "" }: { message: string | undefined }) {
  const said = reasonWords(message);
  return <span title={said}>{said}</span>;
}

const COLUMNS: Column<Run>[] = [
  {
    title: "Due",
    cell: (run) => (
      <a href={pageOfRun(run.id)}>
        <Age at={run.due ?? run.started} />
      </a>
    ),
  },
  {
    title: "State",
    width: 12,
    cell: (run) => (
      <State noun="run" state={run.state}>
        {run.state}
        {run.covers !== undefined && <span class="muted"> {count(run.covers)} times</span>}
        {run.exit !== undefined && run.exit !== 0 && <span class="muted from-small"> with status {run.exit}</span>}
      </State>
    ),
  },
  { title: "Late", width: 6, end: true, from: "medium", cell: (run) => late(run.late_ms) },
  { title: "Took", width: 7, end: true, from: "small", cell: took },
  { title: "Memory", width: 6, end: true, from: "medium", cell: peak },
  { title: "Because of", width: 8, from: "wide", cell: ({ cause }) => CAUSES[cause] ?? cause },
  { title: "Attempt", width: 6, end: true, from: "wide", cell: ({ attempt }) => attempt + 1 },
  { title: "Said", from: "wide", cell: ({ message }) => <Said message={message} /> },
];

export function Runs({ job, runs }: { job: string; runs: Run[] }) {
  return (
    <Stack>
      <Durations runs={runs} />
      <Percentiles job={job} />
      <Panel title="Runs" bare>
        <Table<Run>
          label="Runs"
          columns={COLUMNS}
          count={runs.length}
          row={(i) => runs[i]}
          keyOf={({ id }) => String(id)}
          below={(run) => (
            <>
              {took(run)} · {CAUSES[run.cause] ?? run.cause}
            </>
          )}
          href={({ id }) => pageOfRun(id)}
          empty={<Empty>It has not run yet.</Empty>}
        />
      </Panel>
    </Stack>
  );
}

// ---- in numbers, also of runs that are not kept any more

type Counted = [what: string, times: Times];
type Share = Exclude<keyof Times, "count">;

const share = (title: string, name: Share, from?: "small" | "medium"): Column<Counted> => ({
  title,
  width: 7,
  end: true,
  from,
  cell: ([, times]) => (times.count > 0 ? duration(times[name]) : "–"),
});

const PERCENTILES: Column<Counted>[] = [
  { title: "Within", cell: ([what]) => what },
  share("50 %", "p50"),
  share("75 %", "p75", "medium"),
  share("95 %", "p95"),
  share("98 %", "p98", "medium"),
  share("99 %", "p99", "small"),
  share("Longest", "max", "small"),
];

function Percentiles({ job }: { job: string }) {
  const stats = useJobStats(job).data.value;
  if (stats === undefined || stats.late_ms.count === 0) return null;
  const { ends, success_rate: rate } = stats;
  const rows: Counted[] = [
    ["Took", stats.took_ms],
    ["Began late by", stats.late_ms],
  ];
  const said = [`${count(ends.ok)} ok`, `${count(ends.failed + ends.lost)} failed`, `${count(ends.missed)} missed`];
  if (rate !== undefined) said.push(`${Math.floor(rate * 1000) / 10} % ${ends.missed > 0 ? "of those that ran " : ""}went well`);
  return (
    <Panel title={`In ${plural(stats.days, "day")}`} beside={<span class="muted">{said.join(", ")}</span>} bare>
      <Table<Counted>
        label="Percentiles"
        columns={PERCENTILES}
        count={rows.length}
        row={(i) => rows[i]}
        keyOf={([what]) => what}
      />
    </Panel>
  );
}

// ---- the newest, one by one

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
