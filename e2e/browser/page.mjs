// What every walk through a real Chromium has in common: one JSON document on standard input says what is wanted, one on
// standard output what was seen, and a walk that does not end well tells where the browser stood.

import { chromium } from "playwright-core";
import { readFileSync } from "node:fs";

// A walk shares two cores with the shops that it walks through.
const TIMEOUT_MS = 60_000;
const TEXT_MAX = 1_500;

/** Takes one walk: `walk(page, wanted)` returns what it saw. `options` are those of a page, beside its size. */
export async function take(walk, options = {}) {
  const wanted = JSON.parse(readFileSync(0, "utf8"));
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    page.setDefaultTimeout(TIMEOUT_MS);
    console.log(JSON.stringify(await walk(page, wanted)));
  } catch (error) {
    await tellWhereItStands(browser);
    throw error;
  } finally {
    await browser.close();
  }
}

/** A browser that asks nobody but us for anything. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run",
      "--disable-component-update", "--disable-sync"],
  });
}

/** For whoever has to find out why a walk did not end well: where each page is, and what it says. */
export async function tellWhereItStands(browser) {
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    const text = await page.locator("body").innerText({ timeout: 5_000 }).catch((unreadable) => String(unreadable));
    console.error(`the browser was at ${page.url()}: ${text.slice(0, TEXT_MAX)}`);
  }
}
