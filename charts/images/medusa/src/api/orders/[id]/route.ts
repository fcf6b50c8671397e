/** `GET /orders/{id}`: the confirmation, for the browser that placed the order. To all others it does not exist. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { loadOrder } from "../../../storefront/order";
import { orderPage } from "../../../storefront/pages/order";
import { keepPrivate, sendNotFound, sendPage } from "../../../storefront/respond";

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const order = await loadOrder(request, request.params.id);
  keepPrivate(response);
  return order ? sendPage(request, response, orderPage(order)) : sendNotFound(request, response);
}
