// Logs in to a Medusa admin in Chromium and looks for an order. Reads one JSON document from standard input
// ({adminUrl, email, password, orderNumber, customer, screenshot}) and prints what it saw as JSON.

import { take } from "./page.mjs";

await take(async (page, wanted) => {
  await page.goto(wanted.adminUrl);
  await page.fill('input[name="email"]', wanted.email);
  await page.fill('input[name="password"]', wanted.password);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/app\/(?!login)/);
  await page.goto(`${wanted.adminUrl}/orders`);
  const row = page.locator("tr", { hasText: `#${wanted.orderNumber}` }).first();
  await row.waitFor();
  const list = (await row.innerText()).replaceAll(/\s+/g, " ").trim();
  await row.click();
  await page.waitForURL(/\/app\/orders\/order_/);
  await page.getByText(wanted.customer).first().waitFor();
  if (wanted.screenshot) await page.screenshot({ path: wanted.screenshot });
  return { list, url: page.url() };
});
