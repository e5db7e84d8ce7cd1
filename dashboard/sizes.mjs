// Prints what each page of the built dashboard loads: JavaScript of the route with everything it
// imports, gzipped. Fails where one is over the budget.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const assets = new URL("../src/commandcenter/_ui/assets/", import.meta.url);
if (!existsSync(assets)) process.exit(0);
const MOST = 300_000;
const scripts = readdirSync(assets).filter((name) => name.endsWith(".js"));
const read = (name) => readFileSync(new URL(name, assets), "utf8");
const size = new Map(scripts.map((name) => [name, gzipSync(read(name), { level: 9 }).length]));
const entry = /assets\/(index-[^"]+\.js)/.exec(
  readFileSync(new URL("../index.html", assets), "utf8"),
)[1];

function reached(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  const imports = read(name).matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+\.js)["'`]/g);
  for (const [, next] of imports) reached(next, seen);
  return seen;
}

for (const page of scripts.filter((name) => /-page-/.test(name))) {
  const files = new Set([...reached(entry), ...reached(page)]);
  for (const name of scripts) {
    // The graph is loaded by the page of a run, and only there.
    if (name.startsWith("run-graph-") && page.startsWith("run-page-")) reached(name, files);
  }
  const total = [...files].reduce((sum, name) => sum + size.get(name), 0);
  if (total > MOST) process.exitCode = 1;
  console.log(`${page.replace(/-page-.*/, "").padEnd(12)} ${(total / 1000).toFixed(1)} kB`);
}
