// All jobs, sorted and filtered by the server.

import type { Signal } from "@preact/signals";
import { useCallback } from "preact/hooks";
import { useJobs } from "../../api/queries";
import type { JobSummary } from "../../api/types";
import { useKeys } from "../../app/keys";
import { pageOf } from "../../app/path";
import { go, params, setParams } from "../../app/router";
import { scheduleWords } from "../../lib/schedule";
import { count, plural } from "../../lib/size";
import { statesOf } from "../../lib/states";
import { Age } from "../../ui/age";
import { LinkButton } from "../../ui/button";
import { Search, Select } from "../../ui/field";
import { Bar, Empty, ErrorNote, Head, Page, Panel } from "../../ui/page";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";

type JobRow = Signal<JobSummary>;

const COLUMNS: Column<JobRow>[] = [
  { title: "Job", sort: "name", cell: (row) => <a href={pageOf("job", row.value.name)}>{row.value.name}</a> },
  { title: "State", sort: "state", width: 8, cell: (row) => <State noun="job" state={row.value.state} /> },
  { title: "Runs", width: 15, from: "medium", cell: (row) => scheduleOf(row.value) },
  { title: "Next", sort: "next", width: 6, end: true, from: "small", cell: (row) => <Age at={row.value.next} /> },
  { title: "Last", width: 10, end: true, from: "small", cell: (row) => <Last job={row.value} /> },
  { title: "Ok", sort: "successes", width: 5, end: true, from: "wide", cell: (row) => count(row.value.successes) },
  { title: "Failed", sort: "errors", width: 6, end: true, from: "wide", cell: (row) => count(row.value.errors) },
];

function scheduleOf({ parents, schedule }: JobSummary): string {
  return parents.length > 0 ? `after ${parents.join(", ")}` : scheduleWords(schedule);
}

function Last({ job: { last } }: { job: JobSummary }) {
  if (!last) return <span class="muted">never</span>;
  return (
    <State noun="run" state={last.state}>
      {last.state} <Age at={last.ended ?? last.started ?? last.due} />
    </State>
  );
}

export function Jobs() {
  const q = params.value.get("q") ?? undefined;
  const state = params.value.get("state") ?? undefined;
  const sort = params.value.get("sort") ?? "name";
  const list = useJobs({ q, state, sort });
  const show = useCallback((first: number, last: number) => list.show(first, last), [list]);
  const total = list.total.value;
  const error = list.error.value;
  void list.revision.value;
  useKeys([{ key: "n", what: "New job", act: () => go("new-job") }]);
  return (
    <Page>
      <Head title="Jobs">
        <LinkButton href="new-job" icon="plus">
          New job
        </LinkButton>
      </Head>
      <Bar>
        <Search label="Search jobs" value={q ?? ""} onInput={(text) => setParams({ q: text })} />
        <Select
          label="State"
          value={state ?? ""}
          options={[{ value: "", text: "All states" }, ...statesOf("job").map((value) => ({ value, text: value }))]}
          onChange={(value) => setParams({ state: value }, "push")}
        />
      </Bar>
      {error && <ErrorNote error={error} retry={() => list.refresh()} />}
      {total !== undefined && (
        <Panel bare>
          <Table<JobRow>
            label={plural(total, "job")}
            columns={COLUMNS}
            count={total}
            row={(i) => list.at(i)}
            keyOf={(row) => row.peek().name}
            below={(row) => (
              <>
                {scheduleOf(row.value)}
                {row.value.next && (
                  <>
                    {" · "}
                    <Age at={row.value.next} />
                  </>
                )}
              </>
            )}
            href={(row) => pageOf("job", row.peek().name)}
            sort={sort}
            onSort={(value) => setParams({ sort: value }, "push")}
            onShow={show}
            empty={
              q || state ? (
                <Empty>No job matches.</Empty>
              ) : (
                <Empty>
                  There is no job yet. <a href="new-job">Make the first one</a>.
                </Empty>
              )
            }
          />
        </Panel>
      )}
      {total !== undefined && total > 0 && <p class="muted">{plural(total, "job")}</p>}
    </Page>
  );
}
