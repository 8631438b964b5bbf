// Sizes and counts for people. Pure.

const NBSP = "\u00a0";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
export const MIB = 1024 * 1024;

/** `640 B`, `1.5 GiB`: three digits at most. */
export function bytes(n: number): string {
  let unit = 0;
  while (n >= 1000 && unit < UNITS.length - 1) {
    n /= 1024;
    unit++;
  }
  const text = n < 10 && unit > 0 ? n.toFixed(1).replace(/\.0$/, "") : String(Math.round(n));
  return `${text}${NBSP}${UNITS[unit]}`;
}

/** `0.25`, `12`: no trailing zeros, no float dust. */
export function number(n: number): string {
  return String(Math.round(n * 1000) / 1000);
}

/** `12,400` */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** `1 instance`, `3 instances` */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
