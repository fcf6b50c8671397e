// How the dashboard is built and served while one works on it. The server embeds `dist` and serves it under /ui/.

import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import vue from "@vitejs/plugin-vue";
import type { ProxyOptions } from "vite";
import { defineConfig } from "vitest/config";

const api = process.env.API_URL ?? "http://127.0.0.1:5000";
// The server refuses a foreign Host and Origin; behind the proxy those of this page are its own, and a stranger's stay.
const proxy: ProxyOptions = {
  target: api,
  changeOrigin: true,
  // Node keeps the head of an answer back until its body begins; a quiet stream of events would seem not to open.
  configure: (server) => {
    server.on("proxyReq", (request, { headers }) => {
      if (headers.origin === `http://${headers.host}`) request.setHeader("origin", new URL(api).origin);
    });
    server.on("proxyRes", (_answer, _request, response) => void setImmediate(() => response.flushHeaders()));
  },
};

export default defineConfig({
  base: "/ui/",
  plugins: [vue(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: {
    // The address that is printed, and no other: neither the whole network nor the next free port.
    host: "127.0.0.1",
    port: Number(process.env.PORT ?? 3000),
    strictPort: true,
    // No other page may read what the server says.
    cors: false,
    proxy: { "/api": proxy, "/docs": proxy, "/openapi.json": proxy },
  },
  build: {
    target: "es2022",
    // The content security policy allows no data: for scripts and styles, and icons are drawn in the markup.
    assetsInlineLimit: 0,
    // Every browser that runs es2022 preloads modules by itself.
    modulePreload: { polyfill: false },
  },
  // Options API and devtools are not used: they would only be weight.
  define: { __VUE_OPTIONS_API__: false, __VUE_PROD_DEVTOOLS__: false },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
