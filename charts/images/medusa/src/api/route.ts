/** `GET /`: the shop's front page, rendered on the server. */
import { createHash } from "node:crypto";
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { loadShop } from "../storefront/catalogue";
import { renderPage, STYLE } from "../storefront/page";

/** The page runs no script and loads nothing but its own style and the shop's pictures. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  // A shopkeeper may keep pictures elsewhere; over plain HTTP only the shop itself is allowed.
  "img-src 'self' https: data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const shop = await loadShop(request.scope, process.env.PUBLIC_URL ?? "");
  response
    .status(200)
    .set("Content-Type", "text/html; charset=utf-8")
    .set("Cache-Control", "no-cache")
    .set("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    .set("Referrer-Policy", "same-origin")
    .set("X-Content-Type-Options", "nosniff")
    .send(renderPage(shop));
}
