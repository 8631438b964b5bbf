// What needs attention, what is changing now, what there is room for, what comes next.

import { useDeployments, useNextJobs, useStatus } from "../../api/queries";
import { recent } from "../../api/live";
import type { Attention, Status } from "../../api/types";
import { pageOf } from "../../app/path";
import { briefly } from "../../lib/ids";
import { plural } from "../../lib/size";
import { runsWords } from "../../lib/schedule";
import { Age, Clock } from "../../ui/age";
import { Capacity } from "../../ui/meter";
import { Answered, Empty, Grid, Head, Page, Panel, Stack } from "../../ui/page";
import { Shape, State } from "../../ui/state";
import { DeploymentRow } from "../apps/deployment";
import { changeLink } from "../events/change";

const NEXT_JOBS = 8;
const LATEST = 8;

export function Overview() {
  const status = useStatus();
  return (
    <Page>
      <Head title="Overview" beside={status.data.value && <span class="muted">{summary(status.data.value)}</span>} />
      <Answered answer={status}>
        {(data) => (
          <Grid>
            <Stack>
              <NeedsAttention attention={data.attention} />
              <ChangingNow />
              <Latest />
            </Stack>
            <Stack>
              <Panel title="Capacity" beside={<span class="muted">{plural(data.nodes.ready, "node")} ready</span>}>
                <Capacity resources={data.resources} />
              </Panel>
              <Next />
            </Stack>
          </Grid>
        )}
      </Answered>
    </Page>
  );
}

function summary({ apps, tasks, jobs }: Status): string {
  const all = Object.values(apps).reduce((sum, n) => sum + n, 0);
  return `${plural(all, "app")}, ${plural(tasks.running, "task")} running, ${plural(jobs.total, "job")}`;
}

function NeedsAttention({ attention }: { attention: Attention[] }) {
  return (
    <Panel title="Needs attention" bare>
      {attention.length === 0 && (
        <Empty>
          <span class="state kind-good">
            <Shape kind="good" />
            Nothing. All is as it should be.
          </span>
        </Empty>
      )}
      <ul class="rows">
        {attention.map(({ noun, name, state, sentence }) => (
          <li key={`${noun} ${name} ${sentence}`}>
            <State noun={noun} state={state} />
            <span class="muted">{noun}</span>
            <a href={pageOf(noun, name)}>{name}</a>
            <span class="grow">{briefly(withoutName(sentence, name))}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** The name stands beside the sentence already. */
function withoutName(sentence: string, name: string): string {
  return sentence.startsWith(`${name}: `) ? sentence.slice(name.length + 2) : sentence;
}

function ChangingNow() {
  const deployments = useDeployments();
  const items = deployments.data.value?.items ?? [];
  return (
    <Panel title="Changing now" bare>
      {items.length === 0 && <Empty>No deployment is under way.</Empty>}
      <ul class="rows">
        {items.map((deployment) => (
          <DeploymentRow key={deployment.id} deployment={deployment} named />
        ))}
      </ul>
    </Panel>
  );
}

function Next() {
  const jobs = useNextJobs(NEXT_JOBS);
  const items = jobs.data.value?.items.filter(({ next }) => next !== undefined) ?? [];
  return (
    <Panel title="Next jobs" beside={<a href="jobs">All jobs</a>} bare>
      {items.length === 0 && <Empty>No job is due.</Empty>}
      <ul class="rows">
        {items.map((job) => (
          <li key={job.name}>
            <a class="grow" href={pageOf("job", job.name)}>
              {job.name}
            </a>
            <span class="muted">{runsWords(job)}</span>
            <Age at={job.next} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Latest() {
  const changes = recent.value.slice(0, LATEST);
  return (
    <Panel title="Latest" beside={<a href="events">All events</a>} bare>
      {changes.length === 0 && <Empty>Nothing has happened yet.</Empty>}
      <ul class="rows">
        {changes.map((change) => (
          <li key={change.id}>
            <span class="muted">
              <Clock at={change.at} />
            </span>
            <span class="grow">{changeLink(change)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
