// Builds the dashboard: src/ and index.html to dist/, which the binary embeds and serves at /ui/.
// Names are hashed, index.html is written last and names them. Fails when what a browser loads at
// first is over the budget, so that the budget is kept by whoever would break it.
//
//   node build.mjs           dist/
//   node build.mjs --tests   bundles tests/*.test.ts and runs them
//   node build.mjs --watch   dist/, again and again, with source maps

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const BUDGET_BYTES = 120 * 1024; // compressed, all that loads before the first page stands

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, "dist");
process.chdir(here);

const common = {
  bundle: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox121", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  metafile: true,
  logLevel: "warning",
};

const pages = {
  ...common,
  entryPoints: { app: "src/main.tsx", theme: "src/theme.ts" },
  outdir: "dist",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  splitting: true,
  minify: true,
  legalComments: "none", // all notices are in licences.txt
};

/** The outputs a page load needs: the entries, their styles and what they import statically. */
function initialOutputs(outputs) {
  const wanted = new Set();
  const visit = (name) => {
    if (wanted.has(name)) return;
    wanted.add(name);
    const output = outputs[name];
    if (output.cssBundle) visit(output.cssBundle);
    for (const item of output.imports) if (item.kind === "import-statement") visit(item.path);
  };
  const entries = Object.values(pages.entryPoints);
  for (const [name, output] of Object.entries(outputs)) if (entries.includes(output.entryPoint)) visit(name);
  return [...wanted];
}

function outputOf(outputs, entry) {
  const found = Object.entries(outputs).find(([, output]) => output.entryPoint === entry);
  return { script: path.basename(found[0]), style: found[1].cssBundle && path.basename(found[1].cssBundle) };
}

/** index.html with the names of this build put in. */
function writeIndex(outputs) {
  const app = outputOf(outputs, "src/main.tsx");
  const theme = outputOf(outputs, "src/theme.ts");
  fs.copyFileSync("src/icon.svg", path.join(dist, "icon.svg"));
  const html = fs
    .readFileSync("index.html", "utf8")
    .replace("{{app.js}}", app.script)
    .replace("{{app.css}}", app.style)
    .replace("{{theme.js}}", theme.script);
  fs.writeFileSync(path.join(dist, "index.html"), html);
}

/** The notices of every package of which some part is in the bundle. */
function writeLicences(inputs) {
  const packages = new Set();
  for (const file of Object.keys(inputs)) {
    const match = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file);
    if (match) packages.add(match[1]);
  }
  const notices = [...packages].sort().map((name) => {
    const folder = path.join("node_modules", name);
    const about = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
    const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
    if (!file) throw new Error(`${name}: bundled, but brings no licence file`);
    const text = fs.readFileSync(path.join(folder, file), "utf8").trim();
    return `${name} ${about.version} (${about.license})\n\n${text}\n`;
  });
  const head = "The dashboard of mesolith contains these libraries.\n";
  fs.writeFileSync(path.join(dist, "licences.txt"), [head, ...notices].join(`\n${"-".repeat(72)}\n\n`));
}

function compressed(file) {
  return gzipSync(fs.readFileSync(file), { level: 9 }).length;
}

/** Prints what was built; false when the first load is over the budget. */
function withinBudget(outputs) {
  const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
  const initial = new Set(initialOutputs(outputs));
  let sum = compressed(path.join(dist, "index.html"));
  for (const name of Object.keys(outputs).filter((file) => !file.endsWith(".map"))) {
    const bytes = compressed(name);
    if (initial.has(name)) sum += bytes;
    console.log(`${name.padEnd(36)} ${kib(bytes).padStart(10)}${initial.has(name) ? "" : "  on demand"}`);
  }
  console.log(`first load, compressed: ${kib(sum)} of ${kib(BUDGET_BYTES)}`);
  return sum <= BUDGET_BYTES;
}

async function build() {
  fs.rmSync(dist, { recursive: true, force: true });
  const { metafile } = await esbuild.build(pages);
  writeLicences(metafile.inputs);
  writeIndex(metafile.outputs);
  if (!withinBudget(metafile.outputs)) {
    console.error("error: the first load is over its budget: load a part on demand, or do without it");
    process.exit(1);
  }
}

async function watch() {
  const onEnd = {
    name: "index",
    setup(builder) {
      builder.onEnd(({ metafile, errors }) => {
        if (errors.length === 0) writeIndex(metafile.outputs);
      });
    },
  };
  fs.mkdirSync(dist, { recursive: true });
  const context = await esbuild.context({ ...pages, minify: false, sourcemap: true, plugins: [onEnd] });
  await context.watch();
  console.log("watching");
}

async function test() {
  const outdir = "build-test";
  fs.rmSync(outdir, { recursive: true, force: true });
  const files = fs.readdirSync("tests").filter((file) => file.endsWith(".test.ts"));
  await esbuild.build({
    ...common,
    entryPoints: files.map((file) => path.join("tests", file)),
    outdir,
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node18",
    sourcemap: "inline",
  });
  const built = files.map((file) => path.join(outdir, file.replace(/\.ts$/, ".mjs")));
  const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=tap", ...built], {
    stdio: "inherit",
  });
  process.exit(status ?? 1);
}

const task = { "--tests": test, "--watch": watch }[process.argv[2]] ?? build;
await task();
