// All apps: a list, sorted and filtered by the server, or the tree of their groups.

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { LIMIT_TREE, type ListParams, useApps, useAppTree } from "../../api/queries";
import type { AppSummary } from "../../api/types";
import { useKeys } from "../../app/keys";
import { pageOf } from "../../app/path";
import { go, params, setParams } from "../../app/router";
import { bytes, count, MIB, number, plural } from "../../lib/size";
import { type Group, groupPaths, type Row, treeRows } from "../../lib/tree";
import { Age } from "../../ui/age";
import { LinkButton } from "../../ui/button";
import { Choice } from "../../ui/field";
import { Icon } from "../../ui/icon";
import { ListTable, listParams, SearchFilter, StateFilter } from "../../ui/list";
import { Bar, Empty, ErrorNote, Head, Note, Page, Panel } from "../../ui/page";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";

type AppRow = Signal<AppSummary>;

const instances = (app: AppSummary) => `${app.running} of ${app.instances}`;
const ports = (app: AppSummary) => app.servicePorts.join(", ");

const LIST: Column<AppRow>[] = [
  { title: "App", sort: "id", cell: (row) => <AppLink app={row.value} /> },
  { title: "State", sort: "state", width: 9, cell: (row) => <State noun="app" state={row.value.state} /> },
  { title: "Running", sort: "instances", width: 7, end: true, cell: (row) => instances(row.value), from: "small" },
  { title: "CPUs", sort: "cpus", width: 5, end: true, from: "medium", cell: (row) => number(row.value.cpus) },
  { title: "Memory", sort: "mem", width: 7, end: true, from: "medium", cell: (row) => bytes(row.value.mem * MIB) },
  { title: "Ports", width: 8, end: true, from: "wide", cell: (row) => ports(row.value) },
  { title: "Changed", sort: "version", width: 8, end: true, from: "medium", cell: (row) => <Age at={row.value.version} /> },
];

/** The group is said quietly, the name stands out. */
function AppLink({ app }: { app: AppSummary }) {
  const slash = app.id.lastIndexOf("/");
  return (
    <a href={pageOf("app", app.id)}>
      <span class="muted">{app.id.slice(0, slash + 1)}</span>
      {app.id.slice(slash + 1)}
    </a>
  );
}

type View = "list" | "groups";

export function Apps() {
  const filter = listParams("id");
  const view: View = params.value.get("view") === "groups" ? "groups" : "list";
  useKeys([{ key: "n", what: "New app", act: () => go("new-app") }]);
  return (
    <Page>
      <Head title="Apps">
        <LinkButton href="new-app" icon="plus">
          New app
        </LinkButton>
      </Head>
      <Bar>
        <SearchFilter label="Search apps" />
        <StateFilter noun="app" />
        <Choice<View>
          label="View"
          value={view}
          options={[
            { value: "list", text: "List" },
            { value: "groups", text: "Groups" },
          ]}
          onChange={(value) => setParams({ view: value === "list" ? undefined : value }, "push")}
        />
      </Bar>
      {view === "list" ? <AppList {...filter} /> : <AppTree {...filter} />}
    </Page>
  );
}

function nothing({ q, state }: ListParams) {
  if (q || state) return <Empty>No app matches.</Empty>;
  return (
    <Empty>
      There is no app yet. <a href="new-app">Make the first one</a>.
    </Empty>
  );
}

function AppList(filter: ListParams) {
  return (
    <ListTable<AppSummary>
      list={useApps(filter)}
      noun="app"
      columns={LIST}
      keyOf={({ id }) => id}
      below={(app) => (
        <>
          {instances(app)} running · {number(app.cpus)} CPUs · {bytes(app.mem * MIB)}
        </>
      )}
      href={({ id }) => pageOf("app", id)}
      order="id"
      empty={nothing(filter)}
    />
  );
}

type TreeRow = Row<AppSummary>;

const OPEN_UNDER = 100; // apps

function AppTree(filter: ListParams) {
  const answer = useAppTree(filter);
  const chosen = useSignal<ReadonlySet<string> | undefined>(undefined);
  const list = answer.data.value;
  const error = answer.error.value;
  const closed = chosen.value ?? closedAtFirst(list?.items ?? []);
  const rows = list ? treeRows(list.items, closed) : [];
  const toggle = (path: string) => {
    const next = new Set(closed);
    if (!next.delete(path)) next.add(path);
    chosen.value = next;
  };
  return (
    <>
      {error && <ErrorNote error={error} retry={() => answer.refresh()} />}
      {list && list.total > list.items.length && (
        <Note kind="warn">
          The first {count(LIMIT_TREE)} of {count(list.total)} apps: search to narrow them.
        </Note>
      )}
      {list && (
        <Panel bare>
          <Table<TreeRow>
            label="Apps by group"
            columns={treeColumns(toggle)}
            count={rows.length}
            row={(i) => rows[i]}
            keyOf={(row) => row.key}
            below={treeBelow}
            href={(row) => (row.kind === "app" ? pageOf("app", row.app.id) : undefined)}
            empty={nothing(filter)}
          />
        </Panel>
      )}
    </>
  );
}

/** What fits a few screens is open. */
function closedAtFirst(apps: AppSummary[]): ReadonlySet<string> {
  return apps.length > OPEN_UNDER ? groupPaths(apps) : new Set();
}

function treeBelow(row: TreeRow) {
  if (row.kind === "app") return <Indent depth={row.depth}>{instances(row.app)} running</Indent>;
  const { depth, apps, running, instances: wanted } = row.group;
  return (
    <Indent depth={depth}>
      {plural(apps, "app")}, {running} of {wanted} running
    </Indent>
  );
}

function treeColumns(toggle: (path: string) => void): Column<TreeRow>[] {
  return [
    {
      title: "App",
      cell: (row) =>
        row.kind === "group" ? (
          <GroupName group={row.group} open={row.open} toggle={toggle} />
        ) : (
          <Indent depth={row.depth}>
            <a href={pageOf("app", row.app.id)}>{row.app.id.slice(row.app.id.lastIndexOf("/") + 1)}</a>
          </Indent>
        ),
    },
    {
      title: "State",
      width: 9,
      cell: (row) => <State noun="app" state={row.kind === "group" ? row.group.worst : row.app.state} />,
    },
    { title: "Apps", width: 5, end: true, from: "small", cell: (row) => (row.kind === "group" ? row.group.apps : "") },
    {
      title: "Running",
      width: 7,
      end: true,
      from: "small",
      cell: (row) => (row.kind === "group" ? `${row.group.running} of ${row.group.instances}` : instances(row.app)),
    },
    { title: "Ports", width: 8, end: true, from: "wide", cell: (row) => (row.kind === "app" ? ports(row.app) : "") },
  ];
}

const INDENT_REM = 1.25;

function Indent({ depth, children }: { depth: number; children: ComponentChildren }) {
  return (
    <span class="indent" style={{ paddingInlineStart: `${depth * INDENT_REM}rem` }}>
      {children}
    </span>
  );
}

function GroupName({ group, open, toggle }: { group: Group; open: boolean; toggle: (path: string) => void }) {
  return (
    <Indent depth={group.depth}>
      <button type="button" class="twist" aria-expanded={open} onClick={() => toggle(group.path)}>
        <Icon name="chevron" />
        <Icon name="group" />
        {group.path.slice(group.path.lastIndexOf("/") + 1)}
      </button>
    </Indent>
  );
}
