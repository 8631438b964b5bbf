// One job: when it runs next, how its runs went, and its settings.

import type { ApiError } from "../../api/client";
import { saveJob, useJob } from "../../api/queries";
import type { Backfill, Definition, JobDetail } from "../../api/types";
import { pageOf } from "../../app/path";
import { go, params } from "../../app/router";
import { commandWords } from "../../lib/command";
import { count } from "../../lib/size";
import { type Action, Result, useAction } from "../../ui/action";
import { Age, Clock } from "../../ui/age";
import { DocumentEditor } from "../../ui/document";
import { Answered, Empty, Facts, Head, Page, Panel, Tabs } from "../../ui/page";
import { State } from "../../ui/state";
import { Why } from "../../ui/why";
import { JobActions } from "./actions";
import { Explained, Times } from "./explained";
import { jobFields } from "./fields";
import { JobGraphView } from "./graph";
import { Runs } from "./runs";

const VIEWS = [
  { view: "", text: "Runs" },
  { view: "next", text: "Next times" },
  { view: "graph", text: "Graph" },
  { view: "settings", text: "Settings" },
];

interface ViewProps {
  data: JobDetail;
  action: Action;
}

/** How the history of a job is called that is asked for by the name that it had. */
function keptAs(error: ApiError | undefined): string | undefined {
  return error?.status === 404 ? / is kept as (\S+:\d+)/.exec(error.message)?.[1] : undefined;
}

export function Job({ name }: { name: string }) {
  const answer = useJob(name);
  const action = useAction();
  const data = answer.data.value;
  const kept = data === undefined ? keptAs(answer.error.value) : undefined;
  return (
    <Page>
      <Head
        title={name}
        crumbs={<a href="jobs">Jobs</a>}
        beside={data && <State noun="job" state={data.summary.state} />}
      >
        {data && !data.summary.gone && <JobActions data={data} action={action} />}
      </Head>
      <Result action={action} />
      {kept === undefined ? (
        <Answered answer={answer}>{(detail) => <Body data={detail} action={action} />}</Answered>
      ) : (
        <Empty>
          The job was deleted. What it ran is kept as <a href={pageOf("job", kept)}>{kept}</a>.
        </Empty>
      )}
    </Page>
  );
}

function Body({ data, action }: ViewProps) {
  const { name } = data.summary;
  const base = pageOf("job", name)!;
  const current = params.value.get("view") ?? "";
  const views = data.summary.gone ? VIEWS.slice(0, 1) : VIEWS; // its history is all there is
  return (
    <>
      <Why sentences={data.why} />
      <Panel>
        <JobFacts data={data} />
      </Panel>
      <Tabs
        label="Parts of the job"
        tabs={views.map(({ view, text }) => ({
          href: view === "" ? base : `${base}?view=${view}`,
          text,
          current: view === current,
        }))}
      />
      {current === "" && (data.backfills?.length ?? 0) > 0 && <Backfills backfills={data.backfills!} />}
      {current === "" && <Runs job={name} runs={data.runs} />}
      {current === "next" && <NextTimes data={data} />}
      {current === "graph" && <JobGraphView around={name} />}
      {current === "settings" && <Settings data={data} action={action} />}
    </>
  );
}

function JobFacts({ data: { summary, job, explained } }: { data: JobDetail }) {
  const { last, parents } = summary;
  const command = commandWords(job);
  return (
    <Facts
      facts={[
        command !== "" && ["Command", <code>{command}</code>, "wide"],
        ["Runs", explained],
        parents.length > 0 && ["Parents", links("job", parents)],
        summary.cron !== undefined && ["Cron", <code>{summary.cron}</code>],
        parents.length === 0 && ["Time zone", summary.zone || "UTC"],
        job["excludeCalendars"] !== undefined && ["Not on days of", links("calendar", job["excludeCalendars"])],
        job["onlyCalendars"] !== undefined && ["Only on days of", links("calendar", job["onlyCalendars"])],
        ["Next", <Age at={summary.next} none={summary.disabled ? "disabled" : "–"} />],
        [
          "Last",
          last ? (
            <State noun="run" state={last.state}>
              {last.state} <Age at={last.ended ?? last.started ?? last.due} />
            </State>
          ) : (
            "never"
          ),
        ],
        ["Ok", count(summary.successes)],
        ["Failed", count(summary.errors)],
        summary.gone && [
          "Deleted",
          <>
            <Age at={summary.gone.at} />
            {summary.gone.by && ` by ${summary.gone.by}`}; it was called {summary.gone.name}
          </>,
        ],
        summary.paused && [
          "Paused",
          <>
            <Age at={summary.paused.at} />
            {summary.paused.by && ` by ${summary.paused.by}`}
            {summary.paused.reason && `: ${summary.paused.reason}`}
          </>,
        ],
        job["overlap"] !== undefined && ["Overlap", String(job["overlap"])],
        job["catchup"] !== undefined && ["Catch up", catchupWords(job["catchup"])],
        Boolean(job["owner"]) && ["Owner", String(job["owner"])],
      ]}
    />
  );
}

function links(noun: string, names: unknown) {
  return (names as string[]).map((name, i) => (
    <span key={name}>
      {i > 0 && ", "}
      <a href={pageOf(noun, name)}>{name}</a>
    </span>
  ));
}

function catchupWords(catchup: unknown): string {
  const { policy, limit } = catchup as { policy: string; limit?: number };
  return limit === undefined ? policy : `${policy}, ${limit} at most`;
}

function Backfills({ backfills }: { backfills: Backfill[] }) {
  return (
    <Panel title="Backfills" bare>
      <ul class="rows">
        {backfills.map((b) => (
          <li key={b.id}>
            <span class="grow">
              <Clock at={b.from} /> to <Clock at={b.to} />
              <span class="muted">
                {" "}
                · {b.good} ok, {b.bad} not, {b.open} open, {b.passed} ran before
                {b.by && ` · by ${b.by}`}
              </span>
            </span>
            <span>
              {b.state}
              {b.state === "running" && b.reached && (
                <>
                  , at <Clock at={b.reached} />
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function NextTimes({ data }: { data: JobDetail }) {
  const { summary, next, local } = data;
  if (next.length === 0)
    return (
      <Panel>
        <Empty>{noNext(data)}</Empty>
      </Panel>
    );
  return (
    <Panel title={next.length === 1 ? "The next time" : `The next ${next.length} times`} bare>
      <Times next={next} local={local} zone={summary.zone} />
    </Panel>
  );
}

function noNext({ summary, explained }: JobDetail): string {
  if (summary.disabled) return "The job is paused: it does not run by itself.";
  if (summary.parents.length > 0) return `It runs ${explained}.`;
  return "Its schedule has come to its end.";
}

/** What the server counts is not for editing. */
const COUNTED = ["successCount", "errorCount", "lastSuccess", "lastError", "errorsSinceLastSuccess"];

/** Nor is the schedule that is only shown of a cron expression. */
function editable(job: Definition): Definition {
  const shown = job["cron"] === undefined ? COUNTED : [...COUNTED, "schedule"];
  return Object.fromEntries(Object.entries(job).filter(([key]) => !shown.includes(key)));
}

function Settings({ data, action }: ViewProps) {
  const { name } = data.summary;
  const before = editable(data.job);
  const saved = () => {
    action.state.value = { kind: "done", done: { text: `Changed the settings of ${name}.` }, word: "" };
    go(pageOf("job", name)!);
  };
  return (
    <Panel>
      <DocumentEditor
        key={JSON.stringify(before)}
        label={`Settings of ${name}`}
        fields={jobFields}
        before={before}
        start={before}
        below={(doc) => <Explained doc={doc} />}
        verb="Save"
        save={(doc) => saveJob(name, doc)}
        saved={saved}
      />
    </Panel>
  );
}
