// One app: what runs, what is changing, why it is not as wanted, its settings, versions and ports.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { replaceApp, useApp, useAppVersion } from "../../api/queries";
import type { AppDetail, AppSummary, Definition, Task } from "../../api/types";
import { useKeys } from "../../app/keys";
import { pageOf } from "../../app/path";
import { go, params, setParams } from "../../app/router";
import { bytes, MIB, number, plural } from "../../lib/size";
import { isLive, kindOf } from "../../lib/states";
import { volumesOf } from "../../lib/volumes";
import { exact } from "../../lib/time";
import { type Action, Result, useAction } from "../../ui/action";
import { Age, Clock } from "../../ui/age";
import { Diff } from "../../ui/diff";
import { DocumentEditor } from "../../ui/document";
import { Select } from "../../ui/field";
import { Answered, Bar, Empty, Facts, Head, Note, Page, Panel, Stack, Tabs, Tags } from "../../ui/page";
import { Dots, State } from "../../ui/state";
import { Why } from "../../ui/why";
import { TaskTable } from "../tasks/table";
import { AppActions } from "./actions";
import { DeploymentRow } from "./deployment";
import { POD_FIELDS, appFields } from "./fields";
import { Services } from "../traffic/services";

const VIEWS: { view: string; text: string; show: (props: ViewProps) => ComponentChildren }[] = [
  { view: "", text: "Instances", show: (props) => <Instances {...props} /> },
  { view: "settings", text: "Settings", show: (props) => <Settings {...props} /> },
  { view: "versions", text: "Versions", show: (props) => <Versions {...props} /> },
  { view: "ports", text: "Service ports", show: ({ data }) => <Services app={data.summary.id} /> },
];

interface ViewProps {
  data: AppDetail;
  action: Action;
}

function Crumbs({ id }: { id: string }) {
  const groups = id.split("/").slice(1, -1);
  return (
    <>
      <a href="apps">Apps</a>
      {groups.map((name, i) => {
        const path = `/${groups.slice(0, i + 1).join("/")}/`;
        return (
          <span key={path}>
            {" / "}
            <a href={`apps?q=${encodeURIComponent(path)}`}>{name}</a>
          </span>
        );
      })}
    </>
  );
}

export function App({ id: given }: { id: string }) {
  const id = `/${given.replace(/^\//, "")}`;
  const answer = useApp(id);
  const action = useAction();
  const summary = answer.data.value?.summary;
  return (
    <Page>
      <Head title={id} crumbs={<Crumbs id={id} />} beside={summary && <State noun="app" state={summary.state} />}>
        {answer.data.value && <AppActions data={answer.data.value} action={action} />}
      </Head>
      <Result action={action} />
      <Answered answer={answer}>{(data) => <Body data={data} action={action} />}</Answered>
    </Page>
  );
}

function Body({ data, action }: ViewProps) {
  const { id } = data.summary;
  const current = params.value.get("view") ?? "";
  const view = VIEWS.find((row) => row.view === current) ?? VIEWS[0]!;
  const base = pageOf("app", id)!;
  const newest = data.tasks.filter(({ state }) => isLive(state))[0] ?? data.tasks[0];
  useKeys(
    [
      {
        key: "l",
        what: "Output of the first instance",
        act: () => newest && go(pageOf("task", newest.id)!),
      },
    ],
    [newest?.id],
  );
  return (
    <>
      <Why sentences={data.why} />
      {data.deployments.length > 0 && (
        <Panel title="Deployment" bare>
          <ul class="rows">
            {data.deployments.map((deployment) => (
              <DeploymentRow key={deployment.id} deployment={deployment} />
            ))}
          </ul>
        </Panel>
      )}
      <Panel>
        <AppFacts summary={data.summary} tasks={data.tasks} volumes={volumesOf(data.app)} />
      </Panel>
      <Tabs
        label="Parts of the app"
        tabs={VIEWS.map((row) => ({
          href: row.view === "" ? base : `${base}?view=${row.view}`,
          text: row.text,
          current: row === view,
        }))}
      />
      {view.show({ data, action })}
    </>
  );
}

function AppFacts({ summary, tasks, volumes }: { summary: AppSummary; tasks: Task[]; volumes: string[] }) {
  const live = tasks.filter(({ state }) => isLive(state));
  const labels = Object.entries(summary.labels).map(([name, value]) => (value ? `${name}: ${value}` : name));
  const said = `${summary.running} of ${summary.instances} run${summary.healthy > 0 ? `, ${summary.healthy} healthy` : ""}`;
  return (
    <Facts
      facts={[
        [
          "Instances",
          <>
            <div>{said}</div>
            <Dots kinds={live.map(({ state }) => kindOf("task", state))} label={said} />
          </>,
          "wide",
        ],
        ["CPUs each", number(summary.cpus)],
        ["Memory each", bytes(summary.mem * MIB)],
        ["Service ports", summary.servicePorts.join(", ") || "none"],
        volumes.length > 0 && ["Volumes", <Tags tags={volumes} />],
        ["Changed", <Age at={summary.version} />],
        labels.length > 0 && ["Labels", <Tags tags={labels} />],
      ]}
    />
  );
}

function Instances({ data }: ViewProps) {
  const live = data.tasks.filter(({ state }) => isLive(state));
  const over = data.tasks.filter(({ state }) => !isLive(state));
  const failure = data.lastFailure;
  return (
    <Stack>
      <Panel bare>
        <TaskTable
          label="Instances"
          tasks={live}
          empty={<Empty>{data.summary.instances === 0 ? "The app is suspended." : "No instance runs."}</Empty>}
        />
      </Panel>
      {failure?.message && (
        <Note kind="failed">
          Last failure: {failure.message}
          <span class="muted">
            {" "}
            {failure.host && `on ${failure.host}, `}
            <Age at={failure.timestamp} />
          </span>
        </Note>
      )}
      {over.length > 0 && (
        <Panel title="Ended" beside={<span class="muted">{plural(over.length, isPod(data.app) ? "container" : "instance")}</span>} bare>
          <TaskTable label="Ended instances" tasks={over} ended />
        </Panel>
      )}
    </Stack>
  );
}

/** Then each task is a container, and several are an instance. */
const isPod = (app: Definition) => Array.isArray(app.containers);

/** What the server adds is not for editing. */
function editable(app: Definition): Definition {
  const { version: _version, versionInfo: _info, ...rest } = app;
  return rest;
}

function Settings({ data, action }: ViewProps) {
  const { id } = data.summary;
  const before = editable(data.app);
  const saved = () => {
    action.state.value = { kind: "done", done: { text: `Changed the settings of ${id}.` }, word: "" };
    go(pageOf("app", id)!);
  };
  return (
    <Panel>
      <DocumentEditor
        key={data.summary.version}
        label={`Settings of ${id}`}
        fields={isPod(data.app) ? POD_FIELDS : appFields}
        before={before}
        start={before}
        verb="Save and deploy"
        save={(doc) => replaceApp(id, doc)}
        saved={saved}
      />
    </Panel>
  );
}

function Versions({ data, action }: ViewProps) {
  const [newest, ...older] = data.versions;
  const chosen = params.value.get("version") ?? older[0] ?? newest;
  if (!newest || !chosen) return <Empty>No version is kept.</Empty>;
  const base = pageOf("app", data.summary.id)!;
  return (
    <Stack>
      <Panel title="Versions" bare>
        <ul class="rows">
          {data.versions.map((version) => (
            <li key={version}>
              <a
                class="grow"
                href={`${base}?view=versions&version=${encodeURIComponent(version)}`}
                aria-current={version === chosen ? "true" : undefined}
              >
                <Clock at={version} />
              </a>
              <span class="muted">
                {version === newest && "current · "}
                <Age at={version} />
              </span>
            </li>
          ))}
        </ul>
      </Panel>
      <Compare data={data} action={action} version={chosen} key={chosen} />
    </Stack>
  );
}

function Compare({ data, action, version }: ViewProps & { version: string }) {
  const { id } = data.summary;
  const to = useSignal(data.versions[0]!);
  const versions = data.versions.map((value) => ({ value, text: exact(Date.parse(value)) }));
  const before = useAppVersion(id, version);
  const after = useAppVersion(id, to.value);
  const back = () => {
    const wanted = before.data.value;
    if (!wanted) return;
    action.run({
      pending: "Putting the version back …",
      work: () => replaceApp(id, editable(wanted)),
      done: `${id} goes back to the version of ${exact(Date.parse(version))}.`,
    });
  };
  return (
    <Panel
      title="What changed"
      beside={
        version !== data.versions[0] && (
          <button type="button" class="button small" onClick={back}>
            Put this version back
          </button>
        )
      }
    >
      <Stack>
        <Bar>
          <span class="muted">from</span>
          <Select
            label="From version"
            value={version}
            options={versions}
            onChange={(value) => setParams({ version: value }, "push")}
          />
          <span class="muted">to</span>
          <Select
            label="To version"
            value={to.value}
            options={versions}
            onChange={(value) => (to.value = value)}
          />
        </Bar>
        <Answered answer={before}>
          {(old) => (
            <Answered answer={after}>
              {(fresh) => <Diff before={editable(old)} after={editable(fresh)} label="What changed" />}
            </Answered>
          )}
        </Answered>
      </Stack>
    </Panel>
  );
}

