// Creates a store in the dashboard and watches it come up: one store for a double click, gates live, READY, and the
// link to the shop. Input: {url, token?, name?, engine?, patience_ms?}.

import { ask, create, freshName, inList, insist, main, open, openStore, untilLive, untilStatus } from "./dashboard.mjs";

await main({ engine: "woocommerce", patience_ms: 600_000 }, async (wanted, browser) => {
  const name = wanted.name ?? freshName("walk");
  const { page, troubles } = await open(browser, wanted);
  await untilLive(page);

  await page.getByRole("button", { name: "Create new store" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("Not A Name");
  const refusal = page.locator("#create-name-error");
  await refusal.waitFor();
  await page.getByLabel("Name", { exact: true }).fill(name);
  const promised = await page.locator("#create-name-hint").innerText();
  await page.keyboard.press("Escape");

  await create(page, { name, engine: wanted.engine });
  await inList(page, name).waitFor();
  const { stores } = await ask(wanted, `/stores?name=${name}`);
  insist(stores.length === 1, `a double click made ${stores.length} stores`);

  // A taken name is said before anything is sent.
  await page.getByRole("button", { name: "Create new store" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.locator("#create-name-error").filter({ hasText: "taken" }).waitFor();
  await page.keyboard.press("Escape");

  const id = await openStore(page, name);
  const seen = new Set();
  const done = untilStatus(page, "Ready").then(() => true);
  while (!(await Promise.race([done, page.waitForTimeout(100)]))) {
    for (const gate of await page.locator("[data-state=current]").all()) {
      seen.add(await gate.getAttribute("data-gate", { timeout: 1000 }).catch(() => null));
    }
  }
  seen.delete(null);
  insist(seen.size > 0, "no gate was seen in progress");
  await page.locator("[data-gate=storefront][data-state=met]").waitFor();

  const store = await ask(wanted, `/stores/${id}`);
  const shop = await page.getByRole("link", { name: "Open store" }).getAttribute("href");
  insist(new URL(shop).href === new URL(store.store_url).href, `the link leads to ${shop}, not to ${store.store_url}`);
  insist(troubles.length === 0, troubles.join("\n"));
  return { id, name, promised, shop, gates_seen: [...seen], connection: await page.getByTestId("connection").getAttribute("data-phase") };
});
