// Watches a running shop get into trouble: its page, its pods and the list say so by themselves, and nothing is polled.
// Input: {url, token?, name, engine?, patience_ms?}; in a demo, a store with `degraded` in its name does so.

import { create, inList, insist, main, open, openStore, until, untilLive, untilStatus } from "./dashboard.mjs";

const QUIET_MS = 1000;

await main({ engine: "woocommerce", patience_ms: 180_000 }, async (wanted, browser) => {
  const one = await open(browser, wanted);
  const two = await open(browser, wanted);
  await Promise.all([untilLive(one.page), untilLive(two.page)]);
  await create(one.page, { name: wanted.name, engine: wanted.engine });
  const id = await openStore(one.page, wanted.name);
  await untilStatus(one.page, "Ready");
  const condition = one.page.getByTestId("condition");
  await condition.filter({ hasText: "Healthy" }).waitFor();
  await inList(two.page, wanted.name).locator("[data-testid=status]").filter({ hasText: "Ready" }).waitFor();
  const asked = [];
  for (const { page } of [one, two]) {
    page.on("request", (request) => asked.push({ path: new URL(request.url()).pathname, at: Date.now() }));
  }
  // The last event has its store read once more.
  const begun = Date.now();
  await until("nothing is asked any more", () => Date.now() - (asked.at(-1)?.at ?? begun) > QUIET_MS);
  asked.length = 0;

  await condition.filter({ hasText: "Degraded" }).waitFor();
  await one.page.getByTestId("trouble").filter({ hasText: "crashing" }).waitFor();
  await one.page.getByTestId("pods").getByText("CrashLoopBackOff").waitFor();
  await inList(two.page, wanted.name).getByText("crashing").waitFor();
  // Other stores have events of their own.
  const own = asked.map(({ path }) => path).filter((path) => path === "/api/v1/stores" || path === `/api/v1/stores/${id}`);
  insist(own.length === 0, `it was not told, but asked: ${own}`);
  const troubles = [...one.troubles, ...two.troubles];
  insist(troubles.length === 0, troubles.join("\n"));
  return { id };
});
