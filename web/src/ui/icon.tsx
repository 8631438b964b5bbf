import "./icon.css";

const PATHS = {
  overview: "M2.5 2.5h4.5v6h-4.5zM9 2.5h4.5v3.5h-4.5zM9 8h4.5v5.5h-4.5zM2.5 10.5h4.5v3h-4.5z",
  apps: "M8 1.8 14 5 8 8.2 2 5zM2 8.2l6 3.2 6-3.2M2 11.2l6 3.2 6-3.2",
  jobs: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.6V8l2.4 1.6",
  nodes: "M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.75v.01M5 11.25v.01",
  traffic: "M2 5h11M10.2 2.2 13 5l-2.8 2.8M14 11H3M5.8 8.2 3 11l2.8 2.8",
  events: "M2 8h3l2-5 3 10 1.8-5H14",
  settings: "M2 4.5h6.5M11.5 4.5H14M2 11.5h2.5M7.5 11.5H14M10 3v3M6 10v3",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.6 10.6 14 14",
  plus: "M8 3v10M3 8h10",
  play: "M4.5 3v10l8-5z",
  restart: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  pause: "M5.5 3v10M10.5 3v10",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  scale: "M8 13.5v-11M4.5 6 8 2.5 11.5 6M3 13.5h10",
  log: "M3 3h10M3 6.3h7M3 9.6h10M3 13h5",
  undo: "M5.5 3 2.5 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H7",
  close: "m4 4 8 8m0-8-8 8",
  chevron: "m6 4 4 4-4 4",
  group: "M2 4h4.5l1.5 1.8h6v7.2H2z",
  wrap: "M2.5 3.5h11M2.5 8h9a2 2 0 0 1 0 4.5H8.5M10 11l-1.7 1.5L10 14M2.5 12.5h3",
  up: "M8 13V3.5M4 7l4-4 4 4",
  down: "M8 3v9.5M4 9l4 4 4-4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
