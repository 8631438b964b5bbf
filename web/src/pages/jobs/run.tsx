// One run of a job: when it was due and began, where its attempts were, what they used and write.

import { useRun } from "../../api/queries";
import type { Attempt, Run, RunDetail } from "../../api/types";
import { pageOf, pageOfRun } from "../../app/path";
import { params, setParams } from "../../app/router";
import { bytes, count } from "../../lib/size";
import { reasonWords } from "../../lib/states";
import { duration } from "../../lib/time";
import { Clock, Took } from "../../ui/age";
import { LogView, OUTPUTS } from "../../ui/log";
import { Answered, type Fact, Facts, Head, Note, Page, Panel, Stack } from "../../ui/page";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";
import { TaskState } from "../tasks/table";
import { CAUSES, late, peak, took } from "./runs";

export function RunPage({ id }: { id: string }) {
  const answer = useRun(id);
  const run = answer.data.value?.run;
  return (
    <Page>
      <Head
        title={`Run ${id}`}
        crumbs={run && <Crumbs job={run.job} />}
        beside={run && <State noun="run" state={run.state} />}
      />
      <Answered answer={answer}>{(detail) => <Body id={id} detail={detail} />}</Answered>
    </Page>
  );
}

function Crumbs({ job }: { job: string }) {
  return (
    <>
      <a href="jobs">Jobs</a>
      {" / "}
      <a href={pageOf("job", job)}>{job}</a>
    </>
  );
}

function Body({ id, detail: { run, attempts } }: { id: string; detail: RunDetail }) {
  const asked = params.value.get("attempt");
  const shown = asked === null ? attempts.at(-1) : attempts.findLast(({ attempt }) => String(attempt) === asked);
  const file = params.value.get("file") ?? "stdout";
  return (
    <Stack>
      {run.message && <Note kind={run.ended ? "failed" : "idle"}>{reasonWords(run.message)}</Note>}
      <Panel>
        <Facts facts={factsOf(run)} />
      </Panel>
      {attempts.length > 1 && <Attempts id={id} attempts={attempts} />}
      {shown?.started !== undefined && (
        <LogView
          key={`${shown.task} ${file}`}
          writer={{ run: id, attempt: shown.attempt }}
          file={file}
          files={OUTPUTS}
          onFile={(name) => setParams({ file: name === "stdout" ? undefined : name })}
        />
      )}
    </Stack>
  );
}

function factsOf(run: Run): Fact[] {
  return [
    ["Due", <Clock at={run.due} />],
    run.covers !== undefined && ["Stands for", `${count(run.covers)} due times`],
    ["Began", <Clock at={run.started} none={run.ended ? "unknown" : "not yet"} />],
    run.late_ms !== undefined && ["Late by", late(run.late_ms)],
    ["Ended", <Clock at={run.ended} none="not yet" />],
    [run.ended ? "Took" : "Takes", took(run)],
    ["Because of", CAUSES[run.cause] ?? run.cause],
    ["Attempts", run.attempt + 1],
    run.node !== undefined && ["Node", <a href={pageOf("node", run.node)}>{run.host ?? run.node}</a>],
    run.exit !== undefined && ["Exit status", run.exit],
    run.signal !== undefined && ["Signal", run.signal],
    run.mem_peak_bytes !== undefined && ["Memory at its highest", bytes(run.mem_peak_bytes)],
    run.cpu_ms !== undefined && ["Processor time", duration(run.cpu_ms)],
    run.task !== undefined && ["Task", <a href={pageOf("task", run.task)}>{run.task}</a>, "wide"],
  ];
}

function Attempts({ id, attempts }: { id: string; attempts: Attempt[] }) {
  const page = ({ attempt }: Attempt) => `${pageOfRun(id)}?attempt=${attempt}`;
  const columns: Column<Attempt>[] = [
    { title: "Attempt", width: 6, cell: (row) => <a href={page(row)}>{row.attempt + 1}</a> },
    { title: "State", width: 10, cell: (row) => <TaskState task={row} /> },
    { title: "Began", width: 10, from: "small", cell: (row) => <Clock at={row.started} /> },
    { title: "Took", width: 7, end: true, from: "small", cell: (row) => <Took from={row.started} to={row.ended} /> },
    { title: "Exit", width: 5, end: true, from: "medium", cell: ({ exit }) => exit ?? "" },
    { title: "Memory", width: 7, end: true, from: "medium", cell: (row) => peak(row) },
    { title: "Node", width: 12, from: "wide", cell: ({ host }) => host ?? "" },
    { title: "Said", from: "medium", cell: ({ message }) => <span title={message}>{message ?? ""}</span> },
  ];
  return (
    <Panel title="Attempts" bare>
      <Table<Attempt>
        label="Attempts"
        columns={columns}
        count={attempts.length}
        row={(i) => attempts[i]}
        keyOf={({ task }) => task}
        href={page}
      />
    </Panel>
  );
}
