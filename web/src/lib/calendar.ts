// The days of a calendar in words, and which come next. Pure. Days are texts, `2026-12-25`: they are of
// the time zone of the job that asks.

interface Entry {
  first: string; // `2026-12-24`, `12-24` or `SAT`: each kind is compared with its own name of a day
  last: string;
  part: string; // `08:00-18:30`; "": the whole day
}

const WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
const WEEKDAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTH_NAMES = [
  "January", "February", "March", "April", "May", "June",
  "July", "August", "September", "October", "November", "December",
];
const DAY_MS = 86_400_000;
const LIMIT_LOOKED = 3_660; // days

const ENTRY =
  /^(?:(\d{4}-\d\d-\d\d)(?:\/(\d{4}-\d\d-\d\d))?|(\d\d-\d\d)(?:\/(\d\d-\d\d))?|([A-Z]{3})(?:-([A-Z]{3}))?)?(?:(?:^| )(\d\d:\d\d-\d\d:\d\d))?$/;

/** Undefined when it is none, which the server says better. */
function entryOf(text: string): Entry | undefined {
  const match = text === "" ? null : ENTRY.exec(text.toUpperCase());
  if (!match) return undefined;
  const first = match[1] ?? match[3] ?? match[5];
  const last = match[2] ?? match[4] ?? match[6] ?? first;
  const part = match[7] ?? "";
  if (first === undefined) return { first: "MON", last: "SUN", part };
  const known = [first, last!].every((day) => /\d/.test(day) || WEEKDAYS.includes(day));
  return known ? { first, last: last!, part } : undefined;
}

function dayWords(day: string): string {
  const weekday = WEEKDAYS.indexOf(day);
  if (weekday >= 0) return WEEKDAY_NAMES[weekday]!;
  if (day.length > 5) return day;
  return `${Number(day.slice(3))} ${MONTH_NAMES[Number(day.slice(0, 2)) - 1]}`;
}

/** `from Monday to Friday, 08:00 to 18:30`; the text itself when it is no entry. */
export function entryWords(text: string): string {
  const entry = entryOf(text);
  if (!entry) return text;
  const { first, last, part } = entry;
  const yearly = first.length === 5 ? " of every year" : "";
  let days = `from ${dayWords(first)} to ${dayWords(last)}${yearly}`;
  if (first === "MON" && last === "SUN") days = "every day";
  else if (first === last) days = (first.length === 3 ? "every " : "") + dayWords(first) + yearly;
  return part === "" ? days : `${days}, ${part.replace("-", " to ")}`;
}

/** Weekdays and days of the year may go on past their last. */
const within = (at: number | string, first: number | string, last: number | string) =>
  first <= last ? at >= first && at <= last : at >= first || at <= last;

function has({ first, last }: Entry, day: string): boolean {
  if (first.length === 5) return within(day.slice(5), first, last);
  if (first.length > 5) return day >= first && day <= last;
  const weekday = (new Date(day).getUTCDay() + 6) % 7;
  return within(weekday, WEEKDAYS.indexOf(first), WEEKDAYS.indexOf(last));
}

export interface CalendarDay {
  day: string;
  weekday: string;
  parts: string[]; // none: the whole day
}

/** The next days that the calendar has, `from` included. */
export function nextDays(days: string[], from: string, most: number): CalendarDay[] {
  const entries = days.map(entryOf).filter((entry) => entry !== undefined);
  const found: CalendarDay[] = [];
  for (let i = 0; i < LIMIT_LOOKED && found.length < most; i++) {
    const at = new Date(Date.parse(from) + i * DAY_MS);
    const day = at.toISOString().slice(0, 10);
    const parts = entries.filter((entry) => has(entry, day)).map(({ part }) => part);
    if (parts.length === 0) continue;
    const weekday = WEEKDAY_NAMES[(at.getUTCDay() + 6) % 7]!;
    found.push({ day, weekday, parts: parts.includes("") ? [] : [...new Set(parts)].sort() });
  }
  return found;
}
