/** `/checkout/delivery`: how it should come. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { chooseDelivery, loadParcels, needsDelivery, PATHS } from "../../../storefront/checkout";
import { textField } from "../../../storefront/forms";
import { cartFor } from "../../../storefront/gate";
import { deliveryPage } from "../../../storefront/pages/checkout";
import { goTo, sendPage } from "../../../storefront/respond";

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const cart = await cartFor("delivery", request, response);
  if (!cart) {
    return;
  }
  if (!needsDelivery(cart)) {
    return goTo(response, PATHS.review);
  }
  return sendPage(request, response, deliveryPage(cart, await loadParcels(request.scope, cart)));
}

export async function POST(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const cart = await cartFor("delivery", request, response);
  if (!cart) {
    return;
  }
  const parcels = await loadParcels(request.scope, cart);
  const chosen = parcels.map((_, index) => textField(request.body, `option_${index}`));
  if (!parcels.every((parcel, index) => parcel.options.some((option) => option.id === chosen[index]))) {
    return sendPage(request, response, deliveryPage(cart, parcels, "Choose how it should be delivered"));
  }
  await chooseDelivery(request.scope, cart.id, chosen);
  return goTo(response, PATHS.review);
}
