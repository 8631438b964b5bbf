// What owners of jobs are told: by which channels, what became of it, and whether it arrives.

import type { Signal } from "@preact/signals";
import { type ListParams, useChannels, useNotices } from "../../api/queries";
import type { Channel, Notice } from "../../api/types";
import { pageOf } from "../../app/path";
import { count } from "../../lib/size";
import { Age } from "../../ui/age";
import { ListTable, listParams, SearchFilter, StateFilter } from "../../ui/list";
import { Answered, Bar, Empty, Head, Page, Panel } from "../../ui/page";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";
import { Ways } from "./outcome";
import { Test } from "./test";

type NoticeRow = Signal<Notice>;

const COLUMNS: Column<NoticeRow>[] = [
  { title: "Job", sort: "job", cell: (row) => <JobLink notice={row.value} /> },
  { title: "State", width: 8, cell: (row) => <State noun="notice" state={row.value.state} /> },
  { title: "What", width: 8, from: "small", cell: (row) => row.value.event },
  { title: "When", sort: "newest", width: 7, end: true, from: "small", cell: (row) => <Age at={row.value.at} /> },
  { title: "Owners", from: "wide", cell: (row) => row.value.owners },
  { title: "By", from: "medium", cell: (row) => <Ways notice={row.value} /> },
];

function JobLink({ notice: { event, job } }: { notice: Notice }) {
  return event === "test" ? <>a test</> : <a href={pageOf("job", job)}>{job}</a>;
}

const CHANNELS: Column<Channel>[] = [
  { title: "Channel", cell: ({ channel }) => channel },
  { title: "Configured", width: 8, cell: ({ configured }) => (configured ? "yes" : "no") },
  { title: "Pending", width: 6, end: true, cell: ({ pending }) => count(pending) },
  { title: "Sent", width: 6, end: true, from: "small", cell: ({ sent }) => count(sent) },
  { title: "Failed", width: 6, end: true, from: "small", cell: ({ failed }) => count(failed) },
  { title: "Next try", width: 7, end: true, from: "medium", cell: ({ next }) => <Age at={next} /> },
  { title: "Last error", from: "wide", cell: ({ error }) => <span title={error}>{error}</span> },
];

export function Notices() {
  const filter = listParams("newest");
  const channels = useChannels();
  return (
    <Page>
      <Head title="Notices" crumbs={<a href="jobs">Jobs</a>} />
      <Answered answer={channels}>
        {({ items }) => (
          <>
            <Panel bare>
              <Table<Channel>
                label="Channels"
                columns={CHANNELS}
                count={items.length}
                row={(i) => items[i]}
                keyOf={({ channel }) => channel}
                below={({ error, next }) => (
                  <>
                    {error}
                    {next && (
                      <>
                        {" · "}
                        <Age at={next} />
                      </>
                    )}
                  </>
                )}
              />
            </Panel>
            <Test channels={items.filter(({ configured }) => configured)} />
          </>
        )}
      </Answered>
      <Bar>
        <SearchFilter label="Search notices" />
        <StateFilter noun="notice" />
      </Bar>
      <ListTable<Notice>
        list={useNotices(filter)}
        noun="notice"
        columns={COLUMNS}
        keyOf={({ id }) => `${id}`}
        below={(notice) => (
          <>
            {notice.event} · <Age at={notice.at} />
          </>
        )}
        href={() => undefined}
        order="newest"
        empty={nothing(filter)}
      />
    </Page>
  );
}

function nothing({ q, state }: ListParams) {
  return <Empty>{q || state ? "No notice matches." : "Nobody was told anything yet."}</Empty>;
}
