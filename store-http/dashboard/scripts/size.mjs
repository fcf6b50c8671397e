// What the built dashboard weighs: all scripts and styles of dist, gzipped, as JSON. Fails above the limit.
//
// Gzipped as small as can be, so that the number tells of the dashboard alone. From the server, which compresses each
// answer as quickly as can be, a quarter more travels.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT_KB = 100;
const dist = new URL("../dist", import.meta.url).pathname;
const files = {};
for (const name of readdirSync(dist, { recursive: true })) {
  // The same files once more; see site.mjs.
  if (name.startsWith("ui/")) continue;
  if (/\.(js|css)$/.test(name)) files[name] = gzipSync(readFileSync(join(dist, name)), { level: 9 }).length / 1024;
}
const total = Object.values(files).reduce((sum, size) => sum + size, 0);
const round = (size) => Math.round(size * 10) / 10;
console.log(JSON.stringify({
  js_css_gzip_kb: round(total),
  limit_kb: LIMIT_KB,
  files: Object.fromEntries(Object.entries(files).map(([name, size]) => [name, round(size)])),
}, null, 2));
if (total === 0) throw new Error("dist is empty; run `npm run build` first");
if (total > LIMIT_KB) process.exitCode = 1;
