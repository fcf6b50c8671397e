/** `GET /products/{handle}`: one product. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { loadProduct } from "../../../storefront/catalogue";
import { productPage } from "../../../storefront/pages/product";
import { sendNotFound, sendPage } from "../../../storefront/respond";
import { loadShop } from "../../../storefront/shop";

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  const shop = await loadShop(request.scope);
  const product = await loadProduct(request.scope, shop, request.params.handle);
  return product ? sendPage(request, response, productPage(shop, product)) : sendNotFound(request, response);
}
