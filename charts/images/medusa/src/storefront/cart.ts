/**
 * The visitor's cart. It is read through Medusa's query layer and changed by Medusa's own workflows, in this process:
 * the same code as behind the store API, without a second HTTP request, a publishable key, or JSON in between.
 */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";
import type { MedusaContainer } from "@medusajs/framework/types";
import { MedusaError } from "@medusajs/framework/utils";
import { addToCartWorkflow, createCartWorkflow, updateLineItemInCartWorkflow } from "@medusajs/medusa/core-flows";
import { loadStock, type Counted } from "./catalogue";
import { toNumber, type Amount, type Priced } from "./money";
import { picturePath, read, type Shop } from "./shop";
import { cartId, keepCart } from "./visitor";

export interface Line {
  id: string;
  product_title: string;
  variant_title: string | null;
  product_handle: string | null;
  thumbnail: string | null;
  quantity: number;
  unit_price: Amount;
}

export interface Address {
  first_name?: string | null;
  last_name?: string | null;
  address_1?: string | null;
  address_2?: string | null;
  postal_code?: string | null;
  city?: string | null;
  province?: string | null;
  country_code?: string | null;
  phone?: string | null;
}

export interface CartLine extends Line {
  requires_shipping: boolean;
  /** Gone, if the shopkeeper deleted it. */
  variant?: (Counted & { product?: { shipping_profile?: { id: string } | null } | null }) | null;
}

export interface Cart extends Priced {
  id: string;
  completed_at: unknown;
  email: string | null;
  items: CartLine[];
  shipping_methods: { name: string; amount: Amount; shipping_option_id: string }[];
  shipping_address: Address | null;
  region: { countries: { iso_2: string }[] } | null;
}

/** What cart and order have in common, as the pages show it. */
export const PRICED_FIELDS = [
  "id", "email", "currency_code", "total", "tax_total", "discount_total", "discount_subtotal",
  "items.id", "items.product_title", "items.variant_title", "items.product_handle", "items.thumbnail", "items.quantity",
  "items.unit_price", "items.created_at", "items.adjustments.*", "items.tax_lines.*",
  "shipping_methods.id", "shipping_methods.name", "shipping_methods.amount", "shipping_methods.shipping_option_id",
  "shipping_methods.adjustments.*", "shipping_methods.tax_lines.*", "shipping_address.*",
];

const CART_FIELDS = [
  ...PRICED_FIELDS, "completed_at", "region.countries.iso_2", "items.requires_shipping", "items.variant.id",
  "items.variant.manage_inventory", "items.variant.allow_backorder", "items.variant.product.shipping_profile.id",
];

/** The visitor's cart, finished or not. */
export async function loadCart(request: MedusaRequest): Promise<Cart | null> {
  const id = cartId(request);
  if (!id) {
    return null;
  }
  const { rows } = await read<Cart>(request.scope, { entity: "cart", fields: CART_FIELDS, filters: { id } });
  return rows[0] ? tidy(rows[0]) : null;
}

/** Lists without holes, the oldest line first, numbers as numbers, pictures by path. */
export function tidy<Kind extends { items: Line[]; shipping_methods: unknown[] }>(record: Kind): Kind {
  const lines = (record.items ?? []).filter(Boolean) as (Line & { created_at?: string })[];
  lines.sort((a, b) => Number(new Date(a.created_at ?? 0)) - Number(new Date(b.created_at ?? 0)));
  const items = lines.map((line) => ({ ...line, quantity: toNumber(line.quantity), thumbnail: picturePath(line.thumbnail) }));
  return { ...record, items, shipping_methods: (record.shipping_methods ?? []).filter(Boolean) };
}

export async function countItems(request: MedusaRequest): Promise<number> {
  const id = cartId(request);
  if (!id) {
    return 0;
  }
  const { rows } = await read<{ completed_at: unknown; items?: ({ quantity: Amount } | null)[] }>(request.scope, {
    entity: "cart",
    fields: ["completed_at", "items.quantity"],
    filters: { id },
  });
  return rows[0] && !rows[0].completed_at ? countLines(rows[0].items ?? []) : 0;
}

export function countLines(items: ({ quantity: Amount } | null)[]): number {
  return items.reduce((sum, item) => sum + toNumber(item?.quantity), 0);
}

/** Puts it into the visitor's cart, or into a new one if they have none that can still be changed. */
export async function addToCart(
  request: MedusaRequest,
  response: MedusaResponse,
  shop: Shop,
  item: { variant_id: string; quantity: number },
): Promise<void> {
  const items = [item];
  const cart = await openCart(request);
  if (cart) {
    await addToCartWorkflow(request.scope).run({ input: { cart_id: cart, items } });
    keepCart(response, cart);
    return;
  }
  const { result } = await createCartWorkflow(request.scope).run({
    input: { region_id: shop.region?.id, sales_channel_id: shop.channel ?? undefined, items },
  });
  keepCart(response, result.id);
}

/** The id of the cart in the visitor's hands, if it is there and not an order yet. */
async function openCart(request: MedusaRequest): Promise<string | null> {
  const id = cartId(request);
  if (!id) {
    return null;
  }
  const { rows } = await read<{ id: string; completed_at: unknown }>(request.scope, {
    entity: "cart",
    fields: ["id", "completed_at"],
    filters: { id },
  });
  return rows[0] && !rows[0].completed_at ? id : null;
}

/** Zero removes the line. Medusa's workflow for removing would not ask whose line it is; this one does. */
export async function setQuantity(scope: MedusaContainer, cart: string, line: string, quantity: number): Promise<void> {
  await updateLineItemInCartWorkflow(scope).run({ input: { cart_id: cart, item_id: line, update: { quantity } } });
}

/** What there is not enough of any more. Medusa's workflow that completes a cart does not say so in a way to rely on. */
export async function loadShortages(scope: MedusaContainer, shop: Shop, cart: Cart): Promise<string[]> {
  const stock = await loadStock(scope, shop, cart.items.flatMap(({ variant }) => (variant ? [variant] : [])));
  return cart.items
    .filter(({ variant, quantity }) => variant && quantity > (stock.get(variant.id) ?? Infinity))
    .map((item) => item.product_title);
}

export function isOutOfStock(error: unknown): boolean {
  return (error as MedusaError | undefined)?.code === MedusaError.Codes.INSUFFICIENT_INVENTORY;
}

export function isNotFound(error: unknown): boolean {
  return (error as MedusaError | undefined)?.type === MedusaError.Types.NOT_FOUND;
}
