// All calendars: days that keep jobs from running, or let them run.

import type { Signal } from "@preact/signals";
import { type ListParams, useCalendars } from "../../api/queries";
import type { CalendarSummary } from "../../api/types";
import { useKeys } from "../../app/keys";
import { pageOf } from "../../app/path";
import { go } from "../../app/router";
import { entryWords } from "../../lib/calendar";
import { count, plural } from "../../lib/size";
import { Age } from "../../ui/age";
import { LinkButton } from "../../ui/button";
import { ListTable, listParams, SearchFilter } from "../../ui/list";
import { Bar, Empty, Head, Page } from "../../ui/page";
import type { Column } from "../../ui/table";

type CalendarRow = Signal<CalendarSummary>;

const words = ({ days }: CalendarSummary) => days.map(entryWords).join("; ");

const COLUMNS: Column<CalendarRow>[] = [
  {
    title: "Calendar",
    sort: "name",
    width: 14,
    cell: (row) => <a href={pageOf("calendar", row.value.name)}>{row.value.name}</a>,
  },
  { title: "Days", from: "small", cell: (row) => <span title={words(row.value)}>{words(row.value)}</span> },
  { title: "About", width: 14, from: "wide", cell: (row) => row.value.description ?? "" },
  { title: "Jobs", width: 5, end: true, from: "small", cell: (row) => count(row.value.used_by) },
  { title: "Changed", sort: "changed", width: 7, end: true, from: "medium", cell: (row) => <Age at={row.value.changed} /> },
];

export function Calendars() {
  const filter = listParams("name");
  useKeys([{ key: "n", what: "New calendar", act: () => go("new-calendar") }]);
  return (
    <Page>
      <Head title="Calendars" crumbs={<a href="jobs">Jobs</a>}>
        <LinkButton href="new-calendar" icon="plus">
          New calendar
        </LinkButton>
      </Head>
      <Bar>
        <SearchFilter label="Search calendars" />
      </Bar>
      <ListTable<CalendarSummary>
        list={useCalendars(filter)}
        noun="calendar"
        columns={COLUMNS}
        keyOf={({ name }) => name}
        below={(calendar) => `${words(calendar)} · ${plural(calendar.used_by, "job")}`}
        href={({ name }) => pageOf("calendar", name)}
        order="name"
        empty={nothing(filter)}
      />
    </Page>
  );
}

function nothing({ q, state }: ListParams) {
  if (q || state) return <Empty>No calendar matches.</Empty>;
  return (
    <Empty>
      There is no calendar yet. <a href="new-calendar">Make the first one</a>.
    </Empty>
  );
}
