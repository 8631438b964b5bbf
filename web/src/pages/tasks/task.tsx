// One task: what it is, how it fares, and what it writes.

import { useSignal } from "@preact/signals";
import { killTask, useFiles, useTask } from "../../api/queries";
import type { Task as TaskType } from "../../api/types";
import { pageOf } from "../../app/path";
import { params, setParams } from "../../app/router";
import { shortId } from "../../lib/ids";
import { bytes, MIB, number } from "../../lib/size";
import { isLive } from "../../lib/states";
import { Result, useAction } from "../../ui/action";
import { Age, Clock, Took } from "../../ui/age";
import { Button, Buttons, Copy } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { LogView, OUTPUTS } from "../../ui/log";
import { Answered, type Fact, Facts, Head, Note, Page, Panel } from "../../ui/page";
import { TaskState } from "./table";

export function Task({ id }: { id: string }) {
  const answer = useTask(id);
  const task = answer.data.value;
  const action = useAction();
  const file = params.value.get("file") ?? "stdout";
  return (
    <Page>
      <Head title={task ? shortId(task.id) : id} crumbs={task && <Crumbs task={task} />} beside={task && <TaskState task={task} />}>
        {task && isLive(task.state) && (
          <Kill
            task={task}
            onKill={() =>
              action.run({ pending: "Killing the task …", work: () => killTask(id), done: "The task is being killed." })
            }
          />
        )}
      </Head>
      <Result action={action} />
      <Answered answer={answer}>
        {(data) => (
          <>
            {data.message && <Note kind={isLive(data.state) ? "idle" : "failed"}>{data.message}</Note>}
            <Panel>
              <Facts facts={factsOf(data)} />
            </Panel>
            <LogView
              key={`${id} ${file}`}
              writer={{ task: id }}
              file={file}
              files={OUTPUTS.includes(file) ? OUTPUTS : [...OUTPUTS, file]}
              onFile={(name) => setParams({ file: name === "stdout" ? undefined : name })}
            />
            <Files id={id} />
          </>
        )}
      </Answered>
    </Page>
  );
}

function Crumbs({ task: { owner } }: { task: TaskType }) {
  return (
    <>
      <a href={owner.noun === "job" ? "jobs" : "apps"}>{owner.noun === "job" ? "Jobs" : "Apps"}</a>
      {" / "}
      <a href={pageOf(owner.noun, owner.name)}>{owner.name}</a>
    </>
  );
}

function factsOf(task: TaskType): Fact[] {
  return [
    ["Id", <Copy text={task.id} />, "wide"],
    ["Node", task.node ? <a href={pageOf("node", task.node)}>{task.host || task.node}</a> : "none yet"],
    task.ports.length > 0 && ["Ports", task.ports.join(", ")],
    ["Started", <Clock at={task.started} />],
    [isLive(task.state) ? "Runs for" : "Ran for", <Took from={task.started} to={task.ended} />],
    task.ended !== undefined && ["Ended", <Age at={task.ended} />],
    ["CPUs", number(task.cpus)],
    ["Memory", bytes(task.mem * MIB)],
    task.pid !== undefined && ["Process", task.pid],
    task.container !== undefined && ["Container", <Copy text={task.container}>{task.container.slice(0, 12)}</Copy>],
    task.volumes !== undefined && ["Persistent volumes", task.volumes.join(", "), "wide"],
    task.exit !== undefined && ["Exit status", task.exit],
    task.signal !== undefined && ["Signal", task.signal],
  ];
}

function Kill({ task, onKill }: { task: TaskType; onKill: () => void }) {
  const asking = useSignal(false);
  const after = task.owner.noun === "app" ? "The app starts another one in its place." : "The run counts as killed.";
  return (
    <Buttons>
      <Button kind="danger" icon="close" onClick={() => (asking.value = true)}>
        Kill
      </Button>
      {asking.value && (
        <Confirm
          title={`Kill this task of ${task.owner.name}`}
          action="Kill"
          onConfirm={onKill}
          onClose={() => (asking.value = false)}
        >
          <p>
            It runs on {task.host || task.node}. {after}
          </p>
        </Confirm>
      )}
    </Buttons>
  );
}

/** What else lies in the sandbox; a file is looked at like the output. */
function Files({ id }: { id: string }) {
  const items = useFiles(id).data.value?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Panel title="Sandbox" bare>
      <ul class="rows">
        {items.map(({ path, size }) => {
          const name = path.slice(path.lastIndexOf("/") + 1);
          return (
            <li key={path}>
              <a class="grow mono" href={`${pageOf("task", id)}?file=${encodeURIComponent(name)}`}>
                {name}
              </a>
              <span class="muted">{bytes(size)}</span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
