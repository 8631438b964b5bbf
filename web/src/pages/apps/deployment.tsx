import { rollBack } from "../../api/queries";
import type { Deployment } from "../../api/types";
import { pageOf } from "../../app/path";
import { Result, useAction } from "../../ui/action";
import { Age } from "../../ui/age";
import { Button } from "../../ui/button";
import { Progress } from "../../ui/meter";
import { Shape } from "../../ui/state";

/** A deployment in words, with the way back beside it. */
export function DeploymentRow({ deployment, named }: { deployment: Deployment; named?: boolean }) {
  const { id, apps, step, steps, sentence, started } = deployment;
  const action = useAction();
  const back = () =>
    action.run({
      pending: "Rolling back …",
      work: () => rollBack(id),
      done: "Rolling back: the version before is put in place again.",
    });
  return (
    <li>
      <span class="kind-busy">
        <Shape kind="busy" />
      </span>
      <div class="grow">
        {named && <Names apps={apps} />}
        <span>{sentence}</span>
        <div class="muted">
          began <Age at={started} />
        </div>
      </div>
      <Progress done={step - 1} of={steps} label="Steps done" />
      <Button kind="small" icon="undo" onClick={back} label={`Roll back the deployment of ${apps.join(", ")}`}>
        Roll back
      </Button>
      <Result action={action} />
    </li>
  );
}

const LIMIT_NAMES = 3;

function Names({ apps }: { apps: string[] }) {
  return (
    <>
      {apps.slice(0, LIMIT_NAMES).map((app) => (
        <span key={app}>
          <a href={pageOf("app", app)}>{app}</a>{" "}
        </span>
      ))}
      {apps.length > LIMIT_NAMES && <span class="muted">and {apps.length - LIMIT_NAMES} more </span>}
    </>
  );
}
