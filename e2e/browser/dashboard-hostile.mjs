// Puts HTML into every free text that the API gives, its stream of events included, and looks whether anything of it comes
// alive: on the pages, in the dialogs, in the notices. The answers are changed on their way to the browser, so that no
// server has to store such things. Input: {url, token?, name}; `name` is that of any store that is not deleted.

import { ask, insist, main, open } from "./dashboard.mjs";

const EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script><svg onload="window.pwned=1">{{constructor.constructor("window.pwned=1")()}}';
const EVIL_URL = "javascript:window.pwned=1";
/** Words that the page decides by; the rest is free text. */
const KEPT = new Set(["id", "store_id", "status", "step", "engine", "plan", "kind", "gate", "phase", "code", "fate",
  "condition", "published", "created_at", "updated_at", "ready_at", "deleted_at", "started_at", "ended_at", "at",
  "next_page_token", "role"]);
const STATUSES = ["READY", "FAILED", "DELETING", "DELETED"];

function poison(value, key = "") {
  if (Array.isArray(value)) return value.map((each) => poison(each, key));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poison(each, name)]));
  }
  if (typeof value !== "string" || KEPT.has(key)) return value;
  return key.endsWith("_url") ? EVIL_URL : EVIL;
}

// With this code, another attempt asks for a password first, in a dialog.
const FAILURE = { code: "credentials_lost", message: EVIL, hint: EVIL, event: EVIL, object: { kind: EVIL, name: EVIL } };
const TROUBLE = { ...FAILURE, reason: EVIL };

function poisonStore(store) {
  return { ...poison(store), failure: FAILURE, failure_reason: EVIL, degraded: TROUBLE, unpublished: TROUBLE,
    blocker: FAILURE, parked: EVIL, details: { [EVIL]: EVIL } };
}

const POD = { name: EVIL, component: EVIL, phase: EVIL, ready: false, restarts: 1, message: EVIL, started_at: null };

/** A stream that tells of the store's events and condition, and ends. */
function stream(id, status) {
  const event = { position: 1e9, store_id: id, kind: "ready", status, step: null, message: EVIL, at: new Date().toISOString() };
  const condition = { store_id: id, condition: "degraded", degraded: TROUBLE, published: "no", unpublished: TROUBLE };
  const message = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  return `id: ${event.position}\n${message("ready", event)}${message("condition", condition)}`;
}

await main({}, async (wanted, browser) => {
  const { stores } = await ask(wanted, `/stores?name=${wanted.name}`);
  insist(stores.length === 1, `there is no store ${wanted.name}`);
  const id = stores[0].id;
  const poisoned = new Set();
  // Which status the store is said to have.
  const told = { status: "READY" };
  const { page, troubles } = await open(browser, wanted, "/stores", { prepare: (page) => poisonAnswers(page, id, told, poisoned) });
  const seen = {};
  for (told.status of STATUSES) {
    await page.goto(`${wanted.url}/ui/stores/${id}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    // Nothing is announced of a store that has gone, and it has no pods.
    if (told.status !== "DELETED") {
      await page.getByRole("region", { name: "Notices" }).getByText("<img").first().waitFor();
      seen[`${told.status}, notices`] = await inspect(page, "[aria-label=Notices]");
      await page.getByRole("button", { name: "Database" }).click();
      await page.getByTestId("log").waitFor();
    }
    seen[told.status] = await inspect(page, "main");
    if (told.status === "READY") seen["delete dialog"] = await inspectDialog(page, "Delete");
    if (told.status === "FAILED") seen["retry dialog"] = await inspectDialog(page, "Retry");
  }
  told.status = "READY";
  for (const layout of ["Cards", "Table"]) {
    await page.goto(`${wanted.url}/ui/stores`);
    await page.getByRole("button", { name: layout }).click();
    await page.locator(`[data-store="${id}"]`).waitFor();
    seen[layout] = await inspect(page, "main");
  }
  for (const [name, found] of Object.entries(seen)) {
    insist(!found.pwned, `${name}: a script ran`);
    insist(found.foreign.length === 0, `${name}: elements came out of texts: ${found.foreign}`);
    insist(found.links.length === 0, `${name}: links lead to ${found.links}`);
    insist(found.shown, `${name}: the text is not shown as text`);
  }
  insist([...poisoned].some((path) => path.endsWith("/events") && !path.includes(id)), "the stream was not poisoned");
  insist(troubles.length === 0, troubles.join("\n"));
  return { id, poisoned: [...poisoned], seen: Object.keys(seen) };
});

function poisonAnswers(page, id, told, poisoned) {
  return page.route(/\/api\/v1\/(stores|platform|me|events)/, async (route) => {
    const path = new URL(route.request().url()).pathname;
    poisoned.add(path);
    if (path === "/api/v1/events") return route.fulfill({ contentType: "text/event-stream", body: stream(id, told.status) });
    if (path.endsWith("/logs")) return route.fulfill({ contentType: "text/plain", body: `${EVIL}\n\u001b[31m${EVIL}\n` });
    if (path.endsWith("/pods")) return route.fulfill({ json: { pods: [POD] } });
    const response = await route.fetch();
    const answer = await response.json();
    const itself = (store) => poisonStore(store.id === id ? { ...store, status: told.status } : store);
    if (path.endsWith("/stores")) answer.stores = answer.stores.map(itself);
    const isStore = path === `/api/v1/stores/${id}`;
    return route.fulfill({ response, json: isStore ? itself(answer) : path.endsWith("/stores") ? answer : poison(answer) });
  });
}

/** Opens it by its button on the store's page. */
async function inspectDialog(page, name) {
  await page.getByRole("button", { name, exact: true }).click();
  await page.getByRole("dialog").waitFor();
  const found = await inspect(page, "[role=dialog]");
  await page.keyboard.press("Escape");
  return found;
}

/** The whole document, and whether the text is shown in what `place` selects. */
async function inspect(page, place) {
  // Whatever was to come alive has had the time to.
  await page.waitForTimeout(500);
  return page.evaluate((selector) => {
    // The page itself draws icons, but never these; its scripts are files of its own.
    const own = (script) => script.src.startsWith(`${location.origin}/ui/assets/`) && script.textContent === "";
    const scripts = [...document.scripts].filter((script) => !own(script));
    return {
      pwned: "pwned" in window,
      foreign: [...document.querySelectorAll("img, [onload], [onerror]"), ...scripts].map((element) => element.outerHTML),
      links: [...document.querySelectorAll("a[href]")].map((link) => link.protocol).filter((p) => !/^https?:$/.test(p)),
      shown: document.querySelector(selector)?.innerText.includes("<img src=x onerror") === true,
    };
  }, place);
}
