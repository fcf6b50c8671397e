/** The front page: what there is to buy. */
import { isSoldOut, type Product, type Shelf } from "../catalogue";
import { html, type Html } from "../html";
import type { Page } from "../respond";
import type { Shop } from "../shop";
import { blank, price } from "./parts";

/** Those that a screen shows at once. */
const EAGER_PICTURES = 4;

export function listPage(shop: Shop, shelf: Shelf): Page {
  const titles = shelf.products.map((product) => product.title);
  return {
    shop,
    title: shelf.page > 1 ? `Page ${shelf.page}` : shop.name,
    description: `${shop.name}: ${titles.slice(0, 6).join(", ")}`,
    main: html`<h1>Welcome to ${shop.name}</h1>
<p class="lead">A small shop for things that are made well and used every day.</p>
${titles.length > 0 ? html`<ul class="grid">\n${shelf.products.map(card)}</ul>` : html`<p class="empty">The shelves are being filled. Come back soon.</p>`}
${pages(shelf)}`,
  };
}

function card(product: Product, index: number): Html {
  return html`<li><article class="card">
${picture(product, index)}
<div class="text">
<h2><a href="/products/${encodeURIComponent(product.handle)}">${product.title}</a></h2>
${product.subtitle && html`<p class="small soft">${product.subtitle}</p>`}
${cardPrice(product)}
</div></article></li>
`;
}

/** The title beside it says what it shows. */
function picture({ thumbnail, title }: Product, index: number): Html {
  const lazy = index >= EAGER_PICTURES && html` loading="lazy"`;
  return thumbnail
    ? html`<img class="picture" src="${thumbnail}" alt="" width="600" height="600"${lazy}>`
    : blank(title);
}

function cardPrice(product: Product): Html | null {
  if (product.variants.length === 0) {
    return null;
  }
  if (isSoldOut(product)) {
    return html`<p class="price"><small>Sold out</small></p>`;
  }
  const variants = product.variants.filter((variant) => variant.available !== 0);
  const cheapest = variants.reduce((best, variant) => (variant.price.amount < best.price.amount ? variant : best));
  const varies = variants.some((variant) => variant.price.amount !== cheapest.price.amount);
  return html`<p class="price">${varies && html`<small>from</small> `}${price(cheapest.price)}</p>`;
}

function pages({ page, pages: last }: Shelf): Html | null {
  if (last < 2) {
    return null;
  }
  return html`<nav class="pages" aria-label="Pages">
${page > 1 && html`<a href="/?page=${page - 1}" rel="prev">Newer</a>`}
<span>Page ${page} of ${last}</span>
${page < last && html`<a href="/?page=${page + 1}" rel="next">Older</a>`}
</nav>`;
}
