// Logs in to a Medusa admin in Chromium and looks for an order. Reads one JSON document from standard input
// ({adminUrl, email, password, orderNumber, customer, screenshot}) and prints what it saw as JSON.

import { chromium } from "playwright-core";
import { readFileSync } from "node:fs";

const wanted = JSON.parse(readFileSync(0, "utf8"));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(60_000);
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
  console.log(JSON.stringify({ list, url: page.url() }));
} finally {
  await browser.close();
}
