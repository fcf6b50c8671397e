/** Amounts of money, as Medusa keeps them and as people read them. */

/** Medusa gives a number or an object that turns into one. */
export type Amount = number | string | { valueOf(): unknown } | null | undefined;

export function toNumber(amount: Amount): number {
  return amount === null || amount === undefined ? 0 : Number(amount);
}

const formats = new Map<string, Intl.NumberFormat>();

export function money(amount: Amount, currency: string): string {
  const code = currency.toUpperCase();
  const format = formats.get(code) ?? new Intl.NumberFormat("en", { style: "currency", currency: code });
  // Making a format takes longer than everything else in a small page.
  formats.set(code, format);
  return format.format(toNumber(amount));
}

export interface Priced {
  currency_code: string;
  items: { unit_price: Amount; quantity: Amount }[];
  shipping_methods: { amount: Amount }[];
  discount_total: Amount;
  discount_subtotal: Amount;
  tax_total: Amount;
  total: Amount;
}

export interface Sums {
  items: number;
  shipping: number | null;
  discount: number;
  /** Comes on top of the prices that were shown. */
  addedTax: number;
  /** Was part of the prices that were shown. */
  includedTax: number;
  total: number;
}

/** The sums add up from the prices that the customer saw, whether those include tax or not. */
export function sums(priced: Priced): Sums {
  const items = priced.items.reduce((sum, item) => sum + toNumber(item.unit_price) * toNumber(item.quantity), 0);
  const methods = priced.shipping_methods;
  const shipping = methods.reduce((sum, method) => sum + toNumber(method.amount), 0);
  const tax = toNumber(priced.tax_total);
  const total = toNumber(priced.total);
  const onTop = isNear(items + shipping - toNumber(priced.discount_subtotal) + tax, total);
  return {
    items,
    shipping: methods.length > 0 ? shipping : null,
    discount: toNumber(onTop ? priced.discount_subtotal : priced.discount_total),
    addedTax: onTop ? tax : 0,
    includedTax: onTop ? 0 : tax,
    total,
  };
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) < 0.005;
}
