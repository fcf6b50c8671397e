/** Who may enter a step of the checkout, and where everybody else goes instead. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { loadCart, type Cart } from "./cart";
import { findOrder, isReadyFor, PATHS, readyFor, type Step } from "./checkout";
import { goTo, keepPrivate } from "./respond";
import { keepOrder, placedCarts } from "./visitor";

/** The cart, or null when the visitor was sent elsewhere: to a step before this one, or to the order they placed. */
export async function cartFor(step: Step, request: MedusaRequest, response: MedusaResponse): Promise<Cart | null> {
  keepPrivate(response);
  const cart = await loadCart(request);
  if (cart && !cart.completed_at && isReadyFor(cart, step)) {
    return cart;
  }
  const placed = await findPlaced(cart, step, request);
  if (placed) {
    keepOrder(request, response, placed.cart);
    goTo(response, `/orders/${placed.order}`);
  } else {
    goTo(response, cart && !cart.completed_at ? PATHS[readyFor(cart)] : PATHS.cart);
  }
  return null;
}

/**
 * The answer that said so may never have arrived, or the button was pressed again after it had: both times the customer
 * wants to see their order, not an empty cart.
 */
async function findPlaced(cart: Cart | null, step: Step, request: MedusaRequest): Promise<{ cart: string; order: string } | null> {
  const pressedAgain = !cart && step === "review" && request.method === "POST";
  const id = cart?.completed_at ? cart.id : pressedAgain ? placedCarts(request)[0] : null;
  const order = id ? await findOrder(request.scope, id) : null;
  return id && order ? { cart: id, order } : null;
}
