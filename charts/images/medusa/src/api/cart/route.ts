/** `GET /cart`: what the visitor has. `POST /cart`: puts a product into it. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { addToCart, isOutOfStock, loadCart } from "../../storefront/cart";
import { loadProduct, type Product } from "../../storefront/catalogue";
import { quantityField, textField, type Errors } from "../../storefront/forms";
import { cartPage } from "../../storefront/pages/cart";
import { productPage } from "../../storefront/pages/product";
import { goTo, sendNotFound, sendPage } from "../../storefront/respond";
import { loadShop } from "../../storefront/shop";

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const cart = await loadCart(request);
  return sendPage(request, response, cartPage(cart?.completed_at ? null : cart));
}

export async function POST(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const shop = await loadShop(request.scope);
  // By the product's page rather than the variant alone: what is not on sale here cannot be put into a cart.
  const product = await loadProduct(request.scope, shop, textField(request.body, "handle"));
  if (!product) {
    return sendNotFound(request, response);
  }
  const variant = textField(request.body, "variant");
  const quantity = quantityField(request.body, "quantity");
  const errors = judge(product, variant, quantity);
  if (quantity !== null && Object.keys(errors).length === 0) {
    try {
      await addToCart(request, response, shop, { variant_id: variant, quantity });
      return goTo(response, "/cart");
    } catch (error) {
      if (!isOutOfStock(error)) {
        throw error;
      }
      errors.quantity = "There are not that many left, counting what is in your cart";
    }
  }
  const wish = { variant, quantity: textField(request.body, "quantity").slice(0, 10) };
  return sendPage(request, response, productPage(shop, product, errors, wish));
}

function judge(product: Product, variant: string, quantity: number | null): Errors {
  const errors: Errors = {};
  const chosen = product.variants.find(({ id }) => id === variant);
  if (!chosen) {
    errors.variant = "Choose one of these";
  } else if (chosen.available === 0) {
    errors.variant = `${chosen.title} is sold out`;
  }
  if (!quantity) {
    errors.quantity = "Enter how many you would like, from 1 to 999";
  }
  return errors;
}
