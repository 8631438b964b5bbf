import type { Signal } from "@preact/signals";
import { useNodes } from "../../api/queries";
import type { NodeSummary } from "../../api/types";
import { pageOf } from "../../app/path";
import { bytes, number, plural } from "../../lib/size";
import { Age } from "../../ui/age";
import { ListTable, listParams, SearchFilter, StateFilter } from "../../ui/list";
import { UsedCell } from "../../ui/meter";
import { Bar, Empty, Head, Page, Tags } from "../../ui/page";
import { State } from "../../ui/state";
import type { Column } from "../../ui/table";

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
        <a href={pageOf("node", row.value.id)}>{row.value.name}</a> <Role node={row.value} />{" "}
        <span class="muted">{row.value.waits}</span>
      </>
    ),
  },
  { title: "State", sort: "state", width: 8, cell: (row) => <State noun="node" state={row.value.state} /> },
  { title: "Address", width: 9, from: "wide", cell: (row) => row.value.address },
  { title: "Tasks", sort: "tasks", width: 5, end: true, from: "small", cell: (row) => row.value.tasks },
  {
    title: "CPUs",
    sort: "cpus",
    width: 10,
    from: "small",
    cell: (row) => <UsedCell used={row.value.cpus} say={number} label="CPUs used" />,
  },
  {
    title: "Memory",
    sort: "mem",
    width: 14,
    from: "medium",
    cell: (row) => <UsedCell used={row.value.mem} say={bytes} label="Memory used" />,
  },
  { title: "Seen", width: 5, end: true, from: "wide", cell: (row) => <Age at={row.value.seen} /> },
];

export function Nodes() {
  return (
    <Page>
      <Head title="Nodes" />
      <Bar>
        <SearchFilter label="Search nodes" />
        <StateFilter noun="node" />
      </Bar>
      <ListTable<NodeSummary>
        list={useNodes(listParams("name"))}
        noun="node"
        columns={COLUMNS}
        keyOf={({ id }) => id}
        below={({ tasks, cpus, waits }) => (
          <>
            {waits && `${waits} · `}
            {plural(tasks, "task")} · {number(cpus.used)} of {number(cpus.total)} CPUs
          </>
        )}
        href={({ id }) => pageOf("node", id)}
        order="name"
        empty={<Empty>No node matches.</Empty>}
      />
    </Page>
  );
}
