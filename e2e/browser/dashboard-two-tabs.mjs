// Two tabs show the same: what one does, the other sees, without a reload and without polling.
// Input: {url, token?, name?, engine?, patience_ms?}.

import { create, freshName, inList, insist, main, open, openStore, untilLive, untilStatus } from "./dashboard.mjs";

await main({ engine: "medusa", patience_ms: 600_000 }, async (wanted, browser) => {
  const name = wanted.name ?? freshName("tabs");
  const one = await open(browser, wanted);
  const two = await open(browser, wanted);
  await Promise.all([untilLive(one.page), untilLive(two.page)]);
  let lists = 0;
  two.page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/api/v1/stores") lists++;
  });

  const begun = Date.now();
  await create(one.page, { name, engine: wanted.engine });
  await inList(two.page, name).waitFor();
  const appearedAfter = Date.now() - begun;
  await openStore(two.page, name);
  await openStore(one.page, name);
  await Promise.all([untilStatus(one.page, "Ready"), untilStatus(two.page, "Ready")]);

  await one.page.getByRole("button", { name: "Delete", exact: true }).click();
  await one.page.getByRole("dialog").getByRole("textbox").fill(name);
  await one.page.getByRole("dialog").getByRole("button", { name: "Delete store" }).click();
  await Promise.all([untilStatus(one.page, "Deleted"), untilStatus(two.page, "Deleted")]);
  insist(lists === 0, `the other tab read the list ${lists} times although it was live`);
  const troubles = [...one.troubles, ...two.troubles];
  insist(troubles.length === 0, troubles.join("\n"));
  return { name, appeared_after_ms: appearedAfter, lists_read: lists };
});
