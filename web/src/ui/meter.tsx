// How much of something is used: a bar and the numbers.

import "./meter.css";
import type { Resources, Used } from "../api/types";
import { bytes, count, number } from "../lib/size";

const HIGH = 0.9;

function Meter({ share, label }: { share: number; label: string }) {
  const percent = `${Math.round(share * 100)}%`;
  return (
    <span class={share >= HIGH ? "meter high" : "meter"} role="img" aria-label={`${label}: ${percent}`} title={percent}>
      {share > 0 && <span style={{ width: percent }} />}
    </span>
  );
}

const shareOf = ({ used, total }: Used) => (total > 0 ? Math.min(1, used / total) : 0);

const RESOURCES: [keyof Resources, string, (n: number) => string][] = [
  ["cpus", "CPUs", number],
  ["mem", "Memory", bytes],
  ["disk", "Disk", bytes],
  ["ports", "Ports", count],
];

export function Capacity({ resources }: { resources: Partial<Resources> }) {
  return (
    <div class="meters">
      {RESOURCES.map(([key, name, say]) => {
        const used = resources[key];
        if (!used) return null;
        return (
          <div key={key}>
            <span>{name}</span>
            <Meter share={shareOf(used)} label={`${name} used`} />
            <span class="number">
              {say(used.used)} <span class="muted">of {say(used.total)}</span>
            </span>
          </div>
        );
      })}
    </div>
  );
}

/** In a table: a short bar and `2 of 8`. */
export function UsedCell({ used, say, label }: { used: Used | undefined; say: (n: number) => string; label: string }) {
  if (!used) return <span class="muted">–</span>;
  return (
    <span class="meter-line">
      <Meter share={shareOf(used)} label={label} />
      <span>
        {say(used.used)} <span class="muted">of {say(used.total)}</span>
      </span>
    </span>
  );
}

/** Steps done of all, for a deployment. */
export function Progress({ done, of, label }: { done: number; of: number; label: string }) {
  return (
    <div class="meter-line">
      <Meter share={of > 0 ? done / of : 0} label={label} />
    </div>
  );
}
