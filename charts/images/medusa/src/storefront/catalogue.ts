/** What the front page shows, read through Medusa's own query layer. */
import type { MedusaContainer } from "@medusajs/framework/types";
import { ContainerRegistrationKeys, ProductStatus, QueryContext } from "@medusajs/framework/utils";

export interface Card {
  title: string;
  subtitle: string;
  description: string;
  picture: string | null;
  price: string | null;
  /** More than one price: the page then says "from". */
  priceVaries: boolean;
  choices: string[];
}

export interface Shop {
  name: string;
  cards: Card[];
}

/** As many as a page without paging can carry. */
const PAGE_SIZE = 60;

const PRODUCT_FIELDS = [
  "id",
  "title",
  "subtitle",
  "description",
  "thumbnail",
  "sales_channels.id",
  "options.title",
  "options.values.value",
  "variants.id",
  "variants.calculated_price.*",
];

interface Region {
  id: string;
  currency_code: string;
}

interface Product {
  title: string;
  subtitle?: string | null;
  description?: string | null;
  thumbnail?: string | null;
  sales_channels?: ({ id: string } | null)[];
  options?: { values?: { value: string }[] }[];
  variants?: { calculated_price?: { calculated_amount?: number | null } | null }[];
}

export async function loadShop(scope: MedusaContainer, publicUrl: string): Promise<Shop> {
  const query = scope.resolve(ContainerRegistrationKeys.QUERY);
  const [stores, regions] = await Promise.all([
    query.graph({ entity: "store", fields: ["name", "default_sales_channel_id"] }),
    query.graph({ entity: "region", fields: ["id", "currency_code"], pagination: { take: 1, order: { created_at: "ASC" } } }),
  ]);
  const region: Region | undefined = regions.data[0];
  const store = stores.data[0];
  const products = await loadProducts(query, region);
  return {
    name: store?.name ?? "Store",
    cards: products.filter((product) => isOnSale(product, store?.default_sales_channel_id)).map((product) => toCard(product, region, publicUrl)),
  };
}

async function loadProducts(query: any, region: Region | undefined): Promise<Product[]> {
  // Without a region there is no price to calculate, and asking for one is an error.
  const fields = region ? PRODUCT_FIELDS : PRODUCT_FIELDS.filter((field) => !field.includes("calculated_price"));
  const context = region && {
    variants: { calculated_price: QueryContext({ region_id: region.id, currency_code: region.currency_code }) },
  };
  const { data } = await query.graph({
    entity: "product",
    fields,
    filters: { status: ProductStatus.PUBLISHED },
    pagination: { take: PAGE_SIZE, order: { created_at: "DESC" } },
    context,
  });
  return data;
}

/** Products of other sales channels (a wholesale list, say) are not for this page. */
function isOnSale(product: Product, channel: string | null | undefined): boolean {
  return !channel || (product.sales_channels ?? []).some((other) => other?.id === channel);
}

function toCard(product: Product, region: Region | undefined, publicUrl: string): Card {
  const prices = (product.variants ?? [])
    .map((variant) => variant.calculated_price?.calculated_amount)
    .filter((amount): amount is number => typeof amount === "number");
  return {
    title: product.title,
    subtitle: product.subtitle ?? "",
    description: product.description ?? "",
    picture: product.thumbnail ? withoutOrigin(product.thumbnail, publicUrl) : null,
    price: region && prices.length > 0 ? money(Math.min(...prices), region.currency_code) : null,
    priceVaries: new Set(prices).size > 1,
    choices: (product.options ?? []).flatMap((option) => (option.values ?? []).map(({ value }) => value)),
  };
}

/** The shop's own pictures by path: the page then also works through a port-forward or a second domain. */
function withoutOrigin(url: string, publicUrl: string): string {
  return publicUrl && url.startsWith(`${publicUrl}/`) ? url.slice(publicUrl.length) : url;
}

function money(amount: number, currency: string): string {
  return new Intl.NumberFormat("en", { style: "currency", currency: currency.toUpperCase() }).format(amount);
}
