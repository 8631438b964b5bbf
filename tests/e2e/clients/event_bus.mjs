// npm's marathon-event-bus-client, unchanged: it hears what becomes of an app, of all types that it
// knows and that such a life has.
//
//   node event_bus.mjs http://127.0.0.1:8080
import assert from "node:assert/strict";
import EventBus from "marathon-event-bus-client";
import { until } from "./until.mjs";

const url = new URL(process.argv[2]);
const types = ["event_stream_attached", "subscribe_event", "unsubscribe_event", "group_change_success",
               "deployment_info", "deployment_step_success", "deployment_success", "add_health_check_event",
               "status_update_event", "instance_changed_event", "health_status_changed_event",
               "instance_health_changed_event", "remove_health_check_event", "app_terminated_event"];
const heard = [];
const handlers = Object.fromEntries(types.map((type) => [type, (name, data) => heard.push({ name, data })]));
const bus = new EventBus({ marathonHost: url.hostname, marathonPort: url.port, eventTypes: types, handlers });

async function ask(method, path, body) {
  const answer = await fetch(new URL(path, url), { method, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.text()}`);
}

const names = () => heard.map((e) => e.name);
const has = (name) => until(name, () => names().includes(name));

await new Promise((subscribed) => { bus.on("subscribed", subscribed); bus.subscribe(); });
await ask("POST", "/v2/eventSubscriptions?callbackUrl=http://127.0.0.1:1/");
await ask("DELETE", "/v2/eventSubscriptions?callbackUrl=http://127.0.0.1:1/");
await ask("POST", "/v2/apps", JSON.parse(process.argv[3]));
await has("instance_health_changed_event");
await has("deployment_success");
await ask("DELETE", `/v2/apps${JSON.parse(process.argv[3]).id}`);
await has("app_terminated_event");
await until("the last deployment's end", () => names().filter((n) => n === "deployment_success").length === 2);

assert.deepEqual(types.filter((type) => !names().includes(type)), []);
assert.ok(heard.every((e) => e.data.eventType === e.name && /^\d{4}-.*\.\d{3}Z$/.test(e.data.timestamp)));
const order = ["group_change_success", "deployment_info", "status_update_event", "deployment_step_success",
               "deployment_success"].map((name) => names().indexOf(name));
assert.deepEqual(order.filter((at, i) => i > 2 || at >= 0).length, 5);
assert.ok(order[0] < order[1] && order[1] < order[2] && order[3] < order[4]);
bus.unsubscribe();
