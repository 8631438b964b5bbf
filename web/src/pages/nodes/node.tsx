import { useNode, useNodeTasks } from "../../api/queries";
import type { DockerInfo, NodeSummary } from "../../api/types";
import { plural } from "../../lib/size";
import { isLive } from "../../lib/states";
import { duration } from "../../lib/time";
import { Age } from "../../ui/age";
import { Copy } from "../../ui/button";
import { Capacity } from "../../ui/meter";
import { Answered, Empty, Facts, Grid, Head, Page, Panel } from "../../ui/page";
import { State } from "../../ui/state";
import { TaskTable } from "../tasks/table";
import { Role } from "./nodes";

export function Node({ id }: { id: string }) {
  const answer = useNode(id);
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
      />
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

function About({ node }: { node: NodeSummary }) {
  return (
    <Facts
      facts={[
        ["Id", <Copy text={node.id} />],
        ["Address", node.address],
        ["Modes", node.modes.join(", ")],
        ["Version", node.version ?? "–"],
        ["Up for", node.uptime_s === undefined ? "–" : duration(node.uptime_s * 1000)],
        ["Seen", <Age at={node.seen} />],
        node.docker !== undefined && ["Containers", dockerWords(node.docker)],
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
