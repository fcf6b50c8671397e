// Buys something in a Medusa shop front in Chromium, as a customer would: list, product, cart, checkout, confirmation.
// Reads one JSON document from standard input ({storeUrl, email, product, quantity, country, screenshots}; only the
// first is needed) and prints the order as the confirmation shows it, as JSON. `screenshots` is a folder.

import { join } from "node:path";
import { take } from "./page.mjs";

// The shop promises to work without scripts: this customer has none.
await take(async (page, given) => {
  const wanted = { email: "ada@example.com", quantity: 2, country: "de", ...given };
  const picture = async (name) => {
    if (wanted.screenshots) await page.screenshot({ path: join(wanted.screenshots, `${name}.png`), fullPage: true });
  };
  const press = (name) => page.getByRole("button", { name }).click();

  await page.goto(wanted.storeUrl);
  await picture("list");
  const products = page.getByRole("main").getByRole("heading", { level: 2 }).getByRole("link");
  await (wanted.product ? products.filter({ hasText: wanted.product }) : products).first().click();
  await page.waitForURL("**/products/*");
  await picture("product");
  await page.getByLabel("Quantity").fill("1");
  await press("Add to cart");
  await page.waitForURL("**/cart");
  await page.getByLabel("Quantity").first().fill(String(wanted.quantity));
  await press(/^Update/);
  await page.locator(`input[name="quantity"][value="${wanted.quantity}"]`).waitFor();
  await picture("cart");
  await page.getByRole("link", { name: "Go to the checkout" }).click();
  await page.getByLabel("E-mail address").fill(wanted.email);
  await page.getByLabel("First name").fill("Ada");
  await page.getByLabel("Last name").fill("Lovelace");
  await page.getByLabel("Street and number").fill("1 Market Street");
  await page.getByLabel("Postcode").fill("10115");
  await page.getByLabel("Town or city").fill("Berlin");
  await page.getByLabel("Country").selectOption(wanted.country);
  await picture("address");
  await press("Continue");
  await page.waitForURL("**/checkout/delivery");
  await page.getByRole("radio").first().check();
  await picture("delivery");
  await press("Continue");
  await page.waitForURL("**/checkout/review");
  await picture("review");
  await press(/^Place the order/);
  await page.waitForURL("**/orders/order_*");
  await picture("confirmation");
  const number = (selector) => page.locator(selector).getAttribute("value").then(Number);
  return {
    display_id: await number("#order-number"),
    id: new URL(page.url()).pathname.split("/").at(-1),
    email: (await page.locator("#order-email").innerText()).trim(),
    total: await number("#total"),
  };
}, { javaScriptEnabled: false });
