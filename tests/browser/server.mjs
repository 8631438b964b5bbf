// The node the dashboard is served by: the binary with its demo, or the mock server. Whatever is
// started here is ended here, by its pid.

import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const READY_MS = 30_000;
const STOP_MS = 10_000;

/** Takes whatever is posted to it: what owners of jobs are told by Slack. */
async function startTaker() {
  const taker = http.createServer((request, answer) => {
    request.resume();
    request.on("end", () => answer.end("ok"));
  });
  await new Promise((resolve) => taker.listen(0, "127.0.0.1", resolve));
  return taker;
}

function commandLine(data, taker) {
  if (process.env.MOCK === "1")
    return [process.execPath, path.join(here, "../../web/tests/mock-server.mjs"), "--many"];
  const ports = ["mesos", "agent", "marathon", "chronos", "stats", "peer"].flatMap((name) => [`--${name}-port`, "0"]);
  const told = ["--slack-url", `http://127.0.0.1:${taker.address().port}/`, "--http-notification-url", "http://127.0.0.1:1/"];
  return [process.env.MESOLITH, "dev", "--demo", "--data", data, ...ports, "--service-address", "127.0.0.1", "--attributes", "rack:a", ...told];
}

/** The origin of the dashboard from `ready … ui=URL …`, or of the marathon listener's /ui/. */
function originOf(line) {
  const urls = Object.fromEntries(
    line
      .split(/\s+/)
      .slice(1)
      .map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
  );
  return new URL(urls.ui ?? urls.marathon).origin;
}

/** What a node leaves running: the proxy, supervisors and tasks of this folder. */
function processesOf(data) {
  const marks = [`MESOLITH_BROWSER=${data}\0`, data];
  return fs.readdirSync("/proc").filter((pid) => {
    if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const [environment, command] = ["environ", "cmdline"].map((file) => fs.readFileSync(`/proc/${pid}/${file}`, "utf8"));
      return environment.includes(marks[0]) || command.includes(marks[1]) || fs.readlinkSync(`/proc/${pid}/cwd`).startsWith(data);
    } catch {
      return false; // it has just ended
    }
  });
}

async function endProcessesOf(data) {
  for (let left; (left = processesOf(data)).length > 0; ) {
    for (const pid of left)
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // it has just ended
      }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves to { origin, stop } once it serves; rejects with what it said when it does not. */
export async function startServer() {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), "mesolith-browser-"));
  const taker = await startTaker();
  const [command, ...args] = commandLine(data, taker);
  const env = { ...process.env, MESOLITH_BROWSER: data };
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env });
  const said = [];
  let out = "";
  const ended = new Promise((resolve) => child.on("exit", resolve));
  child.stderr.on("data", (text) => said.push(text));

  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(late);
    }
    await endProcessesOf(data);
    taker.closeAllConnections();
    taker.close();
    fs.rmSync(data, { recursive: true, force: true });
  };
  const origin = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${command}: ${why}\n${out}${Buffer.concat(said)}`));
    const late = setTimeout(() => fail(`not ready within ${READY_MS / 1000} s`), READY_MS);
    child.on("error", (error) => fail(error.message));
    child.on("exit", (code) => fail(`ended with ${code}`));
    child.stdout.on("data", (text) => {
      out += text;
      const line = out.split("\n").find((row) => row.startsWith("ready "));
      if (!line) return;
      clearTimeout(late);
      resolve(originOf(line));
    });
  }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { origin, stop };
}
