// Walks through a WooCommerce shop in Chromium, as a customer or as its keeper. Reads one JSON document from standard
// input and prints what it saw as JSON.
//
// {walk: "order", storeUrl, billing, screenshot}: browses, adds a product to the cart, and pays on delivery; `billing` is
// all that is filled in. Prints {number, product, total}.
// {walk: "admin", adminUrl, username, password, number, screenshot}: logs in and looks for the order. Prints {status, row}.
//
// Cart and checkout may be blocks or the older shortcodes, by the shop's version and theme: both are understood.

import { take } from "./page.mjs";

await take(async (page, wanted) => {
  const seen = wanted.walk === "order" ? await order(page, wanted) : await admin(page, wanted);
  if (wanted.screenshot) await page.screenshot({ path: wanted.screenshot, fullPage: true });
  return seen;
});

async function order(page, wanted) {
  await page.goto(wanted.storeUrl);
  const add = page.getByRole("button", { name: /add to cart/i }).or(page.getByRole("link", { name: /add to cart/i })).first();
  await add.waitFor();
  const card = page.locator("li.product, .wc-block-product").filter({ has: add }).first();
  const product = (await card.locator("h2, h3").first().innerText()).trim();
  await add.click();
  await page.getByRole("link", { name: /view cart/i }).first().click();
  await page.waitForURL(/\/cart/);
  await page.getByText(product).first().waitFor();
  await page.getByRole("link", { name: /proceed to checkout/i }).first().click();
  await page.waitForURL(/\/checkout/);
  for (const [name, value] of Object.entries(wanted.billing)) await fill(page, name, value);
  await payOnDelivery(page);
  await page.getByRole("button", { name: /place order/i }).click();
  await page.waitForURL(/\/order-received\/\d+/);
  await page.getByText(/order received/i).first().waitFor();
  const number = new URL(page.url()).pathname.match(/\/order-received\/(\d+)/)[1];
  const total = await page.locator(".woocommerce-order-overview__total, .wc-block-order-confirmation-summary-list-item")
    .filter({ hasText: /total/i }).first().innerText().catch(() => "");
  return { number, product, total: total.replaceAll(/\s+/g, " ").trim() };
}

// The blocks call a field by the address that it belongs to, the shortcode always by `billing`; an e-mail address has no
// address of its own in the blocks.
async function fill(page, name, value) {
  const selectors = [`#billing_${name}`, `#shipping-${name}`, `#billing-${name}`, `#${name}`];
  const field = page.locator(selectors.join(", ")).filter({ visible: true }).first();
  await field.waitFor();
  await field.fill(value);
  // The blocks ask the shop for rates and totals as soon as a field is left.
  await field.blur();
}

async function payOnDelivery(page) {
  const method = page.locator('input[type="radio"][value="cod"]').first();
  await method.waitFor({ state: "attached" });
  // With one method alone, the shortcode hides its button and has it chosen.
  if (await method.isVisible()) await method.check();
  if (!(await method.isChecked())) throw new Error("cash on delivery is not chosen");
}

async function admin(page, wanted) {
  await page.goto(wanted.adminUrl);
  await page.fill("#user_login", wanted.username);
  await page.fill("#user_pass", wanted.password);
  await page.click("#wp-submit");
  await page.waitForURL(/\/wp-admin\//);
  // The submenu opens under the pointer; where it leads depends on where the shop keeps its orders.
  const orders = page.locator("#toplevel_page_woocommerce a", { hasText: /^Orders/ }).first();
  await page.goto(new URL(await orders.getAttribute("href"), page.url()).href);
  const row = page.locator("tr", { hasText: `#${wanted.number}` }).first();
  await row.waitFor();
  const status = (await row.locator(".order-status, mark").first().innerText()).trim();
  return { status, row: (await row.innerText()).replaceAll(/\s+/g, " ").trim() };
}
