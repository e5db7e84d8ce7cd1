import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const hub = "http://127.0.0.1:3333";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
  build: {
    outDir: process.env.DASHBOARD_OUT ?? "../src/commandcenter/_ui",
    emptyOutDir: true,
    target: "es2023",
    // The hub's Content-Security-Policy allows files of its own and nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One sheet, small as it is: a page whose own one failed to load would stay without for good,
    // and browsers drop requests when a network of a project comes or goes.
    cssCodeSplit: false,
    chunkSizeWarningLimit: 800,
  },
  server: {
    // COMMANDCENTER_ALLOWED_ORIGINS=http://localhost:5173 lets these pages call the hub.
    proxy: Object.fromEntries(
      ["/api", "/login", "/logout", "/docs", "/static", "/openapi.json"].map((path) => [
        path,
        { target: hub, ws: true },
      ]),
    ),
  },
});
