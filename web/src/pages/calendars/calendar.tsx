// One calendar: its days, which come next, the jobs that name it, and its settings.

import { useSignal } from "@preact/signals";
import { deleteCalendar, saveCalendar, useCalendar } from "../../api/queries";
import type { CalendarDetail, Definition } from "../../api/types";
import { pageOf } from "../../app/path";
import { go, params } from "../../app/router";
import { type Action, Result, useAction } from "../../ui/action";
import { Age } from "../../ui/age";
import { Button, Buttons } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { DocumentEditor } from "../../ui/document";
import { Answered, Empty, Facts, Grid, Head, Page, Panel, Stack, Tabs } from "../../ui/page";
import { CALENDAR_FIELDS, daysOf, InWords, NextDays } from "./days";

const VIEWS = [
  { view: "", text: "Days" },
  { view: "settings", text: "Settings" },
];

interface ViewProps {
  data: CalendarDetail;
  action: Action;
}

export function Calendar({ name }: { name: string }) {
  const answer = useCalendar(name);
  const action = useAction();
  return (
    <Page>
      <Head title={name} crumbs={<a href="calendars">Calendars</a>}>
        {answer.data.value && <Delete name={name} action={action} />}
      </Head>
      <Result action={action} />
      <Answered answer={answer}>{(data) => <Body data={data} action={action} />}</Answered>
    </Page>
  );
}

function Body({ data, action }: ViewProps) {
  const base = pageOf("calendar", data.name)!;
  const current = params.value.get("view") ?? "";
  return (
    <>
      <Panel>
        <Facts
          facts={[
            Boolean(data.description) && ["About", data.description],
            ["Changed", <Age at={data.changed} />],
            ["Days are of", "each job's time zone"],
          ]}
        />
      </Panel>
      <Tabs
        label="Parts of the calendar"
        tabs={VIEWS.map(({ view, text }) => ({
          href: view === "" ? base : `${base}?view=${view}`,
          text,
          current: view === current,
        }))}
      />
      {current === "" && <Days data={data} />}
      {current === "settings" && <Settings data={data} action={action} />}
    </>
  );
}

function Days({ data: { days, jobs } }: { data: CalendarDetail }) {
  return (
    <Grid>
      <Stack>
        <Panel title="Days" bare>
          <InWords days={days} />
        </Panel>
        <Panel title="Jobs that name it" bare>
          {jobs.length === 0 && <Empty>No job names it.</Empty>}
          <ul class="rows">
            {jobs.map((job) => (
              <li key={job}>
                <a href={pageOf("job", job)}>{job}</a>
              </li>
            ))}
          </ul>
        </Panel>
      </Stack>
      <NextDays days={days} />
    </Grid>
  );
}

function Settings({ data: { name, description, days }, action }: ViewProps) {
  const before: Definition = { ...(description && { description }), days };
  const saved = () => {
    action.state.value = { kind: "done", done: { text: `Changed the calendar ${name}.` }, word: "" };
    go(pageOf("calendar", name)!);
  };
  return (
    <Panel>
      <DocumentEditor
        key={JSON.stringify(before)}
        label={`Settings of ${name}`}
        fields={CALENDAR_FIELDS}
        before={before}
        start={before}
        below={(doc) => <InWords days={daysOf(doc)} />}
        verb="Save"
        save={(doc) => saveCalendar(name, doc)}
        saved={saved}
      />
    </Panel>
  );
}

function Delete({ name, action }: { name: string; action: Action }) {
  const open = useSignal(false);
  const remove = () =>
    action.run({
      pending: `Deleting ${name} …`,
      work: () => deleteCalendar(name),
      done: `Deleted ${name}.`,
      then: () => go("calendars"),
    });
  return (
    <Buttons>
      <Button kind="danger" icon="trash" onClick={() => (open.value = true)}>
        Delete
      </Button>
      {open.value && (
        <Confirm title={`Delete ${name}`} action="Delete" onConfirm={remove} onClose={() => (open.value = false)}>
          <p>This forgets the calendar. It goes only if no job names it.</p>
        </Confirm>
      )}
    </Buttons>
  );
}
