// Tasks as rows: of an app, of a node.

import type { ComponentChildren } from "preact";
import type { Task } from "../../api/types";
import { pageOf } from "../../app/path";
import { isLive } from "../../lib/states";
import { Age, Took } from "../../ui/age";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";

/** `shop_web.4f1c9a2e-…` as `4f1c9a2e`: what is unique among the tasks of one owner. */
export function shortId(task: Task): string {
  const unique = /([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/.exec(task.id);
  return unique ? unique[1]! : task.id;
}

export function TaskState({ task }: { task: Task }) {
  const { state, detail } = task;
  return (
    <State noun="task" state={state}>
      {state}
      {detail && <span class="muted"> {detail}</span>}
      {howItEnded(task)}
    </State>
  );
}

function howItEnded({ state, exit, signal }: Task) {
  if (state !== "failed" && state !== "killed") return null;
  if (signal) return <span class="muted"> by signal {signal}</span>;
  return exit === undefined ? null : <span class="muted"> with status {exit}</span>;
}

const SINCE = (task: Task) =>
  isLive(task.state) ? <Age at={task.started ?? task.staged} /> : <Age at={task.ended} />;

const COLUMNS: Column<Task>[] = [
  {
    title: "Instance",
    cell: (task) => (
      <a class="mono" href={pageOf("task", task.id)} title={task.id}>
        {shortId(task)}
      </a>
    ),
  },
  { title: "State", width: 14, cell: (task) => <TaskState task={task} /> },
  {
    title: "Node",
    width: 10,
    from: "small",
    cell: (task) => (task.node ? <a href={pageOf("node", task.node)}>{task.host || task.node}</a> : "–"),
  },
  { title: "Ports", width: 8, end: true, from: "medium", cell: (task) => task.ports.join(", ") || "–" },
  { title: "Ran", width: 7, end: true, from: "medium", cell: (task) => <Took from={task.started} to={task.ended} /> },
  { title: "Since", width: 7, end: true, from: "small", cell: SINCE },
];

const OWNER: Column<Task> = {
  title: "Of",
  width: 14,
  cell: ({ owner }) => <a href={pageOf(owner.noun, owner.name)}>{owner.name}</a>,
};

interface TaskTableProps {
  label: string;
  tasks: Task[];
  owners?: boolean; // tasks of several apps and jobs
  empty?: ComponentChildren;
}

export function TaskTable({ label, tasks, owners, empty }: TaskTableProps) {
  const columns = owners ? [COLUMNS[0]!, OWNER, ...COLUMNS.slice(1).filter(({ title }) => title !== "Node")] : COLUMNS;
  return (
    <Table<Task>
      label={label}
      columns={columns}
      count={tasks.length}
      row={(i) => tasks[i]}
      keyOf={(task) => task.id}
      below={(task) => (
        <>
          {task.host}
          {task.ports.length > 0 && `:${task.ports.join(", ")}`} · {SINCE(task)}
        </>
      )}
      href={(task) => pageOf("task", task.id)}
      empty={empty}
    />
  );
}
