/** Pieces that several pages have: prices, sums, addresses, form fields with their errors. */
import type { Address } from "../cart";
import type { Price } from "../catalogue";
import type { Errors, Field } from "../forms";
import { html, type Html } from "../html";
import { money, sums, toNumber, type Amount, type Priced } from "../money";

export function price({ amount, before, currency }: Price): Html {
  const was = before !== null && html`<s><span class="hidden">Before: </span>${money(before, currency)}</s> `;
  return html`${was}${before !== null && html`<span class="hidden">Now: </span>`}${money(amount, currency)}`;
}

/** In place of a picture that there is not. */
export function blank(title: string): Html {
  return html`<div class="picture blank" aria-hidden="true">${[...title][0]}</div>`;
}

/** The machine-readable total is for programs that look at an order. */
export function sumsList(priced: Priced, shippingLater = "chosen at the checkout"): Html {
  const { items, shipping, discount, addedTax, includedTax, total } = sums(priced);
  const row = (name: string, value: Html | string) => html`<dt>${name}</dt><dd>${value}</dd>\n`;
  const format = (amount: Amount) => money(amount, priced.currency_code);
  const delivery = shipping === null ? html`<span class="small soft">${shippingLater}</span>` : shipping === 0 ? "free" : format(shipping);
  return html`<dl class="sums">
${row("Items", format(items))}${discount > 0 && row("Discount", `−${format(discount)}`)}${row("Delivery", delivery)}${addedTax > 0 && row("Tax", format(addedTax))}<dt class="total">Total</dt><dd class="total"><data id="total" value="${total}">${format(total)}</data></dd>
${includedTax > 0 && html`<dd class="note small soft">Including ${format(includedTax)} tax</dd>`}
</dl>`;
}

interface BriefLine {
  product_title: string;
  variant_title: string | null;
  quantity: number;
  unit_price: Amount;
}

export function briefLines(items: BriefLine[], currency: string): Html {
  return html`<ul class="brief">
${items.map((item) => html`<li><span>${item.quantity} × ${item.product_title}${variantName(item)}</span><span>${money(toNumber(item.unit_price) * item.quantity, currency)}</span></li>\n`)}</ul>`;
}

function variantName({ variant_title }: { variant_title: string | null }): Html | null {
  return hasName(variant_title) ? html`<br><span class="small soft">${variant_title}</span>` : null;
}

/** Medusa's own dashboard gives this title to the only variant of a product. */
export function hasName(title: string | null | undefined): boolean {
  return Boolean(title) && title !== "Default variant";
}

const regions = new Intl.DisplayNames("en", { type: "region" });

export function countryName(code: string): string {
  return /^[a-z]{2}$/.test(code) ? (regions.of(code.toUpperCase()) ?? code) : code;
}

export function addressLines(address: Address): Html {
  const lines = [
    [address.first_name, address.last_name],
    [address.address_1],
    [address.address_2],
    [address.postal_code, address.city],
    [address.province],
    [countryName(address.country_code ?? "")],
    [address.phone],
  ].map((words) => words.filter(Boolean).join(" "));
  return html`<address>${lines.filter(Boolean).map((line, index) => html`${index > 0 && html`<br>`}${line}`)}</address>`;
}

/** Named beside the field and once more on top, where a reader with a screen reader or a magnifier begins. */
export function errorSummary(errors: Errors): Html | null {
  const found = Object.entries(errors);
  return found.length === 0
    ? null
    : html`<section class="summary" role="alert" tabindex="-1" autofocus aria-labelledby="summary-title">
<h2 id="summary-title">Please look at this again</h2>
<ul>${found.map(([name, text]) => html`<li><a href="#${name}">${text}</a></li>`)}</ul>
</section>`;
}

export function notice(title: string, text: Html | string): Html {
  return html`<section class="summary" role="alert" tabindex="-1" autofocus aria-labelledby="summary-title">
<h2 id="summary-title">${title}</h2>
<p>${text}</p>
</section>`;
}

export function inputField(field: Field, value: string, error: string | undefined, wide: boolean): Html {
  const { name, label, autocomplete, max, required, type, hint } = field;
  return html`<div${wide && html` class="wide"`}>
<label for="${name}">${label}${!required && html` <small>(optional)</small>`}</label>
${hintAndError(name, hint, error)}
<input id="${name}" name="${name}" type="${type ?? "text"}" value="${value}" maxlength="${max}" autocomplete="${autocomplete}"${required && html` required`}${describedBy(name, hint, error)}${invalid(error)}>
</div>`;
}

export function hintAndError(name: string, hint: string | undefined, error: string | undefined): Html {
  return html`${hint && html`<p class="hint" id="${name}-hint">${hint}</p>`}${error && html`<p class="error" id="${name}-error">${error}</p>`}`;
}

export function describedBy(name: string, hint: string | undefined, error: string | undefined): Html | null {
  const ids = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(" ");
  return ids ? html` aria-describedby="${ids}"` : null;
}

export function invalid(error: string | undefined): Html | null {
  return error ? html` aria-invalid="true"` : null;
}
