/** What holds for every page of the shop front: what a browser may do with it, and from where a form may come. */
import type { MedusaNextFunction, MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { publicUrl } from "./shop";
import { sendForbidden, sendNotFound } from "./respond";

/** First parts of paths that belong to Medusa. */
const MEDUSA = new Set(["admin", "app", "auth", "cloud", "health", "hooks", "static", "store"]);

const PAGES = [
  /^\/$/,
  /^\/assets\/[^/]+$/,
  /^\/products\/[^/]+$/,
  /^\/cart$/,
  /^\/cart\/items\/[^/]+$/,
  /^\/checkout(\/delivery|\/review)?$/,
  /^\/orders\/[^/]+$/,
];

/** No page runs a script, loads anything but the shop's own style and pictures, or sends a form elsewhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  // A shopkeeper may keep pictures elsewhere; over plain HTTP only the shop itself is allowed.
  "img-src 'self' https: data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Opener-Policy": "same-origin",
  // A page shows the visitor's own cart; the stylesheet says otherwise for itself.
  "Cache-Control": "private, no-cache",
};

export function isShopPath(path: string): boolean {
  return !MEDUSA.has(path.split("/")[1].toLowerCase());
}

export async function guard(request: MedusaRequest, response: MedusaResponse, next: MedusaNextFunction): Promise<void> {
  if (!isShopPath(request.path)) {
    return next();
  }
  response.set(HEADERS);
  if (!PAGES.some((page) => page.test(request.path.replace(/(.)\/$/, "$1").toLowerCase()))) {
    return sendNotFound(request, response);
  }
  if (!isReading(request.method) && !isFromHere(request)) {
    return sendForbidden(request, response);
  }
  next();
}

function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/**
 * A browser says which page a form was on. `SameSite` alone would let the shops of one domain send each other's forms.
 * Through a port-forward or a second domain the page's own host counts; the public one counts only as it is published.
 */
function isFromHere(request: MedusaRequest): boolean {
  const origin = request.headers.origin;
  if (!origin) {
    return request.headers["sec-fetch-site"] === "same-origin";
  }
  const own = parse(publicUrl());
  const host = request.headers.host;
  return origin === own?.origin || (host !== own?.host && parse(origin)?.host === host);
}

function parse(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null;
}
