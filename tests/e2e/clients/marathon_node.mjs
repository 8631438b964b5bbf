// npm's marathon-node, unchanged: every method that it has but those of groups and artifacts.
//
//   node marathon_node.mjs http://127.0.0.1:8080
import assert from "node:assert/strict";
import createMarathon from "marathon-node";
import { until } from "./until.mjs";

const url = process.argv[2];
const marathon = createMarathon(url);
const heard = [];

async function settled(id, n) {
  return until(`${id} has ${n} tasks`, async () => {
    const { app } = await marathon.app.getOne(id);
    return app.tasksRunning === n && app.deployments.length === 0 && app;
  });
}

async function refuses(promise, status) {
  await assert.rejects(promise, (why) => why.statusCode === status && typeof why.error.message === "string");
}

// ---- what is there
assert.equal(await marathon.misc.ping(), "pong");
assert.equal((await marathon.info.get()).name, "marathon");
assert.equal((await marathon.leader.get()).leader, url.replace("http://", ""));
assert.deepEqual(await marathon.subscriptions.getList(), { callbackUrls: [] });

// ---- events
const source = marathon.events.createEventSource({ eventType: ["status_update_event", "deployment_success"] });
await new Promise((opened) => { source.onopen = opened; });
for (const type of ["status_update_event", "deployment_success"])
  source.addEventListener(type, (e) => heard.push(JSON.parse(e.data)));

// ---- an app's life
const app = { id: "/node/web", cmd: "exec sleep 100000", cpus: 0.01, mem: 8, instances: 2, portDefinitions: [] };
assert.equal((await marathon.app.create(app)).id, "/node/web");
await refuses(marathon.app.create(app), 409);
await settled("node/web", 2);
assert.deepEqual((await marathon.app.getList()).apps.map((a) => a.id), ["/node/web"]);
assert.match((await marathon.app.update("node/web", { env: { A: "1" } }, true)).deploymentId, /-/);
await settled("node/web", 2);
await marathon.app.restart("node/web", true);
const { version } = await settled("node/web", 2);
const { versions } = await marathon.app.getVersions("node/web");
assert.equal(versions[0], version);
assert.equal((await marathon.app.getVersion("node/web", versions.at(-1))).id, "/node/web");
await refuses(marathon.app.getOne("no/such"), 404);

// ---- tasks
const { tasks } = await marathon.app.getTasks("node/web");
assert.equal(tasks.length, 2);
assert.equal((await marathon.tasks.getList()).tasks.length, 2);
await marathon.app.killTask("node/web", tasks[0].id, false);
await settled("node/web", 2);
await marathon.tasks.kill({ ids: [tasks[1].id] }, true, false);
await settled("node/web", 1);
await marathon.app.killTasks("node/web", { scale: false });
await settled("node/web", 1);

// ---- what waits
await marathon.app.create({ ...app, id: "/node/huge", cpus: 100000 });
const waiting = await until("it is in the queue", async () => (await marathon.queue.get()).queue[0]);
assert.equal(waiting.app.id, "/node/huge");
assert.equal(waiting.processedOffersSummary.rejectSummaryLastOffers.find((r) => r.reason === "InsufficientCpus").declined, 1);
await marathon.queue.resetDelay("node/huge");
const [deployment] = await marathon.deployments.getList();
assert.deepEqual(deployment.affectedApps, ["/node/huge"]);
await marathon.deployments.destroy(deployment.id, true);

// ---- callbacks
const callback = "http://127.0.0.1:1/cb";
assert.equal((await marathon.subscriptions.create(callback)).eventType, "subscribe_event");
assert.deepEqual(await marathon.subscriptions.getList(), { callbackUrls: [callback] });
assert.equal((await marathon.subscriptions.delete(callback)).eventType, "unsubscribe_event");

// ---- the end
await marathon.app.destroy("node/huge", true);
await marathon.app.destroy("node/web", true);
await until("no apps", async () => (await marathon.app.getList()).apps.length === 0);
await until("all tasks were heard of", () => heard.filter((e) => e.taskStatus === "TASK_RUNNING").length >= 6);
assert.ok(heard.some((e) => e.eventType === "deployment_success" && e.plan.steps.length > 0));
assert.ok(heard.every((e) => ["status_update_event", "deployment_success"].includes(e.eventType)));
source.close();
