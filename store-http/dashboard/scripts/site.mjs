// Makes `dist` a whole web site, for any static server that has the API beside it: the pages name their files /ui/…, so
// these stand there once more. The pages themselves find out whether they are at /ui/ or at the root (src/router.ts).

import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";

const dist = new URL("../dist", import.meta.url).pathname;
for (const name of readdirSync(dist)) {
  if (name !== "ui") cpSync(join(dist, name), join(dist, "ui", name), { recursive: true });
}
