// Goes to every page in light and dark and at phone width: no violation that axe can find, nothing wider than the
// screen, and a picture of each. Input: {url, token?, screenshots?, names?}; `screenshots` is a folder, `names` the
// stores whose pages are visited (the first of each status if absent).

import AxeBuilder from "@axe-core/playwright";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ask, insist, main, open, untilLive } from "./dashboard.mjs";

const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

await main({}, async (wanted, browser) => {
  if (wanted.screenshots) mkdirSync(wanted.screenshots, { recursive: true });
  const paths = await storePages(wanted);
  const result = { pages: [], violations: [], too_wide: [] };
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ["light", "dark"]) {
      const { page, troubles, context } = await open(browser, wanted, "/stores", { viewport, colorScheme, reducedMotion: "reduce" });
      await untilLive(page);
      for (const [name, go] of Object.entries({ ...lists(page, wanted), ...dialogs(page, wanted), ...paths(page) })) {
        await go();
        // Texts that fade in would be measured half way.
        await page.waitForTimeout(400);
        await look(page, `${name}-${size}-${colorScheme}`, wanted, result);
      }
      insist(troubles.length === 0, troubles.join("\n"));
      await context.close();
    }
  }
  if (wanted.token) await lookAtLogin(browser, wanted, result);
  insist(result.violations.length === 0, JSON.stringify(result.violations, null, 2));
  insist(result.too_wide.length === 0, `wider than the screen: ${result.too_wide}`);
  return result;
});

/** The pages of stores: one for each status, or those that were named. */
async function storePages(wanted) {
  const { stores } = await ask(wanted, "/stores?status=PROVISIONING,READY,FAILED,DELETING,DELETED");
  const chosen = wanted.names
    ? stores.filter((store) => wanted.names.includes(store.name))
    : ["PROVISIONING", "READY", "FAILED", "DELETING", "DELETED"]
      .map((status) => stores.find((store) => store.status === status)).filter(Boolean);
  return (page) => Object.fromEntries(chosen.map((store) => [`store-${store.status.toLowerCase()}`, async () => {
    await page.goto(`${wanted.url}/ui/stores/${store.id}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await untilLive(page);
    const log = page.getByRole("button", { name: "Application" });
    if (await log.count()) await log.click();
  }]));
}

function lists(page, wanted) {
  const list = async (layout, query = "") => {
    await page.goto(`${wanted.url}/ui/stores${query}`);
    await untilLive(page);
    await page.getByRole("button", { name: layout }).click();
  };
  return {
    table: () => list("Table"),
    cards: () => list("Cards"),
    nothing: () => list("Cards", "?q=no-store-has-this-name"),
    unknown: async () => {
      await page.goto(`${wanted.url}/ui/nowhere`);
      await page.getByRole("heading", { level: 1 }).waitFor();
    },
  };
}

function dialogs(page, wanted) {
  return {
    create: async () => {
      await page.goto(`${wanted.url}/ui/stores`);
      await page.getByRole("button", { name: "Create new store" }).first().click();
      await page.getByLabel("Name", { exact: true }).fill("my-shop");
      await page.getByRole("button", { name: "Generate" }).click();
    },
    "create-errors": async () => {
      await page.getByLabel("Name", { exact: true }).fill("My Shop");
      await page.getByLabel("Admin e-mail").fill("nobody");
      await page.getByRole("button", { name: "Create store" }).click();
    },
    delete: async () => {
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /^Delete / }).and(page.locator(":enabled")).first().click();
    },
  };
}

async function lookAtLogin(browser, wanted, result) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await (await browser.newContext({ viewport: SIZES.wide, colorScheme })).newPage();
    await page.goto(`${wanted.url}/ui/`);
    await page.getByLabel("Token").fill("not-a-token");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.locator("#token-error").waitFor();
    await look(page, `login-wide-${colorScheme}`, wanted, result);
  }
}

async function look(page, name, wanted, result) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const brief = ({ id, nodes }) => ({ page: name, rule: id, nodes: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) });
  result.violations.push(...violations.map(brief));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (overflow > 0) result.too_wide.push(name);
  result.pages.push(name);
  if (!wanted.screenshots) return;
  // A bar that sticks to the top and an open dialog belong to the window, not to the whole length of the page.
  await page.evaluate(() => window.scrollTo(0, 0));
  const fullPage = (await page.getByRole("dialog").count()) === 0;
  await page.screenshot({ path: join(wanted.screenshots, `${name}.png`), fullPage });
}
