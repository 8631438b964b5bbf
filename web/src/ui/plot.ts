// The only file that knows uPlot; loaded on demand.

import uPlot from "uplot";
import type { Bar } from "./chart";

interface Look {
  ok: string;
  failed: string;
  line: string;
  text: string;
}

const FONT = "12px system-ui, sans-serif";

/** Draws into `box` and follows its width; the function that is returned takes it away again. */
export function drawDurations(
  box: HTMLElement,
  bars: Bar[],
  look: Look,
  height: number,
  say: (ms: number) => string,
): () => void {
  const paths = uPlot.paths.bars!({ size: [0.6, 18, 2] });
  const of = (failed: boolean) => bars.map((bar) => (bar.failed === failed ? bar.ms : null));
  const axis = { stroke: look.text, font: FONT, ticks: { show: false }, grid: { stroke: look.line, width: 1 } };
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: [-0.75, bars.length - 0.25] }, y: { range: (_, __, max) => [0, max * 1.1 || 1] } },
      series: [
        {},
        { paths, fill: look.ok, stroke: look.ok, width: 0, points: { show: false } },
        { paths, stroke: look.failed, width: 1.5, points: { show: false } },
      ],
      axes: [
        { ...axis, grid: { show: false }, size: 4, values: () => [] },
        { ...axis, size: 64, values: (_, ticks) => ticks.map((ms) => (ms === 0 ? "0" : say(ms))) },
      ],
    },
    [bars.map((_, i) => i), of(false), of(true)],
    box,
  );
  const resize = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height }));
  resize.observe(box);
  return () => {
    resize.disconnect();
    plot.destroy();
  };
}
