// Puts HTML into every free text that the API gives, and looks whether anything of it comes alive. The answers are
// changed on their way to the browser, so that no server has to store such things. Input: {url, token?, name}; `name` is
// that of any store that is not deleted.

import { ask, insist, main, open } from "./dashboard.mjs";

const EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script><svg onload="window.pwned=1">{{constructor.constructor("window.pwned=1")()}}';
const EVIL_URL = "javascript:window.pwned=1";
/** Words that the page decides by; the rest is free text. */
const KEPT = new Set(["id", "store_id", "status", "step", "engine", "plan", "kind", "gate", "phase", "code", "fate",
  "condition", "published", "created_at", "updated_at", "ready_at", "deleted_at", "started_at", "ended_at", "at",
  "next_page_token", "role"]);

function poison(value, key = "") {
  if (Array.isArray(value)) return value.map((each) => poison(each, key));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poison(each, name)]));
  }
  if (typeof value !== "string" || KEPT.has(key)) return value;
  return key.endsWith("_url") ? EVIL_URL : EVIL;
}

function poisonStore(store) {
  const failure = { code: "image_pull", message: EVIL, hint: EVIL, event: EVIL, object: { kind: EVIL, name: EVIL } };
  return { ...poison(store), failure, failure_reason: EVIL, degraded: { ...failure, reason: EVIL },
    unpublished: { ...failure, reason: EVIL }, blocker: failure, parked: EVIL, details: { [EVIL]: EVIL } };
}

await main({}, async (wanted, browser) => {
  const { stores } = await ask(wanted, `/stores?name=${wanted.name}`);
  insist(stores.length === 1, `there is no store ${wanted.name}`);
  const id = stores[0].id;
  const { page, troubles } = await open(browser, wanted);
  const poisoned = [];
  await page.route(/\/api\/v1\/(stores|platform|me)/, async (route) => {
    const path = new URL(route.request().url()).pathname;
    poisoned.push(path);
    if (path.endsWith("/logs")) return route.fulfill({ contentType: "text/plain", body: `${EVIL}\n\u001b[31m${EVIL}\n` });
    if (path.endsWith("/pods")) {
      const pod = { name: EVIL, component: EVIL, phase: EVIL, ready: false, restarts: 1, message: EVIL, started_at: null };
      return route.fulfill({ json: { pods: [pod] } });
    }
    const response = await route.fetch();
    const answer = await response.json();
    if (path.endsWith("/stores")) answer.stores = answer.stores.map(poisonStore);
    const isStore = path === `/api/v1/stores/${id}`;
    await route.fulfill({ response, json: isStore ? poisonStore(answer) : path.endsWith("/stores") ? answer : poison(answer) });
  });

  const pages = {};
  for (const status of ["READY", "FAILED", "DELETING", "DELETED"]) {
    await page.route(`**/api/v1/stores/${id}`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...poisonStore(await response.json()), status } });
    });
    // Back through the login is not needed: the token stays in the tab.
    await page.goto(`${wanted.url}/ui/stores/${id}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    if (status !== "DELETED") {
      await page.getByRole("button", { name: "Database" }).click();
      await page.getByTestId("log").waitFor();
    }
    await page.waitForTimeout(500);
    pages[status] = await inspect(page);
  }
  for (const layout of ["Cards", "Table"]) {
    await page.goto(`${wanted.url}/ui/stores`);
    await page.getByRole("button", { name: layout }).click();
    await page.locator(`[data-store="${id}"]`).waitFor();
    await page.waitForTimeout(500);
    pages[layout] = await inspect(page);
  }
  for (const [name, found] of Object.entries(pages)) {
    insist(!found.pwned, `${name}: a script ran`);
    insist(found.foreign === 0, `${name}: ${found.foreign} elements came out of texts`);
    insist(found.links.length === 0, `${name}: links lead to ${found.links}`);
    insist(found.shown, `${name}: the text is not shown as text`);
  }
  insist(troubles.length === 0, troubles.join("\n"));
  return { id, poisoned: [...new Set(poisoned)], pages: Object.keys(pages) };
});

function inspect(page) {
  return page.evaluate(() => ({
    pwned: "pwned" in window,
    // The page itself draws icons, but never these.
    foreign: document.querySelectorAll("#app img, #app script, #app [onload], #app [onerror]").length,
    links: [...document.querySelectorAll("a[href]")].map((link) => link.protocol).filter((p) => !/^https?:$/.test(p)),
    shown: document.body.innerText.includes("<img src=x onerror"),
  }));
}
