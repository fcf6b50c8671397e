/** The frame around every page. */
import { html, type Html } from "../html";
import { STYLE_NAME } from "../style";

export interface Frame {
  shop: string;
  title: string;
  main: Html;
  description?: string;
  /** In the visitor's cart. */
  items: number;
}

export function renderPage({ shop, title, main, description, items }: Frame): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title === shop ? shop : `${title} – ${shop}`}</title>
${description && html`<meta name="description" content="${description}">`}
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/${STYLE_NAME}">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><div class="wrap"><a class="brand" href="/">${shop}</a>${cartLink(items)}</div></header>
<main class="wrap" id="main" tabindex="-1">
${main}
</main>
<footer><div class="wrap"><span>${shop}</span><a href="/app">Shop administration</a></div></footer>
</body>
</html>
`.text;
}

function cartLink(items: number): Html {
  const count = html`<span class="count">${items}<span class="hidden"> ${items === 1 ? "item" : "items"}</span></span>`;
  return html`<a class="tocart" href="/cart"><span>Cart</span>${items > 0 && count}</a>`;
}
