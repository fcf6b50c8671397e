/** Which shop this is, and the one way in which the pages read the database: Medusa's query layer. */
import type { MedusaContainer } from "@medusajs/framework/types";
import { ContainerRegistrationKeys } from "@medusajs/framework/utils";

export interface Shop {
  name: string;
  /** The sales channel whose products are on sale here; without one, all are. */
  channel: string | null;
  /** Where prices come from; without one there are none. */
  region: { id: string; currency_code: string } | null;
}

export interface Reading {
  entity: string;
  fields: string[];
  filters?: Record<string, unknown>;
  pagination?: { take?: number; skip?: number; order?: Record<string, "ASC" | "DESC"> };
  context?: Record<string, unknown>;
}

/** Medusa's types cover neither links nor calculated fields: each reader says what it expects. */
export async function read<Row>(scope: MedusaContainer, reading: Reading): Promise<{ rows: Row[]; count: number }> {
  const query: { graph(reading: Reading): Promise<any> } = scope.resolve(ContainerRegistrationKeys.QUERY);
  const { data, metadata } = await query.graph(reading);
  return { rows: data, count: metadata?.count ?? data.length };
}

export async function loadShop(scope: MedusaContainer): Promise<Shop> {
  const [stores, regions] = await Promise.all([
    read<{ name: string; default_sales_channel_id: string | null }>(scope, {
      entity: "store",
      fields: ["name", "default_sales_channel_id"],
    }),
    read<{ id: string; currency_code: string }>(scope, {
      entity: "region",
      fields: ["id", "currency_code"],
      pagination: { take: 1, order: { created_at: "ASC" } },
    }),
  ]);
  return {
    name: stores.rows[0]?.name ?? "Shop",
    channel: stores.rows[0]?.default_sales_channel_id ?? null,
    region: regions.rows[0] ?? null,
  };
}

export function publicUrl(): string {
  return (process.env.PUBLIC_URL ?? "").replace(/\/+$/, "");
}

/** The shop's own pictures by path: the page then also works through a port-forward or a second domain. */
export function picturePath(url: string | null | undefined): string | null {
  const own = publicUrl();
  return url ? (own && url.startsWith(`${own}/`) ? url.slice(own.length) : url) : null;
}
