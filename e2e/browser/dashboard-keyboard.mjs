// Creates, looks for, opens and deletes a store with the keys alone: everything is reached, dialogs keep the focus while
// they are open, and it is never lost. Input: {url, token?, name}.

import { ask, inList, insist, main, open, until, untilLive } from "./dashboard.mjs";

/** More than there is to reach on any page. */
const PRESSES_MAX = 80;

await main({}, async (wanted, browser) => {
  const { page, troubles } = await open(browser, wanted);
  await untilLive(page);
  const presses = { create: await createStore(page, wanted.name) };
  await dismissNotice(page, wanted.name);
  await showAll(page);
  presses.open = await tabTo(page, inList(page, wanted.name).getByRole("link", { name: wanted.name, exact: true }));
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: wanted.name }).waitFor();
  await hasFocus(page, page.locator("#main"), "the page that was opened");
  await deleteStore(page, wanted.name);
  const { stores } = await ask(wanted, `/stores?name=${wanted.name}`);
  insist(stores.every(({ status }) => status === "DELETING"), "the store is not being deleted");
  insist(troubles.length === 0, troubles.join("\n"));
  return { presses };
});

async function createStore(page, name) {
  const button = page.getByRole("button", { name: "Create new store" }).first();
  const presses = await tabTo(page, button);
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  const field = dialog.getByLabel("Name", { exact: true });
  await hasFocus(page, field, "the first field of the form");
  await keepsFocus(page);
  await tabTo(page, field);
  await page.keyboard.type(name);
  const engine = dialog.getByLabel("Engine");
  await tabTo(page, engine);
  const before = await engine.inputValue();
  await page.keyboard.press("ArrowDown");
  insist((await engine.inputValue()) !== before, "the engine cannot be chosen with the keys");
  await tabTo(page, dialog.getByLabel("Admin e-mail"));
  await page.keyboard.type("admin@example.com");
  await tabTo(page, dialog.getByRole("button", { name: "Generate" }));
  await page.keyboard.press("Space");
  await tabTo(page, dialog.getByRole("button", { name: "Create store" }));
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await hasFocus(page, button, "the button that opened the form");
  return presses;
}

async function dismissNotice(page, name) {
  const notice = page.getByRole("region", { name: "Notices" }).locator("div", { hasText: `${name} is being provisioned` });
  // Notices come last on the page and stay for seconds only: backwards is the short way.
  await tabTo(page, notice.getByRole("button", { name: "Dismiss" }), "Shift+Tab");
  await page.keyboard.press("Enter");
  await notice.waitFor({ state: "detached" });
  await hasFocus(page, page.locator("#main"), "the page behind the notice");
}

/** Searches and filters until nothing is left, and takes it all back at once. */
async function showAll(page) {
  const status = page.getByRole("button", { name: /^Ready/ });
  await tabTo(page, status);
  await page.keyboard.press("Space");
  const search = page.getByLabel("Search stores");
  await tabTo(page, search);
  await page.keyboard.type("no-store-has-this-name");
  await page.waitForURL(/[?&]status=READY.*[?&]q=no-store-has-this-name/);
  await tabTo(page, page.getByRole("button", { name: "Show all stores" }));
  await page.keyboard.press("Enter");
  await page.locator("[data-store]").first().waitFor();
  await until("all filters are gone", () => new URL(page.url()).search === "", 5000);
  insist((await search.inputValue()) === "", "the search is still there");
  insist((await status.getAttribute("aria-pressed")) === "false", "the filter by status is still there");
  await hasFocus(page, page.locator("#main"), "the list that is whole again");
}

async function deleteStore(page, name) {
  const button = page.getByRole("button", { name: "Delete", exact: true });
  const dialog = page.getByRole("dialog");
  await tabTo(page, button);
  await page.keyboard.press("Enter");
  await hasFocus(page, dialog.getByRole("textbox"), "the field for the name");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await hasFocus(page, button, "the button that opened the dialog");

  await page.keyboard.press("Enter");
  await hasFocus(page, dialog.getByRole("textbox"), "the field for the name");
  await keepsFocus(page);
  await tabTo(page, dialog.getByRole("textbox"));
  const sent = [];
  page.on("request", (request) => request.method() === "DELETE" && sent.push(request.url()));
  await page.keyboard.type(`${name}x`);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Backspace");
  insist((await dialog.getByRole("textbox").inputValue()) === name, "the dialog is gone");
  insist(sent.length === 0, "a wrong name is enough to delete");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await button.waitFor({ state: "detached" });
  // The button has gone with the store.
  await hasFocus(page, page.locator("#main"), "the page of the store");
}

/** Presses the key until `target` has the focus; gives how often. */
async function tabTo(page, target, key = "Tab") {
  for (let presses = 0; presses < PRESSES_MAX; presses++) {
    if (await isFocused(target)) return presses;
    await page.keyboard.press(key);
  }
  throw new Error(`${target} is not reached with the key ${key}`);
}

function isFocused(target) {
  return target.evaluate((element) => element === document.activeElement);
}

async function hasFocus(page, target, what) {
  await until(`the focus is on ${what}`, () => isFocused(target), 5000).catch(async (error) => {
    const focused = await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200));
    throw new Error(`${error.message}; it is on ${focused}`);
  });
}

/** Neither direction leads out of the dialog. */
async function keepsFocus(page) {
  for (const key of ["Tab", "Shift+Tab"]) {
    for (let presses = 0; presses < PRESSES_MAX / 4; presses++) {
      await page.keyboard.press(key);
      const isInside = await page.evaluate(() => document.activeElement.closest("[role=dialog]") !== null);
      insist(isInside, `the key ${key} leads out of the dialog`);
    }
  }
}
