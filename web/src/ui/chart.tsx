// How long each run took. uPlot is loaded when the first chart is drawn.

import "./chart.css";
import { useEffect, useRef } from "preact/hooks";
import { duration } from "../lib/time";

export interface Bar {
  at: number; // ms
  ms: number;
  failed: boolean;
}

const HEIGHT_PX = 160;

function colour(name: string): string {
  // light-dark() is resolved only where it is used as a colour
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

export function DurationChart({ bars, label }: { bars: Bar[]; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const key = bars.map(({ at, ms, failed }) => `${at}:${ms}:${failed}`).join();
  useEffect(() => {
    let gone = false;
    let clean = () => {};
    void import("./plot").then(({ drawDurations }) => {
      if (gone || !box.current) return;
      const look = {
        ok: colour("--accent"),
        failed: colour("--text"),
        line: colour("--line"),
        text: colour("--muted"),
      };
      clean = drawDurations(box.current, bars, look, HEIGHT_PX, duration);
    });
    return () => {
      gone = true;
      clean();
    };
  }, [key]);
  return <div ref={box} class="chart" role="img" aria-label={label} />;
}
