import type { Signal } from "@preact/signals";
import { useCallback } from "preact/hooks";
import { useNodes } from "../../api/queries";
import type { NodeSummary } from "../../api/types";
import { pageOf } from "../../app/path";
import { params, setParams } from "../../app/router";
import { bytes, number, plural } from "../../lib/size";
import { Age } from "../../ui/age";
import { Search } from "../../ui/field";
import { UsedCell } from "../../ui/meter";
import { Bar, Empty, ErrorNote, Head, Page, Panel, Tags } from "../../ui/page";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";

type NodeRow = Signal<NodeSummary>;

/** Leader, voter or standby; a node that has no part in it has no tag. */
export function Role({ node: { role } }: { node: NodeSummary }) {
  return role === "none" ? null : <Tags tags={[role]} strong={role === "leader"} />;
}

const COLUMNS: Column<NodeRow>[] = [
  {
    title: "Node",
    sort: "name",
    cell: (row) => (
      <>
        <a href={pageOf("node", row.value.id)}>{row.value.name}</a> <Role node={row.value} />
      </>
    ),
  },
  { title: "State", sort: "state", width: 8, cell: (row) => <State noun="node" state={row.value.state} /> },
  { title: "Address", width: 9, from: "medium", cell: (row) => row.value.address },
  { title: "Tasks", sort: "tasks", width: 5, end: true, from: "small", cell: (row) => row.value.tasks },
  {
    title: "CPUs",
    sort: "cpus",
    width: 11,
    from: "small",
    cell: (row) => <UsedCell used={row.value.cpus} say={number} label="CPUs used" />,
  },
  {
    title: "Memory",
    sort: "mem",
    width: 15,
    from: "medium",
    cell: (row) => <UsedCell used={row.value.mem} say={bytes} label="Memory used" />,
  },
  { title: "Seen", width: 6, end: true, from: "wide", cell: (row) => <Age at={row.value.seen} /> },
];

export function Nodes() {
  const q = params.value.get("q") ?? undefined;
  const sort = params.value.get("sort") ?? "name";
  const list = useNodes({ q, sort });
  const show = useCallback((first: number, last: number) => list.show(first, last), [list]);
  const total = list.total.value;
  const error = list.error.value;
  void list.revision.value;
  return (
    <Page>
      <Head title="Nodes" />
      <Bar>
        <Search label="Search nodes" value={q ?? ""} onInput={(text) => setParams({ q: text })} />
      </Bar>
      {error && <ErrorNote error={error} retry={() => list.refresh()} />}
      {total !== undefined && (
        <Panel bare>
          <Table<NodeRow>
            label={plural(total, "node")}
            columns={COLUMNS}
            count={total}
            row={(i) => list.at(i)}
            keyOf={(row) => row.peek().id}
            below={({ value: node }) => (
              <>
                {plural(node.tasks, "task")} · {number(node.cpus.used)} of {number(node.cpus.total)} CPUs
              </>
            )}
            href={(row) => pageOf("node", row.peek().id)}
            sort={sort}
            onSort={(value) => setParams({ sort: value }, "push")}
            onShow={show}
            empty={<Empty>No node matches.</Empty>}
          />
        </Panel>
      )}
    </Page>
  );
}
