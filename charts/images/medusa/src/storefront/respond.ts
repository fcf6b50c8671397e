/** How answers leave: as whole pages with the visitor's cart in the header, as redirects, as messages. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { countItems } from "./cart";
import type { Html } from "./html";
import { messagePage } from "./pages/message";
import { renderPage } from "./pages/layout";
import { loadShop, type Shop } from "./shop";

export interface Page {
  title: string;
  main: Html;
  description?: string;
  status?: number;
  /** Known already where the page shows the cart itself. */
  items?: number;
  shop?: Shop;
}

export async function sendPage(request: MedusaRequest, response: MedusaResponse, page: Page): Promise<void> {
  const [shop, items] = await Promise.all([page.shop ?? loadShop(request.scope), page.items ?? countItems(request)]);
  response
    .status(page.status ?? 200)
    .set("Content-Type", "text/html; charset=utf-8")
    .send(renderPage({ ...page, shop: shop.name, items }));
}

/** The answer to a form: the browser fetches the next page, and reloading that sends nothing twice. */
export function goTo(response: MedusaResponse, path: string): void {
  response.redirect(303, path);
}

/** For pages with somebody's name and address on them. */
export function keepPrivate(response: MedusaResponse): void {
  response.set("Cache-Control", "no-store");
}

export function sendNotFound(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  return sendPage(request, response, {
    status: 404,
    ...messagePage("There is nothing here", "The page may have moved, or the product is no longer on sale."),
  });
}

export function sendForbidden(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  return sendPage(request, response, {
    status: 403,
    ...messagePage("This form came from somewhere else", "Nothing was changed. Open the page in this shop and try again."),
  });
}

/** Says nothing of the cause, and needs no database: that may be the cause. */
export function sendFailure(response: MedusaResponse, status: number): void {
  const text =
    status < 500 ? "The shop could not make sense of what was sent." : "That is our fault. Nothing is lost: try again in a moment.";
  response
    .status(status)
    .set("Content-Type", "text/html; charset=utf-8")
    .send(renderPage({ ...messagePage("Something went wrong", text), shop: "Shop", items: 0 }));
}
