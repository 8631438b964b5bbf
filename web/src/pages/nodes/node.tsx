import { useSignal } from "@preact/signals";
import { drainNode, letNodeVote, makeLeader, removeNode, useNode, useNodeTasks } from "../../api/queries";
import type { DockerInfo, NodeSummary } from "../../api/types";
import { go } from "../../app/router";
import { plural } from "../../lib/size";
import { isLive } from "../../lib/states";
import { duration } from "../../lib/time";
import { type Action, Result, useAction } from "../../ui/action";
import { Age } from "../../ui/age";
import { Button, Buttons, Copy } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { Capacity } from "../../ui/meter";
import { Answered, Empty, Facts, Grid, Head, Page, Panel, Tags } from "../../ui/page";
import { State } from "../../ui/state";
import { TaskTable } from "../tasks/table";
import { Role } from "./nodes";

export function Node({ id }: { id: string }) {
  const answer = useNode(id);
  const action = useAction();
  const node = answer.data.value;
  return (
    <Page>
      <Head
        title={node?.name ?? id}
        crumbs={<a href="nodes">Nodes</a>}
        beside={
          node && (
            <>
              <State noun="node" state={node.state} />
              <Role node={node} />
            </>
          )
        }
      >
        {node && <NodeActions node={node} action={action} />}
      </Head>
      <Result action={action} />
      <Answered answer={answer}>
        {(data) => (
          <>
            <Grid>
              <Panel title="About">
                <About node={data} />
              </Panel>
              <Panel title="Capacity">
                <Capacity resources={data} />
              </Panel>
            </Grid>
            <NodeTasks id={data.id} />
          </>
        )}
      </Answered>
    </Page>
  );
}

function NodeActions({ node, action }: { node: NodeSummary; action: Action }) {
  const removing = useSignal(false);
  const { id, name, state, role } = node;
  const draining = state === "draining" || state === "drained";
  const held = node.waits !== undefined && node.waits.endsWith("is promoted");
  const drain = (on: boolean) => {
    const deed = (to: boolean) => ({
      pending: to ? `Draining ${name} …` : `Ending the drain of ${name} …`,
      work: () => drainNode(id, to),
      done: to ? `${name} drains: its tasks move off, its runs finish.` : `${name} may run tasks again.`,
    });
    action.run({ ...deed(on), undo: deed(!on) });
  };
  const vote = (may: boolean) => {
    const deed = (to: boolean) => ({
      pending: to ? `Letting ${name} vote …` : `Taking the vote of ${name} …`,
      work: () => letNodeVote(id, to),
      done: to ? `${name} may vote.` : `${name} is to be a standby.`,
    });
    action.run({ ...deed(may), undo: deed(!may) });
  };
  const lead = () =>
    action.run({ pending: `${name} is to lead …`, work: () => makeLeader(id), done: `${name} leads.` });
  const remove = () =>
    action.run({
      pending: `Removing ${name} …`,
      work: () => removeNode(id),
      done: `Removed ${name}.`,
      then: () => go("nodes"),
    });
  return (
    <Buttons>
      {node.modes.includes("agent") && (
        <Button icon={draining ? "play" : "pause"} onClick={() => drain(!draining)}>
          {draining ? "End the drain" : "Drain"}
        </Button>
      )}
      {role === "voter" && <Button onClick={lead}>Make it lead</Button>}
      {role === "voter" && <Button onClick={() => vote(false)}>Take its vote</Button>}
      {held && <Button onClick={() => vote(true)}>Let it vote</Button>}
      {role !== "leader" && (
        <Button kind="danger" icon="trash" onClick={() => (removing.value = true)}>
          Remove
        </Button>
      )}
      {removing.value && (
        <Confirm
          title={`Remove ${name}`}
          action="Remove"
          typed={name}
          onConfirm={remove}
          onClose={() => (removing.value = false)}
        >
          <p>
            {plural(node.tasks, "task")} will be replaced elsewhere. The node cannot come back but as a new one.
          </p>
        </Confirm>
      )}
    </Buttons>
  );
}

function About({ node }: { node: NodeSummary }) {
  return (
    <Facts
      facts={[
        ["Id", <Copy text={node.id} />],
        ["Address", node.address],
        ["Modes", node.modes.join(", ")],
        node.waits !== undefined && ["Vote", node.waits, "wide"],
        ["Version", node.version ?? "–"],
        ["Up for", node.uptime_s === undefined ? "–" : duration(node.uptime_s * 1000)],
        ["Seen", <Age at={node.seen} />],
        node.docker !== undefined && ["Containers", dockerWords(node.docker)],
        node.attributes !== undefined && [
          "Attributes",
          <Tags tags={Object.entries(node.attributes).map(([name, value]) => `${name}=${value}`)} />,
        ],
      ]}
    />
  );
}

export function dockerWords({ available, version, reason }: DockerInfo): string {
  return available ? `Docker ${version ?? ""}`.trim() : `none: ${reason ?? "no engine answers"}`;
}

function NodeTasks({ id }: { id: string }) {
  const answer = useNodeTasks(id);
  return (
    <Answered answer={answer}>
      {({ items }) => {
        const live = items.filter(({ state }) => isLive(state));
        return (
          <Panel title="Tasks" beside={<span class="muted">{plural(live.length, "task")}</span>} bare>
            <TaskTable label="Tasks on this node" tasks={live} owners empty={<Empty>No task runs here.</Empty>} />
          </Panel>
        );
      }}
    </Answered>
  );
}
