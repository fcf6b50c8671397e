// Takes the stream of events away and gives it back: the page says so, polls meanwhile, and stops polling once it is
// live again. Input: {url, token?}.

import { insist, main, open, until, untilLive } from "./dashboard.mjs";

await main({}, async (wanted, browser) => {
  const { page, troubles } = await open(browser, wanted);
  await untilLive(page);
  const lists = [];
  page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/api/v1/stores") lists.push(Date.now());
  });
  const phase = (name) => page.locator(`[data-testid=connection][data-phase=${name}]`).waitFor();
  await page.waitForTimeout(11_000);
  insist(lists.length === 0, `the list was read ${lists.length} times although the page was live`);

  // A stream that is open stays open; the page has to come anew to lose it.
  await page.route("**/api/v1/events", (route) => route.abort());
  await page.reload();
  await phase("reconnecting");
  await phase("polling");
  lists.length = 0;
  await until("the list is read again and again without a stream", () => lists.length >= 2);

  await page.unroute("**/api/v1/events");
  await phase("live");
  await page.waitForTimeout(500);
  lists.length = 0;
  await page.waitForTimeout(11_000);
  insist(lists.length === 0, `the list was still read ${lists.length} times after the page was live again`);
  insist(troubles.length === 0, troubles.join("\n"));
  return {};
});
