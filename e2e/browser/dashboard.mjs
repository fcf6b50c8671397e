// What the dashboard's walks share: the browser, the way in, and the few things that each of them does.
//
// Every walk reads one JSON document from standard input, {url, token?, base?, …}, where `url` is the platform's own
// address and `base` what stands before the pages' paths (/ui), and prints one JSON document. It fails, with words, if the
// dashboard does not do what it promises.

import { readFileSync } from "node:fs";
import { launch, tellWhereItStands } from "./page.mjs";

const PATIENCE_MS = 60_000;

/** Runs `walk` with what stands on standard input, prints what it gives back, and closes the browser in any case. */
export async function main(defaults, walk) {
  const wanted = { base: "/ui", ...defaults, ...JSON.parse(readFileSync(0, "utf8")) };
  wanted.url = wanted.url.replace(/\/+$/, "");
  const browser = await launch();
  try {
    console.log(JSON.stringify(await walk(wanted, browser), null, 2));
  } catch (error) {
    await tellWhereItStands(browser);
    throw error;
  } finally {
    // An answer that is being changed when the browser goes would fail a walk that has ended well.
    const pages = browser.contexts().flatMap((context) => context.pages());
    await Promise.all(pages.map((page) => page.unrouteAll({ behavior: "ignoreErrors" })));
    await browser.close();
  }
}

/**
 * A page of somebody who has logged in. `prepare` is done to the page before anything is loaded, the other options are
 * those of a browser's context. `troubles` collects what went wrong in it: errors of scripts, refusals of the content
 * security policy, and requests to anywhere else.
 */
export async function open(browser, wanted, path = "/stores", { prepare, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(wanted.patience_ms ?? PATIENCE_MS);
  const troubles = watch(page, wanted.url);
  await prepare?.(page);
  await page.goto(`${wanted.url}${wanted.base}${path}`);
  if (wanted.token) {
    await page.getByLabel("Token").fill(wanted.token);
    await page.getByRole("button", { name: "Log in" }).click();
  }
  await page.getByTestId("connection").waitFor();
  return { page, troubles, context };
}

function watch(page, url) {
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(`script: ${error.message}`));
  page.on("console", (message) => {
    // A refused request is logged by the browser itself; the page handles it.
    const isRefusedRequest = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isRefusedRequest) troubles.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const target = request.url();
    if (!target.startsWith("data:") && new URL(target).origin !== new URL(url).origin) troubles.push(`elsewhere: ${target}`);
  });
  return troubles;
}

/** Waits until the stream of events is open. */
export async function untilLive(page) {
  await page.locator("[data-testid=connection][data-phase=live]").waitFor();
}

/** Fills in and sends the form for a new store. */
export async function create(page, { name, engine = "woocommerce" }) {
  await page.getByRole("button", { name: "Create new store" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByLabel("Engine").selectOption(engine);
  await dialog.getByLabel("Admin e-mail").fill(`admin@${name}.example.com`);
  await dialog.getByRole("button", { name: "Generate" }).click();
  // As an impatient person would: it must still be one store.
  await dialog.getByRole("button", { name: "Create store" }).dblclick();
  await dialog.waitFor({ state: "detached" });
}

/** The element of the list that shows the store. */
export function inList(page, name) {
  return page.locator("[data-store]").filter({ has: page.getByRole("link", { name, exact: true }) });
}

/** Opens a store's page from the list. Gives its id. */
export async function openStore(page, name) {
  await inList(page, name).getByRole("link", { name, exact: true }).click();
  await page.waitForURL("**/stores/*");
  await page.getByRole("heading", { level: 1, name }).waitFor();
  return new URL(page.url()).pathname.split("/").at(-1);
}

/** Waits until the store's page shows this status. */
export async function untilStatus(page, word) {
  await page.locator("main [data-testid=status]").filter({ hasText: word }).first().waitFor();
}

/** Has the page keep what its streams of events were opened with, and what they said: see `streams`. For `prepare`. */
export function recordStreams(page) {
  return page.addInitScript(() => {
    globalThis.streams = [];
    const { fetch } = globalThis;
    globalThis.fetch = async (request, init) => {
      const response = await fetch(request, init);
      const isStream = new URL(request.url ?? request, location.href).pathname === "/api/v1/events";
      if (!isStream || !response.ok) return response;
      const stream = { after: request.headers.get("Last-Event-ID"), said: "" };
      globalThis.streams.push(stream);
      const listen = async () => {
        for await (const text of response.clone().body.pipeThrough(new TextDecoderStream())) stream.said += text;
      };
      // How it ends is the page's business.
      listen().catch(() => {});
      return response;
    };
  });
}

/** The page's streams of events so far: which event each began after, and the ids and names of what it said. */
export async function streams(page) {
  const list = (text, field) => Array.from(text.matchAll(new RegExp(`^${field}: ?(.*)$`, "gm")), ([, value]) => value);
  const all = await page.evaluate(() => globalThis.streams);
  return all.map(({ after, said }) => ({ after, ids: list(said, "id"), names: list(said, "event") }));
}

/** Whether the platform says that it only simulates. */
export async function isSimulated(wanted) {
  return (await ask(wanted, "/health")).simulated === true;
}

/** Tries `look` until it gives something true, and gives that. */
export async function until(what, look, patience = PATIENCE_MS) {
  const begun = Date.now();
  for (;;) {
    const found = await look();
    if (found) return found;
    insist(Date.now() - begun < patience, `${what}: not within ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Asks the API itself, as the page would. */
export async function ask(wanted, path, init = {}) {
  const headers = { ...(wanted.token ? { Authorization: `Bearer ${wanted.token}` } : {}), ...init.headers };
  const response = await fetch(`${wanted.url}/api/v1${path}`, { ...init, headers });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${answer.detail}`);
  return answer;
}

/** Creates a store by the API itself, as somebody else would. */
export function askForStore(wanted, name) {
  const body = {
    name, engine: "medusa", admin_username: "admin", admin_email: "admin@example.com", admin_password: "a long passphrase",
  };
  const headers = { "Content-Type": "application/json" };
  return ask(wanted, "/stores", { method: "POST", headers, body: JSON.stringify(body) });
}

export function insist(isTrue, words) {
  if (!isTrue) throw new Error(words);
}

/** A name that no earlier run has taken. */
export function freshName(prefix) {
  return `${prefix}-${Date.now().toString(36)}`;
}
