// Stays on a page while the server goes away and comes back: the page says so, and recovers without being loaded anew.
//
// Input: {url, token?, ready, name, changed?}; the file `ready` is written when the server may be stopped, and `name` is a
// store that is there afterwards. With `changed`, the server has come back with its database, and that file is written
// once something has happened there: the page goes on where it was, and is told.

import { existsSync, writeFileSync } from "node:fs";
import { ask, inList, insist, main, open, recordStreams, streams, until, untilLive } from "./dashboard.mjs";

await main({}, async (wanted, browser) => {
  const { page, troubles } = await open(browser, wanted, "/stores", { prepare: recordStreams });
  await untilLive(page);
  await page.evaluate(recordInterruption);
  if (wanted.changed) {
    await page.route("**/api/v1/events", (route) => (existsSync(wanted.changed) ? route.continue() : route.abort()));
  }
  writeFileSync(wanted.ready, "");
  const meanwhile = await until("the page says that it has lost the server", () => page.evaluate(() => globalThis.interruption));
  await untilLive(page);
  // By its id: a server that has lost its database has another store of that name.
  const { stores: [store] } = await ask(wanted, `/stores?name=${wanted.name}`);
  await inList(page, wanted.name).and(page.locator(`[data-store="${store.id}"]`)).waitFor();
  insist((await inList(page, wanted.name).count()) === 1, "the store of before is still shown");
  const told = wanted.changed ? await resumed(page) : undefined;
  insist(await page.evaluate(() => globalThis.interruption), "the page was loaded anew");
  insist(troubles.length === 0, troubles.join("\n"));
  return { meanwhile, resumed_with: told };
});

/** In the page: keeps what it first said of its connection when that was not live, however short that was. */
function recordInterruption() {
  const look = () => {
    const connection = document.querySelector("[data-testid=connection]:not([data-phase=live])");
    globalThis.interruption ??= connection?.textContent.trim();
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributeFilter: ["data-phase"] });
}

/** The names of the events that the second stream told, which has to have begun where the first one ended. */
async function resumed(page) {
  const [before, after] = await until("the stream tells what happened meanwhile", async () => {
    const all = await streams(page);
    return all[1]?.ids.length > 1 ? all : undefined;
  });
  const last = before.ids.at(-1) ?? before.after;
  insist(after.after === last, `the stream was resumed after ${after.after}, not after ${last}`);
  insist(!after.names.includes("reset"), "the stream was not resumed, but reset");
  return after.names.filter((name) => name !== "condition");
}
