// Times the dashboard: from the call of the page to the first stores of a list, and from a change to the screen.
// Input: {url, stores, runs?}; `stores` is how many the list counts at least. Prints medians in milliseconds.

import { ask, freshName, inList, main, open, untilLive } from "./dashboard.mjs";

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

await main({ runs: 5 }, async (wanted, browser) => {
  const lists = [];
  const events = [];
  for (let run = 0; run < wanted.runs; run++) {
    const { page, context } = await open(browser, wanted, "/stores", {
      prepare: (page) => page.addInitScript(watchTheList, wanted.stores),
    });
    const list = await page.waitForFunction(() => window.listDrawnAt);
    lists.push(await list.jsonValue());
    await untilLive(page);
    const name = freshName("timed");
    const shown = inList(page, name).waitFor();
    const began = performance.now();
    await ask(wanted, "/stores", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        name, engine: "medusa", admin_username: "admin", admin_email: "admin@example.com", admin_password: "a long passphrase",
      }),
    });
    await shown;
    events.push(performance.now() - began);
    await context.close();
  }
  return { first_list_ms: Math.round(median(lists)), event_to_screen_ms: Math.round(median(events)) };
});
