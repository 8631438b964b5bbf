import assert from "node:assert/strict";
import { test } from "node:test";
import { query, segment } from "../src/api/client";
import { Parser } from "../src/api/sse";
import { coalesced } from "../src/api/store";
import { decodeId, encodeId, match, pageOf } from "../src/app/path";
import { isLive, kindOf, statesOf } from "../src/lib/states";

test("a stream is understood however it is cut", () => {
  const text = ': hello\n\nid: 7\nevent: change\ndata: {"a":\ndata: 1}\n\ndata: plain\r\n\r\nevent: none\n\n';
  const whole = new Parser().push(text);
  assert.deepEqual(whole, [
    { event: "change", id: "7", data: '{"a":\n1}' },
    { event: "message", id: "7", data: "plain" },
  ]);
  for (let cut = 0; cut <= text.length; cut++) {
    const parser = new Parser();
    assert.deepEqual([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))], whole, `cut at ${cut}`);
  }
});

test("an unfinished message is not told, its id is kept only once it is", () => {
  const parser = new Parser();
  assert.deepEqual(parser.push("id: 3\ndata: x\n"), []);
  assert.equal(parser.push("\n").length, 1);
  assert.equal(parser.lastId, "3");
});

test("ids become addresses without a dot, and come back", () => {
  for (const id of ["/shop/web", "/a.b/c", "web.0a1b", "ct:17:0:my job:", "odd~name", "50%", "a/b"]) {
    const there = encodeId(id);
    assert.ok(!there.includes("."), there);
    assert.equal(decodeId(there), id.replace(/^\//, ""));
  }
  assert.equal(pageOf("app", "/shop/web"), "apps/shop/web");
  assert.equal(pageOf("job", "rotate.logs"), "jobs/rotate~logs");
  assert.equal(pageOf("deployment", "x"), undefined);
});

test("an address is a page and what it is of", () => {
  assert.deepEqual(match("/ui/"), { page: "", id: undefined });
  assert.deepEqual(match("/ui"), { page: "", id: undefined });
  assert.deepEqual(match("/ui/apps/"), { page: "apps", id: undefined });
  assert.deepEqual(match("/ui/apps/shop/web"), { page: "apps", id: "shop/web" });
  assert.deepEqual(match("/ui/jobs/rotate~logs"), { page: "jobs", id: "rotate.logs" });
  assert.deepEqual(match("/ui/jobs/50%"), { page: "jobs", id: "50%" });
});

test("an id is one segment, empty parameters are left out", () => {
  assert.equal(segment("/shop/web"), "shop%2Fweb");
  assert.equal(query({ q: "a b", state: undefined, sort: "" }), "?q=a+b");
  assert.equal(query({}), "");
});

test("every state has a look, an unknown one a quiet one", () => {
  assert.equal(kindOf("app", "unhealthy"), "bad");
  assert.equal(kindOf("run", "failed"), "failed");
  assert.equal(kindOf("moon", "full"), "idle");
  assert.deepEqual(statesOf("app"), ["running", "deploying", "waiting", "unhealthy", "suspended"]);
  assert.ok(isLive("staging") && !isLive("finished"));
});

test("many changes ask once more, and never twice at a time", async () => {
  let asked = 0;
  let busy = 0;
  const ask = coalesced(async () => {
    assert.equal(++busy, 1);
    asked++;
    await Promise.resolve();
    busy--;
  }, 0);
  for (let i = 0; i < 10; i++) ask();
  assert.equal(asked, 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(asked, 2);
});
