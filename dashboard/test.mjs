// Runs the tests of what needs no browser, src/**/*.test.ts, with Node's own test runner; Vite reads
// TypeScript, which the oldest Node that builds this does not.
import { readdirSync } from "node:fs";
import { createServer } from "vite";

const root = import.meta.dirname;
const server = await createServer({
  root,
  appType: "custom",
  logLevel: "error",
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, watch: null, ws: false },
});
const files = readdirSync(`${root}/src`, { recursive: true });
for (const file of files.filter((name) => name.endsWith(".test.ts"))) {
  await server.ssrLoadModule(`/src/${file}`);
}
await server.close();
