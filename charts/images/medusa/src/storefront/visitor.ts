/**
 * What the shop knows of a visitor: the cart in their hands and the orders that they placed, each as a cart's id in a
 * cookie. The id cannot be guessed, and Medusa itself treats it as the right to the cart.
 */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import { publicUrl } from "./shop";

const MONTH_MS = 30 * 24 * 60 * 60 * 1000;
const CART_ID = /^cart_[0-9A-Z]{26}$/;
/** Newer orders push out older ones. */
const KEPT_ORDERS = 5;

const isHttps = () => publicUrl().startsWith("https:");

/** With this prefix a browser takes the cookie from this host only: shops under one domain cannot plant it on another. */
const cookieName = (name: string) => (isHttps() ? `__Host-${name}` : name);

const options = () => ({ httpOnly: true, sameSite: "lax" as const, secure: isHttps(), path: "/" });

function cookie(request: MedusaRequest, name: string): string {
  const value: unknown = request.cookies?.[cookieName(name)];
  return typeof value === "string" ? value : "";
}

export function cartId(request: MedusaRequest): string | null {
  const id = cookie(request, "cart");
  return CART_ID.test(id) ? id : null;
}

export function keepCart(response: MedusaResponse, id: string): void {
  response.cookie(cookieName("cart"), id, { ...options(), maxAge: MONTH_MS });
}

/** The carts that became orders in this browser, the newest first. */
export function placedCarts(request: MedusaRequest): string[] {
  return cookie(request, "placed").split(".").filter((id) => CART_ID.test(id));
}

export function keepOrder(request: MedusaRequest, response: MedusaResponse, cart: string): void {
  const carts = [...new Set([cart, ...placedCarts(request)])].slice(0, KEPT_ORDERS);
  response.cookie(cookieName("placed"), carts.join("."), { ...options(), maxAge: MONTH_MS });
  response.clearCookie(cookieName("cart"), options());
}
