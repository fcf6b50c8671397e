/** An order as its customer sees it, and only they: the browser that placed it holds the id of its cart. */
import type { MedusaRequest } from "@medusajs/framework/http";
import { PRICED_FIELDS, tidy, type Address, type Line } from "./cart";
import type { Amount, Priced } from "./money";
import { read } from "./shop";
import { placedCarts } from "./visitor";

const ORDER_ID = /^order_[0-9A-Z]{26}$/;

export interface Order extends Priced {
  id: string;
  display_id: number;
  email: string;
  created_at: string;
  items: Line[];
  shipping_methods: { name: string; amount: Amount }[];
  shipping_address: Address | null;
}

export async function loadOrder(request: MedusaRequest, id: string): Promise<Order | null> {
  if (!ORDER_ID.test(id) || !(await isOwn(request, id))) {
    return null;
  }
  const { rows } = await read<Order>(request.scope, {
    entity: "order",
    fields: [...PRICED_FIELDS, "display_id", "created_at"],
    filters: { id },
  });
  return rows[0] ? tidy(rows[0]) : null;
}

async function isOwn(request: MedusaRequest, id: string): Promise<boolean> {
  const own = placedCarts(request);
  if (own.length === 0) {
    return false;
  }
  const { rows } = await read<{ cart_id: string }>(request.scope, {
    entity: "order_cart",
    fields: ["cart_id"],
    filters: { order_id: id },
  });
  return rows.some((row) => own.includes(row.cart_id));
}
