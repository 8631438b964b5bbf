// Times and durations for people: short, exact ones beside them. Pure; milliseconds throughout.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const FAR_AWAY = 1_000 * DAY; // from then on the day says more

const NBSP = "\u00a0";

const UNITS: [number, string][] = [
  [DAY, "d"],
  [HOUR, "h"],
  [MINUTE, "m"],
  [SECOND, "s"],
];

/** `3 m 12 s`, `2 d 4 h`, `840 ms`: the two largest units that say something. */
export function duration(ms: number): string {
  ms = Math.max(0, Math.round(ms));
  if (ms < SECOND) return `${ms}${NBSP}ms`;
  if (ms < 10 * SECOND && ms % SECOND !== 0) return `${(ms / SECOND).toFixed(1)}${NBSP}s`;
  const at = UNITS.findIndex(([size]) => ms >= size);
  const [size, name] = UNITS[at]!;
  const first = `${Math.floor(ms / size)}${NBSP}${name}`;
  const next = UNITS[at + 1];
  const rest = next ? Math.floor((ms % size) / next[0]) : 0;
  return next && rest > 0 ? `${first} ${rest}${NBSP}${next[1]}` : first;
}

/** One unit, for a column: `now`, `12 s ago`, `in 3 h`. */
export function relative(at: number, now: number): string {
  const away = Math.abs(at - now);
  if (away < SECOND) return "now";
  if (away >= FAR_AWAY) return `on ${new Date(at).toISOString().slice(0, 10)}`;
  const [size, name] = UNITS.find(([unit]) => away >= unit)!;
  const text = `${Math.floor(away / size)}${NBSP}${name}`;
  return at < now ? `${text} ago` : `in ${text}`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** `2025-03-09 14:05:07` in the zone of who looks; sorts as it reads. */
export function exact(at: number): string {
  const d = new Date(at);
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${day} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** `14:05:07`, with the date before it unless it is today's. */
export function clock(at: number, now: number): string {
  const text = exact(at);
  return text.slice(0, 10) === exact(now).slice(0, 10) ? text.slice(11) : text;
}

/** ISO 8601 to milliseconds; undefined stays undefined. */
export function parse(text: string | undefined | null): number | undefined {
  if (!text) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
