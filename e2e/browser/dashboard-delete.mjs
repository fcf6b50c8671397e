// Deletes a store in the dashboard: a protected one cannot be, the name has to be typed, and the evidence stands on its
// page afterwards. Input: {url, token?, name, patience_ms?}.

import { inList, insist, main, open, openStore, untilLive, untilStatus } from "./dashboard.mjs";

await main({ patience_ms: 600_000 }, async (wanted, browser) => {
  const { page, troubles } = await open(browser, wanted);
  await untilLive(page);
  const id = await openStore(page, wanted.name);
  const remove = page.getByRole("button", { name: "Delete", exact: true });

  const shield = page.getByRole("switch", { name: "Protected" });
  await shield.click();
  await page.locator("[role=switch][aria-checked=true]").waitFor();
  insist(await remove.isDisabled(), "a protected store can be deleted");
  await shield.click();
  await page.locator("[role=switch][aria-checked=false]").waitFor();

  await remove.click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete store" });
  await dialog.getByRole("textbox").fill(`${wanted.name}x`);
  insist(await confirm.isDisabled(), "a wrong name is enough to delete");
  await dialog.getByRole("textbox").fill(wanted.name);
  await confirm.click();
  await dialog.waitFor({ state: "detached" });
  await page.getByTestId("teardown").waitFor();
  await untilStatus(page, "Deleted");
  await page.getByText("Nothing of this store was left").waitFor();
  const evidence = (await page.getByTestId("teardown").innerText()).split("\n").filter(Boolean);

  await page.getByRole("main").getByRole("link", { name: "Stores" }).click();
  await page.getByRole("heading", { level: 1, name: "Stores", exact: true }).waitFor();
  insist((await inList(page, wanted.name).count()) === 0, "the deleted store is still in the list");
  await page.getByRole("button", { name: "Deleted" }).click();
  await page.locator(`[data-store="${id}"]`).waitFor();
  insist(troubles.length === 0, troubles.join("\n"));
  return { id, evidence };
});
