// One job: when it runs next, how its runs went, and its settings.

import { useSignal } from "@preact/signals";
import { deleteJob, runJob, saveJob, useJob } from "../../api/queries";
import type { Definition, JobDetail } from "../../api/types";
import { useKeys } from "../../app/keys";
import { pageOf } from "../../app/path";
import { go, params } from "../../app/router";
import { count } from "../../lib/size";
import { type Action, Result, useAction } from "../../ui/action";
import { Age } from "../../ui/age";
import { Button, Buttons } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { DocumentEditor } from "../../ui/document";
import { Answered, Empty, Facts, Head, Page, Panel, Tabs } from "../../ui/page";
import { State } from "../../ui/state";
import { Why } from "../../ui/why";
import { Explained, Times } from "./explained";
import { JOB_FIELDS } from "./fields";
import { Runs } from "./runs";

const VIEWS = [
  { view: "", text: "Runs" },
  { view: "next", text: "Next times" },
  { view: "settings", text: "Settings" },
];

interface ViewProps {
  data: JobDetail;
  action: Action;
}

export function Job({ name }: { name: string }) {
  const answer = useJob(name);
  const action = useAction();
  const data = answer.data.value;
  return (
    <Page>
      <Head
        title={name}
        crumbs={<a href="jobs">Jobs</a>}
        beside={data && <State noun="job" state={data.summary.state} />}
      >
        {data && <JobActions data={data} action={action} />}
      </Head>
      <Result action={action} />
      <Answered answer={answer}>{(detail) => <Body data={detail} action={action} />}</Answered>
    </Page>
  );
}

function JobActions({ data, action }: ViewProps) {
  const deleting = useSignal(false);
  const { name, disabled } = data.summary;
  const run = () =>
    action.run({ pending: `Starting ${name} …`, work: () => runJob(name), done: `${name} runs now.` });
  const turn = (off: boolean) => {
    const deed = (to: boolean) => ({
      pending: to ? `Disabling ${name} …` : `Enabling ${name} …`,
      work: () => saveJob(name, { ...data.job, disabled: to }),
      done: to ? `${name} is disabled: it does not run by itself.` : `${name} is enabled.`,
    });
    action.run({ ...deed(off), undo: deed(!off) });
  };
  const remove = () =>
    action.run({
      pending: `Deleting ${name} …`,
      work: () => deleteJob(name),
      done: `Deleted ${name}.`,
      then: () => go("jobs"),
    });
  const newest = data.runs.find(({ task }) => task);
  useKeys(
    [
      { key: "r", what: "Run now", act: run },
      { key: "l", what: "Output of the last run", act: () => newest?.task && go(pageOf("task", newest.task)!) },
    ],
    [data],
  );
  return (
    <Buttons>
      <Button kind="primary" icon="play" onClick={run}>
        Run now
      </Button>
      <Button icon={disabled ? "play" : "pause"} onClick={() => turn(!disabled)}>
        {disabled ? "Enable" : "Disable"}
      </Button>
      <Button kind="danger" icon="trash" onClick={() => (deleting.value = true)}>
        Delete
      </Button>
      {deleting.value && (
        <Confirm
          title={`Delete ${name}`}
          action="Delete"
          typed={name}
          onConfirm={remove}
          onClose={() => (deleting.value = false)}
        >
          <p>This forgets the job, its schedule and its history. It cannot be undone.</p>
        </Confirm>
      )}
    </Buttons>
  );
}

function Body({ data, action }: ViewProps) {
  const { name } = data.summary;
  const base = pageOf("job", name)!;
  const current = params.value.get("view") ?? "";
  return (
    <>
      <Why sentences={data.why} />
      <Panel>
        <JobFacts data={data} />
      </Panel>
      <Tabs
        label="Parts of the job"
        tabs={VIEWS.map(({ view, text }) => ({
          href: view === "" ? base : `${base}?view=${view}`,
          text,
          current: view === current,
        }))}
      />
      {current === "" && <Runs runs={data.runs} />}
      {current === "next" && <NextTimes data={data} />}
      {current === "settings" && <Settings data={data} action={action} />}
    </>
  );
}

function JobFacts({ data: { summary, job, explained } }: { data: JobDetail }) {
  const { last, parents } = summary;
  return (
    <Facts
      facts={[
        parents.length > 0
          ? [
              "Runs after",
              parents.map((parent, i) => (
                <span key={parent}>
                  {i > 0 && ", "}
                  <a href={pageOf("job", parent)}>{parent}</a>
                </span>
              )),
            ]
          : ["Runs", explained],
        summary.cron !== undefined && ["Cron", <code>{summary.cron}</code>],
        parents.length === 0 && ["Time zone", summary.zone || "UTC"],
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
        Boolean(job["owner"]) && ["Owner", String(job["owner"])],
      ]}
    />
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
    <Panel title={`The next ${next.length} times`} bare>
      <Times next={next} local={local} zone={summary.zone} />
    </Panel>
  );
}

function noNext({ summary }: JobDetail): string {
  if (summary.disabled) return "The job is disabled: it does not run by itself.";
  if (summary.parents.length > 0) return `It runs when ${summary.parents.join(" and ")} ended well.`;
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
        fields={JOB_FIELDS}
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
