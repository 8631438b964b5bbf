import assert from "node:assert/strict";
import { test } from "node:test";
import { spans, stripped } from "../src/lib/ansi";
import { diffJson, diffLines, withContext } from "../src/lib/diff";
import { commandWords } from "../src/lib/command";
import { briefly, shortId } from "../src/lib/ids";
import { Lines } from "../src/lib/lines";
import { listed, members } from "../src/lib/pairs";
import { get, lineOf, segments, set } from "../src/lib/pointer";
import { periodWords, runsWords, scheduleWords } from "../src/lib/schedule";
import { bytes, number, plural } from "../src/lib/size";
import { clock, duration, relative } from "../src/lib/time";
import { treeRows } from "../src/lib/tree";
import { volumesOf } from "../src/lib/volumes";

const plain = (text: string) => text.replace(/\u00a0/g, " ");

test("durations are short and say two units", () => {
  const cases: [number, string][] = [
    [0, "0 ms"],
    [840, "840 ms"],
    [1500, "1.5 s"],
    [3000, "3 s"],
    [192_000, "3 m 12 s"],
    [180_000, "3 m"],
    [3_600_000 * 28, "1 d 4 h"],
    [-5, "0 ms"],
  ];
  for (const [ms, words] of cases) assert.equal(plain(duration(ms)), words);
});

test("relative times have one unit and a direction", () => {
  const now = 1_700_000_000_000;
  assert.equal(relative(now, now), "now");
  assert.equal(plain(relative(now - 12_000, now)), "12 s ago");
  assert.equal(plain(relative(now + 3 * 3_600_000 + 5, now)), "in 3 h");
  assert.equal(plain(relative(now + 1_000 * 86_400_000 - 1, now)), "in 999 d");
  assert.equal(relative(Date.parse("9999-01-01T00:00:00Z"), now), "on 9999-01-01");
});

test("a clock time names the day unless it is today", () => {
  const now = new Date(2025, 2, 9, 14, 5, 7).getTime();
  assert.equal(clock(now, now), "14:05:07");
  assert.equal(clock(now - 86_400_000, now), "2025-03-08 14:05:07");
});

test("sizes have three digits and binary units", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [640, "640 B"],
    [1536, "1.5 KiB"],
    [1024 ** 3, "1 GiB"],
    [1000 * 1024 ** 2, "1 GiB"],
    [64 * 1024 ** 2, "64 MiB"],
  ];
  for (const [n, words] of cases) assert.equal(plain(bytes(n)), words);
  assert.equal(number(0.1 + 0.2), "0.3");
  assert.equal(plural(1, "app"), "1 app");
  assert.equal(plural(1200, "app"), "1,200 apps");
});

test("schedules are said in words", () => {
  const cases: [string | undefined, string][] = [
    ["R/2025-01-01T00:00:00Z/PT24H", "every day"],
    ["R/2025-01-01T00:00:00Z/PT90M", "every 1 hour 30 minutes"],
    ["R5//PT10M", "every 10 minutes, 5 more times"],
    ["R1/2025-01-01T00:00:00Z/PT1M", "once"],
    ["R0/2025-01-01T00:00:00Z/PT1M", "never again"],
    ["R/2025-01-01T00:00:00Z/P1M", "every month"],
    ["0 3 * * *", "0 3 * * *"],
    [undefined, "after its parents"],
  ];
  for (const [schedule, words] of cases) assert.equal(scheduleWords(schedule), words);
  assert.equal(runsWords({ parents: [], schedule: "R/2026-11-27T02:51Z/P3D", cron: "~ 3 * * 1-5" }), "~ 3 * * 1-5");
  assert.equal(runsWords({ parents: [], schedule: "R//PT24H" }), "every day");
  assert.equal(runsWords({ parents: ["a", "b"], schedule: undefined }), "after a, b");
  assert.equal(periodWords("nonsense"), undefined);
  assert.equal(periodWords("PT0S"), undefined);
});

test("pointers read, write and take away", () => {
  const doc = { a: { b: [1, { "x/y": 2 }] } };
  assert.equal(get(doc, "/a/b/1/x~1y"), 2);
  assert.equal(get(doc, "/a/none/deeper"), undefined);
  assert.deepEqual(set(doc, "/a/b/0", 5), { a: { b: [5, { "x/y": 2 }] } });
  assert.deepEqual(set({}, "/container/docker/image", "i"), { container: { docker: { image: "i" } } });
  assert.deepEqual(set({ a: 1, b: 2 }, "/a", undefined), { b: 2 });
  assert.deepEqual(set({ a: { b: 1 }, c: 2 }, "/a/b", undefined), { c: 2 });
  assert.deepEqual(set({ a: { b: 1, d: {} } }, "/a/b", undefined), { a: { d: {} } });
  assert.deepEqual(set({}, "/checks/0/path", "/"), { checks: [{ path: "/" }] });
  assert.deepEqual(set({ a: 1, checks: [{ path: "/" }] }, "/checks/0/path", undefined), { a: 1 });
  assert.deepEqual(set({ checks: [{ path: "/" }, { path: "/b" }] }, "/checks/0/path", undefined), { checks: [{ path: "/b" }] });
  assert.equal((doc.a.b[0] as number) + 0, 1, "the original is left alone");
  assert.deepEqual(segments("/portDefinitions(0)/port"), ["portDefinitions", "0", "port"]);
});

test("a path is found in the text, or its nearest parent", () => {
  const text = JSON.stringify({ id: "/web", ports: [{ port: 1 }, { port: 2, name: "a\"b" }], cpus: 1 }, null, 2);
  const line = (pointer: string) => text.split("\n")[lineOf(text, pointer)]!.trim();
  assert.equal(line("/id"), '"id": "/web",');
  assert.equal(line("/ports(1)/port"), '"port": 2,');
  assert.equal(line("/ports/1/protocol"), "{");
  assert.equal(line("/cpus"), '"cpus": 1');
  assert.equal(line(""), "{");
  assert.equal(lineOf("{ not json", "/a"), 0);
});

test("a diff is the shortest edit", () => {
  const kinds = (a: string, b: string) =>
    diffLines(a.split(""), b.split(""))
      .map(({ kind, text }) => ({ same: " ", removed: "-", added: "+" })[kind] + text)
      .join("");
  assert.equal(kinds("abc", "abc"), " a b c");
  assert.equal(kinds("abcd", "axd"), " a-b-c+x d");
  assert.equal(kinds("", "ab"), "+a+b");
  assert.equal(kinds("ab", "ba"), "-a b+a");
});

test("order of members alone is no difference", () => {
  assert.ok(diffJson({ a: 1, b: { d: 1, c: 2 } }, { b: { c: 2, d: 1 }, a: 1 }).every(({ kind }) => kind === "same"));
});

test("context leaves the unchanged out and marks the gap", () => {
  const lines = diffLines([..."abcdefghij"], [..."abcdXfghiY"]);
  const shown = withContext(lines, 1).map((line) => line?.text ?? "…");
  assert.equal(shown.join(""), "deXf…ijY");
});

test("escapes become looks, and nothing else is left", () => {
  assert.deepEqual(spans("plain"), [{ text: "plain", style: "" }]);
  assert.deepEqual(spans("\x1b[1;31mred\x1b[0m on"), [
    { text: "red", style: "a1 bold" },
    { text: " on", style: "" },
  ]);
  assert.deepEqual(spans("\x1b[38;5;9mx\x1b[38;2;1;2;3my"), [
    { text: "x", style: "a9" },
    { text: "y", style: "a9" },
  ]);
  assert.equal(stripped("\x1b]0;title\x07a\x1b[2Kb\x07\tc"), "ab\tc");
});

test("lines join over pieces, at both ends", () => {
  const lines = new Lines();
  lines.append("one\ntw");
  lines.append("o\nthree");
  assert.equal(lines.count, 3);
  assert.deepEqual([0, 1, 2].map((n) => lines.at(n)), ["one", "two", "three"]);
  lines.prepend("zero\nhalf of ");
  assert.equal(lines.first, -1);
  assert.deepEqual([-1, 0].map((n) => lines.at(n)), ["zero", "half of one"]);
});

test("the oldest lines leave, numbers stay", () => {
  const lines = new Lines(3);
  lines.append("a\nb\nc\nd\ne");
  assert.equal(lines.first, 2);
  assert.equal(lines.dropped, 2);
  assert.deepEqual([2, 3, 4].map((n) => lines.at(n)), ["c", "d", "e"]);
  lines.prepend("x\ny\n");
  assert.equal(lines.first, 2, "there is no room for older ones");
});

test("a carriage return overwrites, and one before the newline is nothing", () => {
  const lines = new Lines();
  lines.append("10 %\r50 %\r100 %\r\nend\r\n");
  assert.deepEqual([lines.at(0), lines.at(1)], ["100 %", "end"]);
  assert.equal(lines.count, 2);
});

test("groups sum up what is below and hide it when closed", () => {
  const app = (id: string, state: string, instances: number) => ({ id, state, instances, running: instances });
  const apps = [app("/web", "running", 1), app("/shop/db", "unhealthy", 2), app("/shop/a/b", "running", 3)];
  const keys = (closed: string[]) => treeRows(apps, new Set(closed)).map(({ key }) => key);
  assert.deepEqual(keys([]), ["/shop/", "/shop/a/", "/shop/a/b", "/shop/db", "/web"]);
  assert.deepEqual(keys(["/shop"]), ["/shop/", "/web"]);
  const [shop] = treeRows(apps, new Set());
  assert.ok(shop?.kind === "group");
  assert.deepEqual([shop.group.apps, shop.group.instances, shop.group.worst], [2, 5, "unhealthy"]);
});

test("ids in a sentence are shortened to what is unique, the rest stays", () => {
  const uuid = "4f1c9a2e-b872-4099-8000-000000000071";
  const cases: [string, string][] = [
    [`/t/web: task t_web.instance-${uuid}._app.1 is running`, "/t/web: task t_web.4f1c9a2e is running"],
    [`deployment ${uuid} is done`, "deployment 4f1c9a2e is done"],
    ["job report was created", "job report was created"],
  ];
  for (const [long, brief] of cases) assert.equal(briefly(long), brief);
});

test("a task has a short name among those of its owner, a container its own", () => {
  const uuid = "4f1c9a2e-0000-4000-8000-000000000001";
  assert.equal(shortId(`shop_web.instance-${uuid}._app.1`), "4f1c9a2e");
  assert.equal(shortId(`shop_pair.instance-${uuid}.side-car.1`), "4f1c9a2e side-car");
  assert.equal(shortId("ct:1:0:date:"), "ct:1:0:date:");
});

test("volumes are said of apps and of pods", () => {
  const persistent = { size: 10 };
  const app = { container: { volumes: [{ containerPath: "data", persistent }, { containerPath: "/c", hostPath: "/etc" }] } };
  assert.deepEqual(volumesOf(app).map(plain), ["data: persistent, 10 MiB", "/c: /etc"]);
  const pod = { volumes: [{ name: "data", persistent }, { name: "shared" }, { name: "conf", host: "/etc" }] };
  assert.deepEqual(volumesOf(pod).map(plain), ["data: persistent, 10 MiB", "shared", "conf: /etc"]);
  assert.deepEqual(volumesOf({}), []);
});

test("pairs of a definition are edited, what else is there is kept", () => {
  const object = members({ A: "1", SECRET: { secret: "s" } });
  assert.deepEqual(object.texts, { A: "1" });
  assert.deepEqual(object.put({ B: "2" }), { B: "2", SECRET: { secret: "s" } });
  const list = listed([{ name: "A", value: "1" }, { name: "T", value: "1" }, { name: "T", value: "2" }]);
  assert.deepEqual(list.texts, { A: "1" });
  assert.deepEqual(list.put({ B: "=" }), [{ name: "B", value: "=" }, { name: "T", value: "1" }, { name: "T", value: "2" }]);
  assert.deepEqual(listed(undefined).put({ A: "1" }), [{ name: "A", value: "1" }]);
  assert.deepEqual(listed({ A: "1" }).put({ A: "2" }), { A: "2" });
  assert.equal(listed([{ name: "A", value: "1" }]).put({}), undefined);
});

test("a command is said with its arguments, as the command line says it", () => {
  assert.equal(commandWords({ command: "date" }), "date");
  assert.equal(commandWords({ command: "echo", arguments: ["a b", "$C"] }), "echo a b $C");
  const program = { command: "/bin/bash", shell: false, arguments: ["-c", "cd || exit; date '+%F'"] };
  assert.equal(commandWords(program), "/bin/bash -c 'cd || exit; date '\\''+%F'\\'''");
  assert.equal(commandWords({ command: "x", shell: false, arguments: [""] }), "x ''");
  assert.equal(commandWords({ container: { image: "i" } }), "");
});
