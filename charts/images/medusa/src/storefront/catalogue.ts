/** What is on the shelves, read so that a page takes a fixed number of queries however many products it shows. */
import type { MedusaContainer } from "@medusajs/framework/types";
import { ContainerRegistrationKeys, getVariantAvailability, ProductStatus, QueryContext } from "@medusajs/framework/utils";
import { toNumber, type Amount } from "./money";
import { picturePath, read, type Shop } from "./shop";

export interface Price {
  amount: number;
  /** What it cost before, if it is on sale. */
  before: number | null;
  currency: string;
}

export interface Variant {
  id: string;
  title: string;
  price: Price;
  /** How many can be ordered at most; null: any number. */
  available: number | null;
}

export interface Product {
  title: string;
  subtitle: string;
  handle: string;
  description: string;
  thumbnail: string | null;
  pictures: string[];
  /** What the variants differ in, as "Size" or "Size and colour". */
  choice: string;
  /** Only those that have a price in this region. */
  variants: Variant[];
}

export interface Shelf {
  products: Product[];
  page: number;
  pages: number;
}

const PAGE_SIZE = 24;

const SHELF_FIELDS = [
  "id", "title", "subtitle", "handle", "thumbnail", "variants.id", "variants.manage_inventory", "variants.allow_backorder",
];
/** Not for the shelf: each further relation is another query. */
const PRODUCT_FIELDS = [
  ...SHELF_FIELDS, "description", "options.title", "variants.title", "variants.variant_rank", "images.url", "images.rank",
  "sales_channels.id",
];

export interface Counted {
  id: string;
  manage_inventory: boolean;
  allow_backorder: boolean;
}

interface VariantRow extends Counted {
  title?: string | null;
  variant_rank?: number | null;
  calculated_price?: { calculated_amount?: Amount; original_amount?: Amount } | null;
}

interface ProductRow {
  title: string;
  subtitle?: string | null;
  handle: string;
  description?: string | null;
  thumbnail?: string | null;
  images?: { url: string; rank: number }[];
  options?: { title: string }[];
  variants?: VariantRow[];
  sales_channels?: ({ id: string } | null)[];
}

export async function loadShelf(scope: MedusaContainer, shop: Shop, page: number): Promise<Shelf> {
  const { rows, count } = await read<ProductRow>(scope, {
    entity: "product",
    ...withPrices(shop, SHELF_FIELDS),
    filters: { status: ProductStatus.PUBLISHED, ...(await onSale(scope, shop)) },
    pagination: { take: PAGE_SIZE, skip: (page - 1) * PAGE_SIZE, order: { created_at: "DESC" } },
  });
  return { products: await toProducts(scope, shop, rows), page, pages: Math.max(1, Math.ceil(count / PAGE_SIZE)) };
}

export async function loadProduct(scope: MedusaContainer, shop: Shop, handle: string): Promise<Product | null> {
  // The database takes no control characters, and no handle has any.
  if (/\p{Cc}/u.test(handle)) {
    return null;
  }
  const { rows } = await read<ProductRow>(scope, {
    entity: "product",
    ...withPrices(shop, PRODUCT_FIELDS),
    filters: { status: ProductStatus.PUBLISHED, handle },
    pagination: { take: 1 },
  });
  const [row] = rows;
  // Products of other sales channels (a wholesale list, say) are not for this shop front.
  if (!row || (shop.channel && !row.sales_channels?.some((channel) => channel?.id === shop.channel))) {
    return null;
  }
  return (await toProducts(scope, shop, [row]))[0];
}

export function isSoldOut({ variants }: Product): boolean {
  return variants.every((variant) => variant.available === 0);
}

/** Without a region there is no price to calculate, and asking for one is an error. */
function withPrices({ region }: Shop, fields: string[]) {
  if (!region) {
    return { fields };
  }
  return {
    fields: [...fields, "variants.calculated_price.*"],
    context: {
      variants: { calculated_price: QueryContext({ region_id: region.id, currency_code: region.currency_code }) },
    },
  };
}

/** Medusa filters by what is in the product's own tables: the channel's products are looked up first, as its API does. */
async function onSale(scope: MedusaContainer, { channel }: Shop): Promise<{ id?: string[] }> {
  if (!channel) {
    return {};
  }
  const { rows } = await read<{ product_id: string }>(scope, {
    entity: "product_sales_channel",
    fields: ["product_id"],
    filters: { sales_channel_id: channel },
  });
  return { id: rows.map((row) => row.product_id) };
}

async function toProducts(scope: MedusaContainer, shop: Shop, rows: ProductRow[]): Promise<Product[]> {
  const stock = await loadStock(scope, shop, rows.flatMap((row) => row.variants ?? []));
  return rows.map((row) => ({
    title: row.title,
    subtitle: row.subtitle ?? "",
    handle: row.handle,
    description: row.description ?? "",
    thumbnail: picturePath(row.thumbnail ?? row.images?.[0]?.url),
    pictures: toPictures(row),
    choice: (row.options ?? []).map((option) => option.title).join(" and "),
    variants: toVariants(shop, row.variants ?? [], stock),
  }));
}

function toPictures({ images, thumbnail }: ProductRow): string[] {
  const urls = [...(images ?? [])].sort((a, b) => a.rank - b.rank).map((image) => image.url);
  return [...new Set(thumbnail ? [thumbnail, ...urls] : urls)].map((url) => picturePath(url) ?? "").filter(Boolean);
}

function toVariants({ region }: Shop, rows: VariantRow[], stock: Map<string, number>): Variant[] {
  return [...rows]
    .sort((a, b) => (a.variant_rank ?? 0) - (b.variant_rank ?? 0))
    .flatMap((row) => {
      const amount = row.calculated_price?.calculated_amount;
      if (!region || amount === null || amount === undefined) {
        return [];
      }
      const before = toNumber(row.calculated_price?.original_amount);
      const price = { amount: toNumber(amount), before: before > toNumber(amount) ? before : null, currency: region.currency_code };
      return [{ id: row.id, title: row.title ?? "", price, available: stock.get(row.id) ?? null }];
    });
}

/** How many of each variant can be sold; those that are not counted, or may be sold out of stock, are not in it. */
export async function loadStock(scope: MedusaContainer, { channel }: Shop, variants: Counted[]): Promise<Map<string, number>> {
  const counted = variants.filter((variant) => variant.manage_inventory && !variant.allow_backorder).map(({ id }) => id);
  if (counted.length === 0 || !channel) {
    return new Map();
  }
  const query = scope.resolve(ContainerRegistrationKeys.QUERY);
  const found = await getVariantAvailability(query, { variant_ids: counted, sales_channel_id: channel });
  return new Map(counted.map((id) => [id, Math.max(0, found[id]?.availability ?? 0)]));
}
