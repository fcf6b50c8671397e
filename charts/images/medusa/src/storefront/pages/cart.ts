/** The cart: what is in it, how many, and the way to the checkout. */
import { countLines, type Cart, type Line } from "../cart";
import { MAX_QUANTITY } from "../forms";
import { html, type Html } from "../html";
import { money, toNumber } from "../money";
import type { Page } from "../respond";
import { blank, hasName, notice, sumsList } from "./parts";

/** What went wrong with one line. */
export interface LineError {
  line: string;
  text: string;
}

export function cartPage(cart: Cart | null, error?: LineError): Page {
  if (!cart || cart.items.length === 0) {
    return {
      title: "Cart",
      items: 0,
      main: html`<h1>Your cart is empty</h1>\n<p class="lead">What you put into it stays here for a month.</p>\n<p><a class="button" href="/">To the products</a></p>`,
    };
  }
  return {
    title: error ? "Error: Cart" : "Cart",
    status: error ? 422 : 200,
    items: countLines(cart.items),
    main: html`<h1>Your cart</h1>
${error && notice("The quantity was not changed", html`<a href="#quantity-${error.line}">${error.text}</a>`)}
<div class="split">
<ul class="lines">
${cart.items.map((item) => line(item, cart.currency_code, error?.line === item.id ? error.text : undefined))}</ul>
<section class="panel" aria-labelledby="sums">
<h2 id="sums">Summary</h2>
${sumsList(cart)}
<a class="button full" href="/checkout">Go to the checkout</a>
</section>
</div>`,
  };
}

function line(item: Line, currency: string, error: string | undefined): Html {
  const name = hasName(item.variant_title) ? `${item.product_title}, ${item.variant_title}` : item.product_title;
  const field = `quantity-${item.id}`;
  return html`<li class="line">
${item.thumbnail ? html`<img class="picture" src="${item.thumbnail}" alt="" width="96" height="96">` : blank(item.product_title)}
<div><h2>${title(item)}</h2>
<p class="small soft">${hasName(item.variant_title) && `${item.variant_title}, `}${money(item.unit_price, currency)} each</p></div>
<div class="price">${money(toNumber(item.unit_price) * item.quantity, currency)}</div>
<form action="/cart/items/${item.id}" method="post" novalidate>
${error && html`<p class="error" id="${field}-error">${error}</p>`}
<label for="${field}">Quantity<span class="hidden"> of ${name}</span></label>
<input id="${field}" name="quantity" type="number" inputmode="numeric" min="0" max="${MAX_QUANTITY}" value="${item.quantity}" required${error && html` aria-invalid="true" aria-describedby="${field}-error"`}>
<button class="plain" name="do" value="update">Update<span class="hidden"> the quantity of ${name}</span></button>
<button class="link" name="do" value="remove">Remove<span class="hidden"> ${name}</span></button>
</form>
</li>
`;
}

function title({ product_handle, product_title }: Line): Html {
  return product_handle ? html`<a href="/products/${encodeURIComponent(product_handle)}">${product_title}</a>` : html`${product_title}`;
}
