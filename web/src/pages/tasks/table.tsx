// Tasks as rows: of an app, of a node.

import type { ComponentChildren } from "preact";
import type { Task } from "../../api/types";
import { pageOf } from "../../app/path";
import { shortId } from "../../lib/ids";
import { isLive } from "../../lib/states";
import { Age, Took } from "../../ui/age";
import { State } from "../../ui/state";
import { type Column, Table } from "../../ui/table";

type Ends = Pick<Task, "state" | "detail" | "exit" | "signal">;

export function TaskState({ task }: { task: Ends }) {
  const { state, detail } = task;
  return (
    <State noun="task" state={state}>
      {state}
      {detail && <span class="muted"> {detail}</span>}
      {howItEnded(task)}
    </State>
  );
}

function howItEnded({ state, exit, signal }: Ends) {
  if (state !== "failed" && state !== "killed") return null;
  if (signal) return <span class="muted"> by signal {signal}</span>;
  return exit === undefined ? null : <span class="muted"> with status {exit}</span>;
}

const since = (task: Task) => (isLive(task.state) ? (task.started ?? task.staged) : task.ended);

const NAME: Column<Task> = {
  title: "Instance",
  cell: (task) => (
    <a class="mono" href={pageOf("task", task.id)} title={task.id}>
      {shortId(task.id)}
    </a>
  ),
};

const OWNER: Column<Task> = {
  title: "Of",
  from: "small",
  cell: ({ owner }) => <a href={pageOf(owner.noun, owner.name)}>{owner.name}</a>,
};

const STATE: Column<Task> = { title: "State", width: 14, cell: (task) => <TaskState task={task} /> };

const NODE: Column<Task> = {
  title: "Node",
  width: 10,
  from: "small",
  cell: (task) => (task.node ? <a href={pageOf("node", task.node)}>{task.host || task.node}</a> : "–"),
};

const PORTS: Column<Task> = {
  title: "Ports",
  width: 8,
  end: true,
  from: "medium",
  cell: (task) => task.ports.join(", ") || "–",
};

const MESSAGE: Column<Task> = {
  title: "Said",
  from: "wide",
  cell: ({ message }) => <span title={message}>{message ?? ""}</span>,
};

const RAN: Column<Task> = {
  title: "Ran for",
  width: 7,
  end: true,
  from: "medium",
  cell: (task) => <Took from={task.started} to={task.ended} />,
};

const SINCE: Column<Task> = {
  title: "Since",
  width: 7,
  end: true,
  from: "small",
  cell: (task) => <Age at={since(task)} />,
};

const COLUMNS = {
  live: [NAME, STATE, NODE, PORTS, SINCE],
  ended: [NAME, STATE, NODE, MESSAGE, RAN, { ...SINCE, title: "Ended" }],
  owners: [NAME, OWNER, STATE, PORTS, SINCE],
};

interface TaskTableProps {
  label: string;
  tasks: Task[];
  ended?: boolean; // how they ended matters more than where they listen
  owners?: boolean; // of several apps and jobs, on one node
  empty?: ComponentChildren;
}

export function TaskTable({ label, tasks, ended, owners, empty }: TaskTableProps) {
  const columns = COLUMNS[ended ? "ended" : owners ? "owners" : "live"];
  return (
    <Table<Task>
      label={label}
      columns={columns}
      count={tasks.length}
      row={(i) => tasks[i]}
      keyOf={(task) => task.id}
      below={(task) => (
        <>
          {owners ? task.owner.name : task.host}
          {task.ports.length > 0 && `:${task.ports.join(", ")}`} · <Age at={since(task)} />
        </>
      )}
      href={(task) => pageOf("task", task.id)}
      empty={empty}
    />
  );
}
