// What one can do with an app. What can be undone is done at once, with the way back beside the
// result; deleting asks for the name.

import { useSignal } from "@preact/signals";
import { deleteApp, restartApp, rollBack, scaleApp } from "../../api/queries";
import type { AppDetail, Written } from "../../api/types";
import { useKeys } from "../../app/keys";
import { go } from "../../app/router";
import { bytes, MIB, number, plural } from "../../lib/size";
import type { Action } from "../../ui/action";
import { Button, Buttons } from "../../ui/button";
import { Confirm, Dialog } from "../../ui/dialog";
import { TextField } from "../../ui/field";

type Open = "none" | "scale" | "restart" | "delete";

export function AppActions({ data, action }: { data: AppDetail; action: Action }) {
  const open = useSignal<Open>("none");
  const { id, instances } = data.summary;
  const suspended = instances === 0;
  const close = () => (open.value = "none");

  const scale = (to: number) => {
    const deed = (from: number, target: number) => ({
      pending: `Scaling ${id} to ${target} …`,
      work: () => scaleApp(id, target),
      done: target === 0 ? `Suspended ${id}: its ${plural(from, "instance")} will stop.` : `Scaling ${id} from ${from} to ${target}.`,
    });
    action.run({ ...deed(instances, to), undo: deed(to, instances) });
  };
  const restart = () => {
    let deployment: string | undefined;
    action.run({
      pending: `Restarting ${id} …`,
      work: async () => (deployment = ((await restartApp(id)) as Written).deployment),
      done: `Restarting ${plural(instances, "instance")} of ${id}.`,
      undo: {
        word: "Stop",
        pending: "Stopping the restart …",
        work: async () => deployment && rollBack(deployment),
        done: "The restart was stopped.",
      },
    });
  };
  const remove = () =>
    action.run({
      pending: `Deleting ${id} …`,
      work: () => deleteApp(id),
      done: `Deleted ${id}.`,
      then: () => go("apps"),
    });
  useKeys([{ key: "s", what: "Scale", act: () => (open.value = "scale") }]);
  return (
    <>
      <Buttons>
        <Button kind="primary" icon="scale" onClick={() => (open.value = "scale")}>
          Scale
        </Button>
        <Button icon="restart" onClick={() => (open.value = "restart")} disabled={suspended}>
          Restart
        </Button>
        {suspended ? (
          <Button icon="play" onClick={() => scale(1)}>
            Resume
          </Button>
        ) : (
          <Button icon="pause" onClick={() => scale(0)}>
            Suspend
          </Button>
        )}
        <Button kind="danger" icon="trash" onClick={() => (open.value = "delete")}>
          Delete
        </Button>
      </Buttons>
      {open.value === "scale" && <Scale data={data} onScale={scale} onClose={close} />}
      {open.value === "restart" && (
        <Confirm
          title={`Restart ${plural(instances, "instance")} of ${id}`}
          action="Restart"
          onConfirm={restart}
          onClose={close}
        >
          <p>New instances take the place of the running ones as the app's upgrade strategy says.</p>
        </Confirm>
      )}
      {open.value === "delete" && (
        <Confirm title={`Delete ${id}`} action="Delete" typed={id} onConfirm={remove} onClose={close}>
          <p>
            This stops {plural(data.summary.running, "instance")} of {id} and forgets its settings and{" "}
            {plural(data.versions.length, "version")}. It cannot be undone.
          </p>
        </Confirm>
      )}
    </>
  );
}

interface ScaleProps {
  data: AppDetail;
  onScale: (instances: number) => void;
  onClose: () => void;
}

/** Says what the number would mean while it is typed. */
function effect(from: number, to: number, cpus: number, mem: number): string {
  if (Number.isNaN(to)) return "A whole number, 0 or more.";
  if (to === from) return `That is what runs now.`;
  if (to < from) return `Stops ${plural(from - to, "instance")}.`;
  const more = to - from;
  return `Starts ${more} more: ${number(more * cpus)} CPUs and ${bytes(more * mem * MIB)} of memory.`;
}

function Scale({ data, onScale, onClose }: ScaleProps) {
  const { id, instances, cpus, mem } = data.summary;
  const text = useSignal(String(instances));
  const wanted = /^\d+$/.test(text.value.trim()) ? Number(text.value) : NaN;
  const step = (by: number) => (text.value = String(Math.max(0, (Number.isNaN(wanted) ? instances : wanted) + by)));
  const submit = (event: Event) => {
    event.preventDefault();
    if (Number.isNaN(wanted) || wanted === instances) return;
    onClose();
    onScale(wanted);
  };
  return (
    <Dialog title={`Scale ${id}`} onClose={onClose}>
      <form onSubmit={submit}>
        <TextField
          label="Instances"
          value={text.value}
          onInput={(value) => (text.value = value)}
          hint={effect(instances, wanted, cpus, mem)}
          number
          autofocus
        />
        <Buttons>
          <Button onClick={() => step(-1)} label="One less">
            −1
          </Button>
          <Button onClick={() => step(1)} label="One more">
            +1
          </Button>
          <span class="spring" />
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={Number.isNaN(wanted) || wanted === instances}>
            Scale
          </Button>
        </Buttons>
      </form>
    </Dialog>
  );
}
