/** One product: look at it, choose, put it into the cart. */
import { isSoldOut, type Product, type Variant } from "../catalogue";
import { MAX_QUANTITY, type Errors } from "../forms";
import { html, type Html } from "../html";
import type { Page } from "../respond";
import type { Shop } from "../shop";
import { blank, describedBy, errorSummary, hasName, hintAndError, invalid, price } from "./parts";

/** More than that are a list to unfold. */
const MOST_BUTTONS = 12;
const FEW = 5;

/** What was sent, when it comes back with errors. */
export interface Wish {
  variant: string;
  quantity: string;
}

export function productPage(shop: Shop, product: Product, errors: Errors = {}, wish?: Wish): Page {
  const failed = Object.keys(errors).length > 0;
  return {
    shop,
    status: failed ? 422 : 200,
    title: failed ? `Error: ${product.title}` : product.title,
    description: product.subtitle || product.description.slice(0, 160),
    main: html`<p class="crumb small"><a href="/">All products</a></p>
${errorSummary(errors)}
<div class="product">
<div>${pictures(product)}</div>
<div>
<h1>${product.title}</h1>
${product.subtitle && html`<p class="lead">${product.subtitle}</p>`}
${isBuyable(product) ? form(product, errors, wish) : html`<p><strong>${product.variants.length > 0 ? "Sold out" : "Not on sale at the moment"}</strong></p>`}
${product.description.split(/\n{2,}/).map((text) => text.trim() && html`<p>${text}</p>`)}
</div>
</div>`,
  };
}

function isBuyable(product: Product): boolean {
  return product.variants.length > 0 && !isSoldOut(product);
}

function pictures({ pictures: urls, title }: Product): Html[] | Html {
  if (urls.length === 0) {
    return blank(title);
  }
  return urls.map((url, index) => {
    const alt = index === 0 ? title : `${title}, picture ${index + 1}`;
    return html`<img class="picture" src="${url}" alt="${alt}" width="600" height="600"${index > 0 && html` loading="lazy"`}>`;
  });
}

function form(product: Product, errors: Errors, wish: Wish | undefined): Html {
  const { variants } = product;
  const chosen = variants.find((variant) => variant.id === wish?.variant) ?? variants.find((variant) => variant.available !== 0);
  const most = Math.min(MAX_QUANTITY, Math.max(...variants.map((variant) => variant.available ?? MAX_QUANTITY)));
  return html`<form action="/cart" method="post" novalidate>
<input type="hidden" name="handle" value="${product.handle}">
${choice(product, chosen?.id ?? "", errors.variant)}
<div class="buy">
${hintAndError("quantity", undefined, errors.quantity)}
<div><label for="quantity">Quantity</label>
<input id="quantity" name="quantity" type="number" inputmode="numeric" min="1" max="${most}" value="${wish?.quantity ?? "1"}" required${describedBy("quantity", undefined, errors.quantity)}${invalid(errors.quantity)}></div>
<button>Add to cart</button>
</div>
</form>`;
}

function choice(product: Product, chosen: string, error: string | undefined): Html {
  const { variants, choice: legend } = product;
  if (variants.length === 1 && !error) {
    const [only] = variants;
    return html`<p class="price">${price(only.price)}${stockNote(only)}</p>
${hasName(only.title) && html`<p>${only.title}</p>`}
<input type="hidden" name="variant" value="${only.id}">`;
  }
  if (variants.length > MOST_BUTTONS) {
    return html`<p><label for="variant">${legend || "Choose"}</label>${hintAndError("variant", undefined, error)}
<select id="variant" name="variant"${describedBy("variant", undefined, error)}${invalid(error)}>${variants.map((variant) => option(variant, chosen))}</select></p>`;
  }
  return html`<fieldset id="variant" tabindex="-1"${describedBy("variant", undefined, error)}><legend>${legend || "Choose"}</legend>
${hintAndError("variant", undefined, error)}
${variants.map((variant) => radio(variant, chosen))}</fieldset>`;
}

function radio(variant: Variant, chosen: string): Html {
  const state = variant.available === 0 ? html` disabled` : variant.id === chosen && html` checked`;
  return html`<label class="choice"><input type="radio" name="variant" value="${variant.id}"${state}>
<span>${variant.title}${stockNote(variant)}</span> <span class="price">${price(variant.price)}</span></label>
`;
}

function option(variant: Variant, chosen: string): Html {
  const state = variant.available === 0 ? html` disabled` : variant.id === chosen && html` selected`;
  return html`<option value="${variant.id}"${state}>${variant.title}, ${price({ ...variant.price, before: null })}${stockNote(variant)}</option>`;
}

function stockNote({ available }: Variant): string {
  if (available === null || available > FEW) {
    return "";
  }
  return available === 0 ? " – sold out" : ` – only ${available} left`;
}
