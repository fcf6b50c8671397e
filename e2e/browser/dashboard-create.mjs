// Creates a store in the dashboard and watches it come up: what is wrong is said beside its field, one request for a
// double click, gates live, READY, a log that grows, and the shop behind the link. Input: {url, token?, name?, engine?,
// patience_ms?}.

import {
  ask, create, freshName, inList, insist, isSimulated, main, open, openStore, until, untilLive, untilStatus,
} from "./dashboard.mjs";

await main({ engine: "woocommerce", patience_ms: 600_000 }, async (wanted, browser) => {
  const name = wanted.name ?? freshName("walk");
  const { page, troubles } = await open(browser, wanted);
  await untilLive(page);

  await page.getByRole("button", { name: "Create new store" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("Not A Name");
  const refusal = page.locator("#create-name-error");
  await refusal.waitFor();
  await page.getByLabel("Name", { exact: true }).fill(name);
  const promised = await page.locator("#create-name-hint").innerText();
  await page.keyboard.press("Escape");
  await isRefusedByTheServer(page);

  const sent = requestsToCreate(page);
  await create(page, { name, engine: wanted.engine });
  await inList(page, name).waitFor();
  // The server takes a name only once, so what it has made would tell nothing.
  insist(sent.length === 1, `a double click sent ${sent.length} requests`);

  const id = await openStore(page, name);
  const seen = new Set();
  const done = untilStatus(page, "Ready").then(() => true);
  while (!(await Promise.race([done, page.waitForTimeout(100)]))) {
    for (const gate of await page.locator("[data-state=current]").all()) {
      seen.add(await gate.getAttribute("data-gate", { timeout: 1000 }).catch(() => null));
    }
  }
  seen.delete(null);
  insist(seen.size > 0, "no gate was seen in progress");
  await page.locator("[data-gate=storefront][data-state=met]").waitFor();

  const store = await ask(wanted, `/stores/${id}`);
  insist(promised === store.store_url, `${promised} was promised, but it became ${store.store_url}`);
  const simulated = await isSimulated(wanted);
  // A shop that nobody visits may have nothing to say.
  if (simulated) await logGrows(page);
  const { shop, products } = await visit(page, store, simulated);
  await isTaken(page, name, sent);
  insist(troubles.length === 0, troubles.join("\n"));
  return { id, name, promised, shop, products, gates_seen: [...seen], connection: await page.getByTestId("connection").getAttribute("data-phase") };
});

/** A name that only the platform knows to be wrong: it says so beside the field, and nothing is lost. */
async function isRefusedByTheServer(page) {
  await page.getByRole("button", { name: "Create new store" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("www");
  await dialog.getByLabel("Admin e-mail").fill("admin@example.com");
  await dialog.getByRole("button", { name: "Generate" }).click();
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    dialog.getByRole("button", { name: "Create store" }).click(),
  ]);
  insist(answer.status() === 422, `a reserved name was answered with ${answer.status()}`);
  await dialog.locator("#create-name-error").filter({ hasText: "reserved" }).waitFor();
  const field = dialog.getByLabel("Name", { exact: true });
  insist((await field.getAttribute("aria-invalid")) === "true", "the field is not said to be wrong");
  insist(await field.evaluate((element) => element === document.activeElement), "the focus is not in the field");
  insist((await dialog.getByLabel("Admin e-mail").inputValue()) !== "", "the form was emptied");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
}

/** A taken name is said before anything is sent. */
async function isTaken(page, name, sent) {
  await page.getByRole("main").getByRole("link", { name: "Stores" }).click();
  await page.getByRole("button", { name: "Create new store" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.locator("#create-name-error").filter({ hasText: "taken" }).waitFor();
  await page.keyboard.press("Escape");
  insist(sent.length === 1, "a taken name was sent");
}

/** The requests for a new store that the page sends from now on. */
function requestsToCreate(page) {
  const sent = [];
  page.on("request", (request) => {
    const isIt = request.method() === "POST" && new URL(request.url()).pathname === "/api/v1/stores";
    if (isIt) sent.push(request);
  });
  return sent;
}

async function logGrows(page) {
  await page.getByRole("button", { name: "Application" }).click();
  const last = async () => (await page.getByTestId("log").innerText()).split("\n").at(-1);
  const first = await until("the log has a line", async () => {
    const line = await last();
    return line.includes("simulated") ? line : undefined;
  });
  await until("the log grows", async () => (await last()) !== first);
}

/** Follows the link to the shop, as a person would, and sees what is there. */
async function visit(page, store, simulated) {
  const link = page.getByRole("link", { name: "Open store" });
  const [shop] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
  await shop.waitForLoadState();
  insist(new URL(shop.url()).origin === new URL(store.store_url).origin, `the link led to ${shop.url()}, not to ${store.store_url}`);
  if (simulated) {
    await shop.getByRole("heading", { name: "Simulated store" }).waitFor();
    return { shop: shop.url() };
  }
  // Medusa's shop front, and WooCommerce's in its blocks and before them.
  const products = shop.locator("main h2 a, li.product, .wc-block-product");
  await products.first().waitFor();
  return { shop: shop.url(), products: await products.count() };
}
