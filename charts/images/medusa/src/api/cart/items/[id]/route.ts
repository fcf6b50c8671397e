/** `POST /cart/items/{id}`: changes how many of it are wanted, or removes it. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { isNotFound, isOutOfStock, loadCart, setQuantity } from "../../../../storefront/cart";
import { quantityField, textField } from "../../../../storefront/forms";
import { cartPage } from "../../../../storefront/pages/cart";
import { goTo, sendPage } from "../../../../storefront/respond";
import { keepCart } from "../../../../storefront/visitor";

export async function POST(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const line = request.params.id;
  const quantity = textField(request.body, "do") === "remove" ? 0 : quantityField(request.body, "quantity");
  const error = quantity === null ? "Enter a number from 0 to 999" : await change(request, response, line, quantity);
  if (error) {
    const cart = await loadCart(request);
    return sendPage(request, response, cartPage(cart?.completed_at ? null : cart, { line, text: error }));
  }
  return goTo(response, "/cart");
}

/** What to tell the customer, if it cannot be done. */
async function change(request: MedusaRequest, response: MedusaResponse, line: string, quantity: number): Promise<string | null> {
  const cart = await loadCart(request);
  // Of another tab's order, say, or removed there already: the cart's page shows how it is now.
  if (!cart || cart.completed_at || !cart.items.some((item) => item.id === line)) {
    return null;
  }
  try {
    await setQuantity(request.scope, cart.id, line, quantity);
    keepCart(response, cart.id);
    return null;
  } catch (error) {
    if (isOutOfStock(error)) {
      return "There are not that many left";
    }
    if (isNotFound(error)) {
      return null;
    }
    throw error;
  }
}
