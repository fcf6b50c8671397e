// Times the dashboard: from the call of the page to the first stores of a list, from a change to the screen, and for how
// long at most it was busy while somebody searched and a store came up.
// Input: {url, stores, runs?}; `stores` is how many the list counts at least. Prints medians in milliseconds.

import { askForStore, freshName, inList, main, open, until, untilLive } from "./dashboard.mjs";

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/**
 * Runs in the page, so that nothing of the way to it is measured: `listDrawnAt` is when everything has been counted and the
 * first page of it was painted, in milliseconds from the call of the page.
 */
function watchTheList(stores) {
  requestAnimationFrame(function look() {
    const counts = [...document.querySelectorAll(".tabular-nums")].map((each) => Number(each.textContent));
    const isThere = document.querySelector("[data-store]") !== null && counts.some((count) => count >= stores);
    // What a frame finds in the document is painted before the next one begins.
    requestAnimationFrame(isThere ? () => (window.listDrawnAt = performance.now()) : look);
  });
}

/** Runs in the page: keeps the longest task of its main thread; shorter ones than 50 ms are not told of. */
function watchTasks() {
  window.longestTask = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longestTask = Math.max(window.longestTask, duration);
  }).observe({ type: "longtask" });
}

await main({ runs: 5 }, async (wanted, browser) => {
  const lists = [];
  const events = [];
  const tasks = [];
  for (let run = 0; run < wanted.runs; run++) {
    const { page, context } = await open(browser, wanted, "/stores", {
      prepare: (page) => page.addInitScript(watchTheList, wanted.stores),
    });
    const list = await page.waitForFunction(() => window.listDrawnAt);
    lists.push(await list.jsonValue());
    await untilLive(page);
    await page.evaluate(watchTasks);
    const name = freshName("timed");
    const shown = inList(page, name).waitFor();
    const began = performance.now();
    await askForStore(wanted, name);
    await shown;
    events.push(performance.now() - began);
    await page.getByLabel("Search stores").pressSequentially(name);
    await until("it is the only one", async () => (await page.locator("[data-store]").count()) === 1);
    await inList(page, name).locator("[data-testid=status]").filter({ hasText: "Ready" }).waitFor();
    tasks.push(await page.evaluate(() => window.longestTask));
    await context.close();
  }
  return { first_list: median(lists), event_to_screen: median(events), longest_task: median(tasks) };
});
