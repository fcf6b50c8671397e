// Stays on a page while the server goes away and comes back: the page says so, and recovers without being loaded anew.
// Input: {url, token?, ready, name}; the file `ready` is written when the server may be stopped, and `name` is a store
// that is there afterwards.

import { writeFileSync } from "node:fs";
import { inList, insist, main, open, untilLive } from "./dashboard.mjs";

await main({}, async (wanted, browser) => {
  const { page, troubles } = await open(browser, wanted);
  await untilLive(page);
  await page.evaluate(() => { globalThis.isTheSamePage = true; });
  writeFileSync(wanted.ready, "");
  await page.locator("[data-testid=connection]:not([data-phase=live])").waitFor();
  const meanwhile = await page.getByTestId("connection").innerText();
  await untilLive(page);
  await inList(page, wanted.name).waitFor();
  insist(await page.evaluate(() => globalThis.isTheSamePage), "the page was loaded anew");
  insist(troubles.length === 0, troubles.join("\n"));
  return { meanwhile };
});
