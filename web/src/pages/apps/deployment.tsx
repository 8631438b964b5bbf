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
      {named && apps.slice(0, 3).map((app) => (
        <a key={app} href={pageOf("app", app)}>
          {app}
        </a>
      ))}
      {named && apps.length > 3 && <span class="muted">and {apps.length - 3} more</span>}
      <span class="grow">{sentence}</span>
      <span class="muted nowrap">
        step {step} of {steps}
      </span>
      <Progress done={step - 1} of={steps} label="Steps done" />
      <span class="muted">
        <Age at={started} />
      </span>
      <Button kind="small" icon="undo" onClick={back} label={`Roll back the deployment of ${apps.join(", ")}`}>
        Roll back
      </Button>
      <Result action={action} />
    </li>
  );
}
