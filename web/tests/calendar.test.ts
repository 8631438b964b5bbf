import assert from "node:assert/strict";
import { test } from "node:test";
import { entryWords, nextDays } from "../src/lib/calendar";

test("an entry of a calendar has words, and what is none stands for itself", () => {
  const cases: [string, string][] = [
    ["SAT", "every Saturday"],
    ["mon-fri", "from Monday to Friday"],
    ["SAT-SUN", "from Saturday to Sunday"],
    ["12-25", "25 December of every year"],
    ["12-24/01-02", "from 24 December to 2 January of every year"],
    ["2026-12-25", "2026-12-25"],
    ["2026-12-24/2027-01-02", "from 2026-12-24 to 2027-01-02"],
    ["SAT 08:00-18:30", "every Saturday, 08:00 to 18:30"],
    ["22:00-24:00", "every day, 22:00 to 24:00"],
    ["XMAS", "XMAS"],
    ["XMA", "XMA"],
    ["SAT22:00-24:00", "SAT22:00-24:00"],
    ["", ""],
  ];
  for (const [text, words] of cases) assert.equal(entryWords(text), words);
});

test("the next days of a calendar begin today, and a whole day goes before its parts", () => {
  const said = (days: string[], from: string, most = 4) =>
    nextDays(days, from, most).map(({ day, weekday, parts }) => [day, weekday.slice(0, 3), ...parts].join(" "));
  assert.deepEqual(said(["SAT-SUN"], "2026-11-28"), ["2026-11-28 Sat", "2026-11-29 Sun", "2026-12-05 Sat", "2026-12-06 Sun"]);
  assert.deepEqual(said(["FRI-MON"], "2026-11-24"), ["2026-11-27 Fri", "2026-11-28 Sat", "2026-11-29 Sun", "2026-11-30 Mon"]);
  assert.deepEqual(said(["12-31/01-01"], "2026-12-30", 3), ["2026-12-31 Thu", "2027-01-01 Fri", "2027-12-31 Fri"]);
  assert.deepEqual(said(["02-29"], "2026-01-01", 1), ["2028-02-29 Tue"]);
  assert.deepEqual(said(["2026-11-01/2026-11-28"], "2026-11-27"), ["2026-11-27 Fri", "2026-11-28 Sat"]);
  assert.deepEqual(said(["FRI 18:00-24:00", "FRI 00:00-06:00", "2026-12-04"], "2026-11-27", 2), [
    "2026-11-27 Fri 00:00-06:00 18:00-24:00",
    "2026-12-04 Fri",
  ]);
  assert.deepEqual(said(["2020-01-01", "none"], "2026-01-01"), []);
});
