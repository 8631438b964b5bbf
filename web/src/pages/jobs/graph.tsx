// Which job waits for which: around one, or from those that wait for none.

import { useJobGraph } from "../../api/queries";
import type { JobGraph } from "../../api/types";
import { pageOf } from "../../app/path";
import { drawing, groupBy, waitsWords } from "../../lib/graph";
import { Graph } from "../../ui/graph";
import { Answered, Empty, Panel, Stack } from "../../ui/page";

export function JobGraphView({ around }: { around?: string }) {
  return <Answered answer={useJobGraph(around ?? "")}>{(graph) => <Drawn graph={graph} around={around} />}</Answered>;
}

function Drawn({ graph, around }: { graph: JobGraph; around: string | undefined }) {
  if (graph.edges.length === 0)
    return (
      <Panel>
        <Empty>{around === undefined ? "No job waits for another one." : "It waits for no job, and none waits for it."}</Empty>
      </Panel>
    );
  return (
    <Stack>
      <Panel bare>
        <Graph drawing={drawing(graph)} at={around} />
      </Panel>
      <InWords graph={graph} />
    </Stack>
  );
}

function InWords({ graph }: { graph: JobGraph }) {
  const edges = groupBy(graph.edges, ({ child }) => child);
  return (
    <Panel title="What each waits for" bare>
      <ul class="rows">
        {graph.nodes.map(
          (job) =>
            edges.has(job.name) && (
              <li key={job.name}>
                <a href={pageOf("job", job.name)}>{job.name}</a>
                <span class="grow">{waitsWords(job, edges.get(job.name)!)}</span>
              </li>
            ),
        )}
      </ul>
    </Panel>
  );
}
