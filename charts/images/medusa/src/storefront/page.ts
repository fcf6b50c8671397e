/** The front page as HTML. Every value from the database is escaped on its way in. */
import type { Card, Shop } from "./catalogue";

/** Kept as one string: the content security policy allows exactly this style, by its hash. */
export const STYLE = `
:root { color-scheme: light; --ink: #22252b; --soft: #626872; --line: #e7e2da; --paper: #fbf9f6; --card: #fff; --accent: #2f5d50; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
a { color: inherit; }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 16px; top: 16px; background: var(--card); padding: 8px 16px; }
.wrap { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { border-bottom: 1px solid var(--line); background: var(--card); }
header .wrap { display: flex; align-items: baseline; justify-content: space-between; gap: 24px; padding-top: 20px; padding-bottom: 20px; }
.brand { font: 600 1.35rem/1.2 Georgia, "Iowan Old Style", "Times New Roman", serif; letter-spacing: -.01em; text-decoration: none; overflow-wrap: anywhere; }
.tally { color: var(--soft); font-size: .9rem; white-space: nowrap; }
h1 { font: 500 clamp(2rem, 5vw, 3.1rem)/1.12 Georgia, "Iowan Old Style", "Times New Roman", serif; letter-spacing: -.02em; margin: 56px 0 12px; text-wrap: balance; }
.lead { color: var(--soft); font-size: 1.1rem; margin: 0 0 40px; max-width: 46ch; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 28px; list-style: none; margin: 0; padding: 0 0 72px; }
.card { display: flex; flex-direction: column; height: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 16px; overflow: hidden; }
.picture { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; background: #f1ece4; }
.text { display: flex; flex-direction: column; flex: 1; padding: 18px 20px 20px; }
h2 { font: 600 1.1rem/1.3 Georgia, "Iowan Old Style", "Times New Roman", serif; margin: 0; overflow-wrap: anywhere; }
.subtitle { color: var(--soft); font-size: .9rem; margin: 2px 0 10px; }
.description { font-size: .93rem; margin: 0 0 14px; overflow-wrap: anywhere; }
.choices { display: flex; flex-wrap: wrap; gap: 6px; list-style: none; margin: 0 0 16px; padding: 0; }
.choices li { border: 1px solid var(--line); border-radius: 999px; padding: 1px 10px; font-size: .8rem; color: var(--soft); }
.price { margin: auto 0 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.price small { font-weight: 400; color: var(--soft); }
.empty { padding: 48px 0 96px; color: var(--soft); }
footer { border-top: 1px solid var(--line); color: var(--soft); font-size: .9rem; }
footer .wrap { display: flex; justify-content: space-between; gap: 24px; flex-wrap: wrap; padding-top: 20px; padding-bottom: 28px; }
`;

export function renderPage({ name, cards }: Shop): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(name)}</title>
<meta name="description" content="${escape(name)}: ${escape(cards.map((card) => card.title).slice(0, 6).join(", "))}">
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#products">Skip to the products</a>
<header><div class="wrap"><a class="brand" href="/">${escape(name)}</a><span class="tally">${tally(cards.length)}</span></div></header>
<main class="wrap">
<h1>Welcome to ${escape(name)}</h1>
<p class="lead">A small shop for things that are made well and used every day.</p>
${cards.length > 0 ? renderGrid(cards) : `<p class="empty" id="products">The shelves are being filled. Come back soon.</p>`}
</main>
<footer><div class="wrap"><span>${escape(name)}</span><a href="/app">Shop administration</a></div></footer>
</body>
</html>
`;
}

function renderGrid(cards: Card[]): string {
  return `<ul class="grid" id="products">\n${cards.map(renderCard).join("\n")}\n</ul>`;
}

function renderCard(card: Card): string {
  return `<li><article class="card">
${card.picture ? `<img class="picture" src="${escape(card.picture)}" alt="${escape(card.title)}" width="600" height="600">` : ""}
<div class="text">
<h2>${escape(card.title)}</h2>
${paragraph("subtitle", card.subtitle)}${paragraph("description", card.description)}${renderChoices(card.choices)}${renderPrice(card)}
</div></article></li>`;
}

function renderChoices(choices: string[]): string {
  if (choices.length < 2) {
    return "";
  }
  return `<ul class="choices" aria-label="Choices">${choices.map((choice) => `<li>${escape(choice)}</li>`).join("")}</ul>\n`;
}

function renderPrice({ price, priceVaries }: Card): string {
  if (!price) {
    return "";
  }
  return `<p class="price">${priceVaries ? "<small>from</small> " : ""}${escape(price)}</p>`;
}

function paragraph(name: string, text: string): string {
  return text ? `<p class="${name}">${escape(text)}</p>\n` : "";
}

function tally(count: number): string {
  return count === 1 ? "1 product" : `${count} products`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
