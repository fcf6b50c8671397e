/** Puts the guard before every page of the shop front, and gives people a page where Medusa would give programs JSON. */
import {
  defineMiddlewares,
  errorHandler,
  type MedusaNextFunction,
  type MedusaRequest,
  type MedusaResponse,
} from "@medusajs/framework/http";
import { ContainerRegistrationKeys } from "@medusajs/framework/utils";
import { guard, isShopPath } from "../storefront/guard";
import { sendFailure } from "../storefront/respond";

const answerPrograms = errorHandler();

function answer(error: any, request: MedusaRequest, response: MedusaResponse, next: MedusaNextFunction): void {
  if (!isShopPath(request.path) || response.headersSent) {
    answerPrograms(error, request, response, next);
    return;
  }
  // What the HTTP layer itself refuses (a body too large, a path that is no text) says so.
  const refused = error?.status >= 400 && error.status < 500;
  if (!refused) {
    request.scope.resolve(ContainerRegistrationKeys.LOGGER).error(error);
  }
  sendFailure(response, refused ? error.status : 500);
}

export default defineMiddlewares({ errorHandler: answer, routes: [{ matcher: "/", middlewares: [guard] }] });
