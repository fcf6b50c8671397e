// Goes to every page in light and dark, wide and at the width of a phone: no violation that axe can find, nothing wider
// than the screen, the word that all is simulated, and a picture of each.
//
// Input: {url, token, screenshots?, deletes, creates}; the platform is a demo, `screenshots` a folder, `deletes` the name
// of a READY store that is deleted first, and `creates` that of one which takes its time, so that there is one of each
// status.

import AxeBuilder from "@axe-core/playwright";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ask, askForStore, insist, main, open, until, untilLive, untilStatus } from "./dashboard.mjs";

const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };
const VIEWS = Object.entries(SIZES).flatMap(([size, viewport]) => ["light", "dark"].map((colorScheme) =>
  ({ name: `${size}-${colorScheme}`, options: { viewport, colorScheme, reducedMotion: "reduce" } })));
/** As the page says them. */
const STATUSES = { PROVISIONING: "Provisioning", READY: "Ready", FAILED: "Failed", DELETING: "Deleting", DELETED: "Deleted" };

await main({}, async (wanted, browser) => {
  if (wanted.screenshots) mkdirSync(wanted.screenshots, { recursive: true });
  await remove(wanted, wanted.deletes);
  const views = [];
  for (const view of VIEWS) {
    views.push({ ...view, ...await open(browser, wanted, "/stores", view.options) });
    await untilLive(views.at(-1).page);
  }
  const result = { pages: [], violations: [], too_wide: [] };
  // It has just begun, however long all this took until now.
  await askForStore(wanted, wanted.creates);
  const { stores } = await ask(wanted, `/stores?status=${Object.keys(STATUSES)}`);
  const pages = { ...storePages(wanted, stores), ...listPages(wanted), ...dialogs(wanted, stores), ...otherPages(wanted) };
  // What moves comes first, since it does not stay so.
  for (const name of new Set(["store-provisioning", "store-deleting", "cards", ...Object.keys(pages)])) {
    for (const view of views) {
      await pages[name](view.page);
      await look(view.page, `${name}-${view.name}`, wanted, result);
      await view.page.unrouteAll({ behavior: "ignoreErrors" });
    }
  }
  await lookAsStranger(browser, wanted, result);
  const troubles = views.flatMap((view) => view.troubles);
  insist(troubles.length === 0, troubles.join("\n"));
  insist(result.violations.length === 0, JSON.stringify(result.violations, null, 2));
  insist(result.too_wide.length === 0, `wider than the screen: ${result.too_wide}`);
  return result;
});

async function remove(wanted, name) {
  const { stores: [store] } = await ask(wanted, `/stores?name=${name}`);
  await ask(wanted, `/stores/${store.id}`, { method: "DELETE" });
  await until(`${name} is deleted`, async () => (await ask(wanted, `/stores/${store.id}`)).status === "DELETED");
}

/** One of each status, and one that is READY and in trouble. */
function storePages(wanted, stores) {
  const visit = (found, what, word) => {
    insist(found, `there is no store that is ${what}`);
    return async (page) => {
      await page.goto(`${wanted.url}/ui/stores/${found.id}`);
      await untilStatus(page, word);
      await untilLive(page);
      const log = page.getByRole("button", { name: "Application" });
      if (await log.count()) await log.click();
    };
  };
  const newest = (status) => stores.findLast((store) => store.status === status);
  const pages = Object.entries(STATUSES).map(([status, word]) =>
    [`store-${word.toLowerCase()}`, visit(newest(status), status, word)]);
  const degraded = stores.find((store) => store.condition === "degraded");
  return { ...Object.fromEntries(pages), "store-degraded": visit(degraded, "degraded", STATUSES.READY) };
}

function listPages(wanted) {
  const list = async (page, layout, query = "") => {
    await page.goto(`${wanted.url}/ui/stores${query}`);
    await untilLive(page);
    await page.getByRole("button", { name: layout }).click();
  };
  return {
    table: (page) => list(page, "Table"),
    cards: (page) => list(page, "Cards"),
    nothing: (page) => list(page, "Cards", "?q=no-store-has-this-name"),
    empty: async (page) => {
      await changeAnswers(page, (answer) => ({ ...answer, stores: [] }));
      await list(page, "Cards");
      await page.getByTestId("empty").waitFor();
    },
    "list-error": async (page) => {
      await page.route(isList, (route) => route.fulfill({ status: 503, body: "" }));
      await page.goto(`${wanted.url}/ui/stores`);
      await page.getByRole("alert").filter({ hasText: "cannot answer right now" }).waitFor();
    },
  };
}

function dialogs(wanted, stores) {
  const failed = stores.find((store) => store.status === "FAILED");
  return {
    create: async (page) => {
      await page.goto(`${wanted.url}/ui/stores`);
      await page.getByRole("button", { name: "Create new store" }).first().click();
      await page.getByLabel("Name", { exact: true }).fill("my-shop");
      await page.getByRole("button", { name: "Generate" }).click();
    },
    "create-errors": async (page) => {
      await page.getByLabel("Name", { exact: true }).fill("My Shop");
      await page.getByLabel("Admin e-mail").fill("nobody");
      await page.getByRole("button", { name: "Create store" }).click();
    },
    delete: async (page) => {
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /^Delete / }).and(page.locator(":enabled")).first().click();
    },
    retry: async (page) => {
      const lost = (store) => ({ ...store, failure: { ...store.failure, code: "credentials_lost" } });
      const change = (answer) => (answer.stores ? { ...answer, stores: answer.stores.map(lost) } : lost(answer));
      await changeAnswers(page, change, failed.id);
      await page.goto(`${wanted.url}/ui/stores/${failed.id}`);
      await page.getByRole("button", { name: "Retry" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
      await page.locator("#retry-password-error").waitFor();
    },
  };
}

function otherPages(wanted) {
  return {
    "store-unknown": async (page) => {
      await page.goto(`${wanted.url}/ui/stores/zzzzzzzzzz`);
      await page.getByRole("heading", { name: "There is no such store" }).waitFor();
    },
    unknown: async (page) => {
      await page.goto(`${wanted.url}/ui/nowhere`);
      await page.getByRole("heading", { name: "There is no such page" }).waitFor();
    },
    broken: async (page) => {
      await page.route("**/api/v1/me", (route) => route.abort());
      await page.goto(`${wanted.url}/ui/stores`);
      await page.getByRole("heading", { name: "The platform does not answer" }).waitFor();
    },
    docs: async (page) => {
      // Whatever stands behind the address, the page is there.
      await page.goto(`${wanted.url}/docs#%`);
      for (const kind of ["operation-createStore", "schema-StoreDocument"]) {
        await page.locator(`#${kind} > summary`).click();
        await page.locator(`#${kind} table`).first().waitFor();
      }
    },
  };
}

function isList(url) {
  return url.pathname === "/api/v1/stores";
}

/** What the page is told of the list, and of the store with this id, is changed on its way. */
async function changeAnswers(page, change, id) {
  const isIt = (url) => isList(url) || url.pathname === `/api/v1/stores/${id}`;
  await page.route(isIt, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: change(await response.json()) });
  });
}

/** Whoever has no token, or a wrong one. */
async function lookAsStranger(browser, wanted, result) {
  for (const { name, options } of VIEWS) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    await page.goto(`${wanted.url}/ui/`);
    await page.getByLabel("Token").fill("not-a-token");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.locator("#token-error").waitFor();
    await look(page, `login-${name}`, wanted, result);
    await page.goto(`${wanted.url}/docs`);
    await page.getByRole("link", { name: "log in to the dashboard" }).waitFor();
    await look(page, `docs-locked-${name}`, wanted, result);
    await context.close();
  }
}

async function look(page, name, wanted, result) {
  await page.getByTestId("simulated").waitFor();
  // Texts that fade in would be measured half way.
  await page.waitForTimeout(400);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const brief = ({ id, nodes }) => ({ page: name, rule: id, nodes: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) });
  result.violations.push(...violations.map(brief));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (overflow > 0) result.too_wide.push(name);
  result.pages.push(name);
  if (!wanted.screenshots) return;
  // A bar that sticks to the top and an open dialog belong to the window, not to the whole length of the page; the whole
  // documentation is no picture.
  await page.evaluate(() => window.scrollTo(0, 0));
  const fullPage = !name.startsWith("docs") && (await page.getByRole("dialog").count()) === 0;
  await page.screenshot({ path: join(wanted.screenshots, `${name}.png`), fullPage });
}
