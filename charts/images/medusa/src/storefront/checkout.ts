/** From a cart to an order: address, delivery, and placing it exactly once. */
import { createHash } from "node:crypto";
import type { MedusaContainer } from "@medusajs/framework/types";
import { Modules } from "@medusajs/framework/utils";
import {
  addShippingMethodToCartWorkflow,
  completeCartWorkflow,
  createPaymentCollectionForCartWorkflow,
  createPaymentSessionsWorkflow,
  listShippingOptionsForCartWorkflow,
  updateCartWorkflow,
} from "@medusajs/medusa/core-flows";
import type { Cart } from "./cart";
import type { Details } from "./forms";
import { toNumber, type Amount } from "./money";
import { read } from "./shop";

/** Medusa's provider for payment that people arrange between themselves. */
const MANUAL_PAYMENT = "pp_system_default";
/** A second click waits for the first. */
const LOCK_SECONDS = 30;

export type Step = "cart" | "details" | "delivery" | "review";

export const PATHS: Record<Step, string> = {
  cart: "/cart",
  details: "/checkout",
  delivery: "/checkout/delivery",
  review: "/checkout/review",
};

const ORDER: Step[] = ["cart", "details", "delivery", "review"];

/** The furthest step that the cart is ready for. */
export function readyFor(cart: Cart): Step {
  if (cart.items.length === 0) {
    return "cart";
  }
  if (!cart.email || !cart.shipping_address?.address_1) {
    return "details";
  }
  return needsDelivery(cart) && cart.shipping_methods.length === 0 ? "delivery" : "review";
}

export function isReadyFor(cart: Cart, step: Step): boolean {
  return ORDER.indexOf(step) <= ORDER.indexOf(readyFor(cart));
}

export function needsDelivery(cart: Cart): boolean {
  return cart.items.some((item) => item.requires_shipping);
}

export function countries(cart: Cart): string[] {
  return (cart.region?.countries ?? []).map((country) => country.iso_2);
}

export async function saveDetails(scope: MedusaContainer, cart: string, { email, address }: Details): Promise<void> {
  await updateCartWorkflow(scope).run({ input: { id: cart, email, shipping_address: address, billing_address: address } });
}

export interface DeliveryOption {
  id: string;
  name: string;
  description: string;
  amount: Amount;
}

/** The ways to deliver what has one shipping profile; Medusa wants a choice for each. */
export interface Parcel {
  profile: string;
  contents: string[];
  options: DeliveryOption[];
}

export async function loadParcels(scope: MedusaContainer, cart: Cart): Promise<Parcel[]> {
  const { result } = await listShippingOptionsForCartWorkflow(scope).run({ input: { cart_id: cart.id, is_return: false } });
  const contents = new Map<string, string[]>();
  for (const item of cart.items.filter(({ requires_shipping }) => requires_shipping)) {
    const profile = item.variant?.product?.shipping_profile?.id ?? "";
    contents.set(profile, [...(contents.get(profile) ?? []), item.product_title]);
  }
  return [...contents].map(([profile, titles]) => ({
    profile,
    contents: [...new Set(titles)],
    options: (result as any[])
      .filter((option) => option.shipping_profile_id === profile && option.amount !== null && option.amount !== undefined)
      .map(({ id, name, type, amount }) => ({ id, name, description: type?.description ?? "", amount }))
      .sort((a, b) => toNumber(a.amount) - toNumber(b.amount)),
  }));
}

export async function chooseDelivery(scope: MedusaContainer, cart: string, options: string[]): Promise<void> {
  await addShippingMethodToCartWorkflow(scope).run({ input: { cart_id: cart, options: options.map((id) => ({ id })) } });
}

/** Stands for everything that the customer agrees to, so that an order is for what was on the screen and nothing else. */
export function fingerprint(cart: Cart): string {
  const agreed = [
    cart.id,
    cart.email,
    toNumber(cart.total),
    cart.items.map((item) => [item.id, item.quantity, toNumber(item.unit_price)]),
    cart.shipping_methods.map((method) => [method.shipping_option_id, toNumber(method.amount)]),
    Object.entries(cart.shipping_address ?? {}).filter(([, value]) => typeof value === "string").sort(),
  ];
  return createHash("sha256").update(JSON.stringify(agreed)).digest("hex").slice(0, 32);
}

/** Gives the order's id; for a cart that is an order already, the same one again. */
export async function placeOrder(scope: MedusaContainer, cart: string): Promise<string> {
  const locking = scope.resolve(Modules.LOCKING);
  // Not the cart's id alone: that is the key which Medusa's own workflows take, inside.
  return locking.execute([`place-order:${cart}`], () => complete(scope, cart), { timeout: LOCK_SECONDS });
}

async function complete(scope: MedusaContainer, cart: string): Promise<string> {
  const placed = await findOrder(scope, cart);
  if (placed) {
    return placed;
  }
  const collection = await paymentCollection(scope, cart);
  await createPaymentSessionsWorkflow(scope).run({ input: { payment_collection_id: collection, provider_id: MANUAL_PAYMENT } });
  const { result } = await completeCartWorkflow(scope).run({ input: { id: cart } });
  return result.id;
}

/** The order that the cart became. */
export async function findOrder(scope: MedusaContainer, cart: string): Promise<string | null> {
  const { rows } = await read<{ order_id: string }>(scope, {
    entity: "order_cart",
    fields: ["order_id"],
    filters: { cart_id: cart },
  });
  return rows[0]?.order_id ?? null;
}

/** An attempt that failed, for want of stock say, leaves one behind; Medusa keeps its amount up to date. */
async function paymentCollection(scope: MedusaContainer, cart: string): Promise<string> {
  const { rows } = await read<{ payment_collection?: { id: string } | null }>(scope, {
    entity: "cart",
    fields: ["payment_collection.id"],
    filters: { id: cart },
  });
  const existing = rows[0]?.payment_collection?.id;
  if (existing) {
    return existing;
  }
  const { result } = await createPaymentCollectionForCartWorkflow(scope).run({ input: { cart_id: cart } });
  return result.id;
}
