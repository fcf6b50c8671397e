/** The three steps of the checkout: who and where, how it is delivered, a last look. */
import { countLines, type Cart } from "../cart";
import { countries, fingerprint, needsDelivery, type DeliveryOption, type Parcel, type Step } from "../checkout";
import { addressFields, CONTACT_FIELDS, PHONE_FIELD, type Details, type Errors, type Field } from "../forms";
import { html, type Html, type Value } from "../html";
import { money, toNumber } from "../money";
import type { Page } from "../respond";
import {
  addressLines, briefLines, countryName, describedBy, errorSummary, hintAndError, inputField, invalid, notice, sumsList,
} from "./parts";

const NAMES: [Step, string, string][] = [
  ["details", "Address", "/checkout"],
  ["delivery", "Delivery", "/checkout/delivery"],
  ["review", "Review", "/checkout/review"],
];

function stepPage(cart: Cart, step: Step, title: string, failed: boolean, content: Value): Page {
  return {
    title: failed ? `Error: ${title}` : title,
    status: failed ? 422 : 200,
    items: countLines(cart.items),
    main: html`<nav aria-label="Steps of the checkout"><ol class="steps">${steps(cart, step)}</ol></nav>
<h1>${title}</h1>
<div class="split">
<div>${content}</div>
<section class="panel" aria-labelledby="sums">
<h2 id="sums">Your order</h2>
${briefLines(cart.items, cart.currency_code)}
${sumsList(cart, needsDelivery(cart) ? "in the next step" : "none")}
<p class="small"><a href="/cart">Change the cart</a></p>
</section>
</div>`,
  };
}

function steps(cart: Cart, current: Step): Html[] {
  const shown = NAMES.filter(([step]) => step !== "delivery" || needsDelivery(cart));
  const here = shown.findIndex(([step]) => step === current);
  return shown.map(([, name, path], index) =>
    index === here
      ? html`<li aria-current="step">${name}</li>`
      : html`<li>${index < here ? html`<a href="${path}">${name}</a>` : name}</li>`,
  );
}

export function detailsPage(cart: Cart, { email, address }: Details, errors: Errors = {}): Page {
  const field = (one: Field) =>
    inputField(one, one.name === "email" ? email : (address[one.name] ?? ""), errors[one.name], isWide(one));
  const form = html`${errorSummary(errors)}
<form action="/checkout" method="post" novalidate>
<fieldset><legend>Contact</legend><div class="fields">${CONTACT_FIELDS.map(field)}</div></fieldset>
<fieldset><legend>Delivery address</legend><div class="fields">
${addressFields(countries(cart)).map(field)}
${countryField(countries(cart), address.country_code ?? "", errors.country_code)}
${field(PHONE_FIELD)}
</div></fieldset>
<button>Continue</button>
</form>`;
  return stepPage(cart, "details", "Where should it go?", Object.keys(errors).length > 0, form);
}

function isWide({ name }: Field): boolean {
  return ["email", "address_1", "address_2"].includes(name);
}

function countryField(codes: string[], chosen: string, error: string | undefined): Html {
  const named = codes.map((code) => [code, countryName(code)]).sort((a, b) => a[1].localeCompare(b[1], "en"));
  const current = codes.length === 1 ? codes[0] : chosen;
  return html`<div>
<label for="country_code">Country</label>
${hintAndError("country_code", undefined, error)}
<select id="country_code" name="country_code" autocomplete="country" required${describedBy("country_code", undefined, error)}${invalid(error)}>
${codes.length !== 1 && html`<option value="">Choose a country</option>`}
${named.map(([code, name]) => html`<option value="${code}"${code === current && html` selected`}>${name}</option>`)}
</select>
</div>`;
}

export function deliveryPage(cart: Cart, parcels: Parcel[], error?: string): Page {
  const title = "How should it be delivered?";
  if (parcels.some((parcel) => parcel.options.length === 0)) {
    const country = countryName(cart.shipping_address?.country_code ?? "");
    const text = html`We do not deliver this to ${country}. <a href="/checkout">Change the address</a>`;
    return stepPage(cart, "delivery", title, false, notice("Not deliverable", text));
  }
  const errors: Errors = error ? { option_0: error } : {};
  const form = html`${errorSummary(errors)}
<form action="/checkout/delivery" method="post" novalidate>
${parcels.map((parcel, index) => parcelField(cart, parcel, `option_${index}`, parcels.length > 1, errors[`option_${index}`]))}
<button>Continue</button>
</form>`;
  return stepPage(cart, "delivery", title, Boolean(error), form);
}

function parcelField(cart: Cart, parcel: Parcel, name: string, isOneOfMany: boolean, error: string | undefined): Html {
  const known = cart.shipping_methods.map((method) => method.shipping_option_id);
  const chosen = parcel.options.find((option) => known.includes(option.id)) ?? parcel.options[0];
  const legend = isOneOfMany ? `Delivery of ${parcel.contents.join(", ")}` : "Delivery";
  return html`<fieldset id="${name}" tabindex="-1"${describedBy(name, undefined, error)}><legend>${legend}</legend>
${hintAndError(name, undefined, error)}
${parcel.options.map((option) => deliveryChoice(option, name, option === chosen, cart.currency_code))}</fieldset>
`;
}

function deliveryChoice({ id, name, description, amount }: DeliveryOption, field: string, isChosen: boolean, currency: string): Html {
  return html`<label class="choice"><input type="radio" name="${field}" value="${id}"${isChosen && html` checked`}>
<span>${name}${description && html`<br><span class="small soft">${description}</span>`}</span>
<span class="price">${toNumber(amount) === 0 ? "free" : money(amount, currency)}</span></label>
`;
}

function change(name: string, path: string): Html {
  return html`<dd class="small"><a href="${path}">Change<span class="hidden"> ${name.toLowerCase()}</span></a></dd>`;
}

export interface Trouble {
  title: string;
  text: Html | string;
}

export function reviewPage(cart: Cart, trouble?: Trouble): Page {
  const methods = cart.shipping_methods.map((method) => method.name).join(", ");
  const fact = (name: string, value: Value, path?: string) =>
    html`<div><dt>${name}</dt><dd>${value}</dd>${path && change(name, path)}</div>\n`;
  const content = html`${trouble && notice(trouble.title, trouble.text)}
<dl class="facts">
${fact("E-mail", cart.email, "/checkout")}${fact("Address", cart.shipping_address && addressLines(cart.shipping_address), "/checkout")}${methods && fact("Delivery", methods, "/checkout/delivery")}${fact("Payment", html`By arrangement<br><span class="small soft">Nothing is charged now. The shop will get in touch about the payment.</span>`)}</dl>
<form action="/checkout/review" method="post">
<input type="hidden" name="seen" value="${fingerprint(cart)}">
<button>Place the order for ${money(cart.total, cart.currency_code)}</button>
</form>`;
  const page = stepPage(cart, "review", "Is everything right?", false, content);
  return trouble ? { ...page, title: `Error: ${page.title}`, status: 409 } : page;
}
