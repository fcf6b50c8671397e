/** `GET /`: the shop's front page. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { loadShelf } from "../storefront/catalogue";
import { listPage } from "../storefront/pages/list";
import { sendNotFound, sendPage } from "../storefront/respond";
import { loadShop } from "../storefront/shop";

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const wanted = request.query.page ?? "1";
  if (typeof wanted !== "string" || !/^[1-9]\d{0,4}$/.test(wanted)) {
    return sendNotFound(request, response);
  }
  const shop = await loadShop(request.scope);
  const shelf = await loadShelf(request.scope, shop, Number(wanted));
  if (shelf.page > shelf.pages) {
    return sendNotFound(request, response);
  }
  return sendPage(request, response, listPage(shop, shelf));
}
