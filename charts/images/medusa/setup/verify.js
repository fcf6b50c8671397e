/**
 * The setup's last act: looks at the shop as a customer would, through the store's Service and under its public name,
 * and reports what the platform shows with the store.
 */
"use strict";

const { readFileSync } = require("node:fs");
const http = require("node:http");
const { poll, report, required, run } = require("./shared");

const SERVICE = process.env.STOREFRONT_URL ?? "http://storefront";
const TIMEOUT_MS = 10_000;

async function main() {
  const host = new URL(required("PUBLIC_URL")).host;
  const { key, published } = JSON.parse(readFileSync(process.env.HANDOVER ?? "/handover/setup.json", "utf8"));
  const seconds = Number(process.env.WAIT_SECONDS ?? 600);
  const page = await poll(() => frontPage(host), { seconds, what: "the storefront did not answer" });
  const products = await listProducts(host, key);
  if (published > 0) {
    checkFrontPage(page, products);
  }
  await checkPicture(host, products);
  report(JSON.stringify({ details: { publishable_api_key: key }, products: products.length }));
  console.log(`The storefront lists ${products.length} products.`);
}

async function frontPage(host) {
  const { status, body } = await get("/", host);
  if (status !== 200) {
    throw new Error(`it answered with HTTP status ${status}`);
  }
  return body.toString("utf8");
}

async function listProducts(host, key) {
  const { status, body } = await get("/store/products?limit=100&fields=title,thumbnail", host, { "x-publishable-api-key": key });
  if (status !== 200) {
    throw new Error(`the store API answered with HTTP status ${status}: ${body.toString("utf8").slice(0, 200)}`);
  }
  return JSON.parse(body.toString("utf8")).products;
}

/** Not called for a shop that its keeper has emptied: there is nothing to look for. */
function checkFrontPage(page, products) {
  if (!products.some(({ title }) => page.includes(`>${escapeHtml(title)}<`))) {
    throw new Error(`the storefront lists none of the ${products.length} products that its API offers`);
  }
}

function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&${{ "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" }[character]};`);
}

/** One picture that the shop itself serves stands for the uploads volume. */
async function checkPicture(host, products) {
  const own = products.map(({ thumbnail }) => thumbnail).find((url) => url?.startsWith(`${required("PUBLIC_URL")}/static/`));
  if (!own) {
    return;
  }
  const { pathname } = new URL(own);
  const { status } = await get(pathname, host);
  if (status !== 200) {
    throw new Error(`the picture ${pathname} answered with HTTP status ${status}`);
  }
}

/** Not `fetch`: that would not send a `Host` other than the one it connects to. */
function get(path, host, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.get(`${SERVICE}${path}`, { headers: { ...headers, host }, timeout: TIMEOUT_MS }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }));
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    request.on("error", reject);
  });
}

run(main);
