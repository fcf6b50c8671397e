/** `/checkout`: who orders, and where it should go. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { countries, needsDelivery, PATHS, saveDetails } from "../../storefront/checkout";
import { readDetails } from "../../storefront/forms";
import { cartFor } from "../../storefront/gate";
import { detailsPage } from "../../storefront/pages/checkout";
import { goTo, sendPage } from "../../storefront/respond";

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const cart = await cartFor("details", request, response);
  if (cart) {
    const address = Object.fromEntries(Object.entries(cart.shipping_address ?? {}).map(([name, value]) => [name, String(value ?? "")]));
    await sendPage(request, response, detailsPage(cart, { email: cart.email ?? "", address }));
  }
}

export async function POST(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const cart = await cartFor("details", request, response);
  if (!cart) {
    return;
  }
  const { details, errors } = readDetails(request.body, countries(cart));
  if (Object.keys(errors).length > 0) {
    return sendPage(request, response, detailsPage(cart, details, errors));
  }
  await saveDetails(request.scope, cart.id, details);
  return goTo(response, needsDelivery(cart) ? PATHS.delivery : PATHS.review);
}
