/** `GET /assets/{file}`: the stylesheet. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { sendNotFound } from "../../../storefront/respond";
import { STYLE, STYLE_NAME } from "../../../storefront/style";

export async function GET(request: MedusaRequest, response: MedusaResponse): Promise<void> {
  if (request.params.file !== STYLE_NAME) {
    return sendNotFound(request, response);
  }
  response
    .set("Content-Type", "text/css; charset=utf-8")
    .set("Cache-Control", "public, max-age=31536000, immutable")
    .send(STYLE);
}
