// All jobs, sorted and filtered by the server.

import type { Signal } from "@preact/signals";
import { type ListParams, useJobs } from "../../api/queries";
import type { JobSummary } from "../../api/types";
import { useKeys } from "../../app/keys";
import { pageOf } from "../../app/path";
import { go, params, setParams } from "../../app/router";
import { runsWords } from "../../lib/schedule";
import { count } from "../../lib/size";
import { Result, useAction } from "../../ui/action";
import { Age } from "../../ui/age";
import { LinkButton } from "../../ui/button";
import { Choice } from "../../ui/field";
import { ListTable, listParams, SearchFilter, StateFilter } from "../../ui/list";
import { Bar, Empty, Head, Page } from "../../ui/page";
import { State } from "../../ui/state";
import type { Column } from "../../ui/table";
import { ManyActions } from "./actions";
import { JobGraphView } from "./graph";

type JobRow = Signal<JobSummary>;

const COLUMNS: Column<JobRow>[] = [
  { title: "Job", sort: "name", cell: (row) => <a href={pageOf("job", row.value.name)}>{row.value.name}</a> },
  {
    title: "State",
    sort: "state",
    width: 8,
    cell: (row) => (
      <span title={row.value.paused?.reason}>
        <State noun="job" state={row.value.state} />
      </span>
    ),
  },
  { title: "Runs", width: 15, from: "medium", cell: (row) => runsWords(row.value) },
  { title: "Next", sort: "next", width: 8, end: true, from: "small", cell: (row) => <Age at={row.value.next} /> },
  { title: "Last", width: 10, end: true, from: "small", cell: (row) => <Last job={row.value} /> },
  { title: "Ok", sort: "successes", width: 5, end: true, from: "wide", cell: (row) => count(row.value.successes) },
  { title: "Failed", sort: "errors", width: 6, end: true, from: "wide", cell: (row) => count(row.value.errors) },
];

function Last({ job: { last } }: { job: JobSummary }) {
  if (!last) return <span class="muted">never</span>;
  return (
    <State noun="run" state={last.state}>
      {last.state} <Age at={last.ended ?? last.started ?? last.due} />
    </State>
  );
}

type View = "list" | "graph";

export function Jobs() {
  const view: View = params.value.get("view") === "graph" ? "graph" : "list";
  const filter = listParams("name");
  const action = useAction();
  useKeys([{ key: "n", what: "New job", act: () => go("new-job") }]);
  return (
    <Page>
      <Head title="Jobs">
        <ManyActions action={action} />
        <LinkButton href="calendars">Calendars</LinkButton>
        <LinkButton href="notices">Notices</LinkButton>
        <LinkButton href="new-job" icon="plus">
          New job
        </LinkButton>
      </Head>
      <Result action={action} />
      <Bar>
        {view === "list" && (
          <>
            <SearchFilter label="Search jobs" />
            <StateFilter noun="job" />
          </>
        )}
        <Choice<View>
          label="View"
          value={view}
          options={[
            { value: "list", text: "List" },
            { value: "graph", text: "Graph" },
          ]}
          onChange={(value) => setParams({ view: value === "list" ? undefined : value }, "push")}
        />
      </Bar>
      {view === "list" ? <JobList {...filter} /> : <JobGraphView />}
    </Page>
  );
}

function JobList(filter: ListParams) {
  return (
    <ListTable<JobSummary>
      list={useJobs(filter)}
      noun="job"
      columns={COLUMNS}
      keyOf={({ name }) => name}
      below={(job) => <Below job={job} />}
      href={({ name }) => pageOf("job", name)}
      order="name"
      empty={nothing(filter)}
    />
  );
}

function Below({ job }: { job: JobSummary }) {
  return (
    <>
      {runsWords(job)}
      {job.next && (
        <>
          {" · "}
          <Age at={job.next} />
        </>
      )}
    </>
  );
}

function nothing({ q, state }: ListParams) {
  if (q || state) return <Empty>No job matches.</Empty>;
  return (
    <Empty>
      There is no job yet. <a href="new-job">Make the first one</a>.
    </Empty>
  );
}
