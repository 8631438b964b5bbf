import { GO, type Key, layers } from "../app/keys";
import { Dialog } from "../ui/dialog";

function KeyRow({ keys, what }: { keys: string[]; what: string }) {
  return (
    <>
      <dt>
        {keys.map((key) => (
          <span key={key}>
            <kbd>{key}</kbd>{" "}
          </span>
        ))}
      </dt>
      <dd>{what}</dd>
    </>
  );
}

/** What the page that is shown knows, each key once, then where `g` leads. */
export function Help({ onClose }: { onClose: () => void }) {
  const known = new Map<string, Key>();
  for (const layer of layers.value) for (const key of layer) known.set(key.key, key);
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {[...known.values()].map((key) => (
          <KeyRow key={key.key} keys={[key.key]} what={key.what} />
        ))}
        <KeyRow keys={["Enter"]} what="Open the row" />
        <KeyRow keys={["Esc"]} what="Close, or leave the field" />
        {Object.entries(GO).map(([key, { what }]) => (
          <KeyRow key={key} keys={["g", key]} what={what} />
        ))}
      </dl>
    </Dialog>
  );
}
