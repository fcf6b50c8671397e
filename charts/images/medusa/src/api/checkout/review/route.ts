/** `/checkout/review`: a last look, and the order. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { ContainerRegistrationKeys } from "@medusajs/framework/utils";
import { loadShortages, type Cart } from "../../../storefront/cart";
import { fingerprint, placeOrder } from "../../../storefront/checkout";
import { textField } from "../../../storefront/forms";
import { cartFor } from "../../../storefront/gate";
import { html } from "../../../storefront/html";
import { reviewPage, type Trouble } from "../../../storefront/pages/checkout";
import { goTo, sendPage } from "../../../storefront/respond";
import { loadShop } from "../../../storefront/shop";
import { keepOrder } from "../../../storefront/visitor";

const CHANGED: Trouble = {
  title: "Your order has changed",
  text: "It is no longer what you saw, perhaps because of another window. Please look at it again before you order.",
};
const REFUSED: Trouble = {
  title: "The order was not placed",
  text: "The shop could not take it just now, and nothing was charged. Please try again, or get in touch with the shop.",
};

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const cart = await cartFor("review", request, response);
  if (cart) {
    await sendPage(request, response, reviewPage(cart));
  }
}

export async function POST(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const cart = await cartFor("review", request, response);
  if (!cart) {
    return;
  }
  if (textField(request.body, "seen") !== fingerprint(cart)) {
    return sendPage(request, response, reviewPage(cart, CHANGED));
  }
  return order(cart, request, response);
}

async function order(cart: Cart, request: MedusaRequest, response: MedusaResponse): Promise<void> {
  let id: string;
  try {
    id = await placeOrder(request.scope, cart.id);
  } catch (error) {
    return sendPage(request, response, reviewPage(cart, await explain(error as Error, cart, request)));
  }
  keepOrder(request, response, cart.id);
  return goTo(response, `/orders/${id}`);
}

async function explain(error: Error, cart: Cart, request: MedusaRequest): Promise<Trouble> {
  const short = await loadShortages(request.scope, await loadShop(request.scope), cart);
  if (short.length === 0) {
    request.scope.resolve(ContainerRegistrationKeys.LOGGER).error(error);
    return REFUSED;
  }
  return {
    title: "Somebody was faster",
    text: html`There is not enough left of ${short.join(", ")}. <a href="/cart">Change the cart</a>`,
  };
}
