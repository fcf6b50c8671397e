/** The one stylesheet. Its name carries its hash, so a browser keeps it for good and still sees every change. */
import { createHash } from "node:crypto";

export const STYLE = `
:root { color-scheme: light dark; --ink: #22252b; --soft: #5f656f; --line: #e3ddd3; --edge: #8b867d; --paper: #fbf9f6; --card: #fff; --accent: #2f5d50; --on-accent: #fff; --bad: #a3261b; --bad-paper: #fdf0ee; --serif: Georgia, "Iowan Old Style", "Times New Roman", serif; }
@media (prefers-color-scheme: dark) {
:root { --ink: #ecebe7; --soft: #a9aaa8; --line: #34363a; --edge: #85888c; --paper: #17181a; --card: #1f2124; --accent: #8fcdb9; --on-accent: #10201b; --bad: #ff9c90; --bad-paper: #331d1b; }
img { filter: brightness(.9); }
}
* { box-sizing: border-box; }
body { display: flex; flex-direction: column; min-height: 100vh; margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
a { color: inherit; text-underline-offset: .2em; text-decoration-thickness: 1px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
.skip { position: absolute; left: -999px; z-index: 1; }
.skip:focus { left: 16px; top: 12px; background: var(--card); padding: 8px 16px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.wrap { width: 100%; max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { border-bottom: 1px solid var(--line); background: var(--card); }
header .wrap { display: flex; align-items: center; justify-content: space-between; gap: 24px; padding-top: 14px; padding-bottom: 14px; }
.brand { font: 600 1.35rem/1.2 var(--serif); letter-spacing: -.01em; text-decoration: none; padding: 6px 0; }
.tocart { display: inline-flex; align-items: center; gap: 8px; padding: 8px 0; text-decoration: none; white-space: nowrap; }
.tocart:hover span:first-child { text-decoration: underline; }
.count { min-width: 1.7em; padding: 0 .5em; border-radius: 999px; background: var(--accent); color: var(--on-accent); font-size: .85rem; font-weight: 600; text-align: center; font-variant-numeric: tabular-nums; }
main { flex: 1; padding-bottom: 72px !important; }
h1 { font: 500 clamp(1.9rem, 4.5vw, 2.7rem)/1.15 var(--serif); letter-spacing: -.02em; margin: 44px 0 12px; text-wrap: balance; }
h2 { font: 600 1.15rem/1.3 var(--serif); margin: 0; }
.lead { color: var(--soft); font-size: 1.1rem; margin: 0 0 36px; max-width: 52ch; }
.soft { color: var(--soft); }
.small { font-size: .9rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 28px; list-style: none; margin: 0; padding: 0; }
.card { position: relative; display: flex; flex-direction: column; height: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 16px; overflow: hidden; }
.card a { text-decoration: none; }
.card a::after { content: ""; position: absolute; inset: 0; border-radius: 15px; }
.card a:focus-visible { outline: none; }
.card a:focus-visible::after { outline: 3px solid var(--accent); outline-offset: -3px; }
.card:hover h2 { text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: .2em; }
.picture { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; background: var(--line); }
.blank { display: grid; place-items: center; color: var(--soft); font: 2rem var(--serif); }
.text { display: flex; flex-direction: column; flex: 1; padding: 16px 20px 20px; }
.text p { margin: 2px 0 12px; }
.text .price { margin: auto 0 0; }
.price { font-weight: 600; font-variant-numeric: tabular-nums; }
.price small { font-weight: 400; color: var(--soft); }
s { font-weight: 400; color: var(--soft); }
.empty { padding: 24px 0; color: var(--soft); }
.pages { display: flex; gap: 20px; justify-content: center; align-items: center; padding-top: 40px; }
.product { display: grid; grid-template-columns: minmax(0, 1.1fr) minmax(0, 1fr); gap: 48px; padding-top: 36px; }
.product h1 { margin-top: 4px; }
.product .picture { border-radius: 16px; }
.product .picture + .picture { margin-top: 16px; }
.crumb { margin: 28px 0 0; }
.split { display: grid; grid-template-columns: minmax(0, 1fr) 340px; gap: 48px; align-items: start; margin-top: 28px; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: 20px 24px 24px; }
.panel > :last-child { margin-bottom: 0; }
.split > .panel { position: sticky; top: 24px; }
fieldset { border: 0; margin: 0 0 24px; padding: 0; min-width: 0; }
legend { padding: 0; margin-bottom: 10px; font: 600 1.15rem/1.3 var(--serif); }
.fields { display: grid; grid-template-columns: 1fr 1fr; align-items: end; gap: 18px 20px; }
.wide { grid-column: 1 / -1; }
label { display: block; font-weight: 600; font-size: .95rem; margin-bottom: 6px; }
label small { font-weight: 400; color: var(--soft); }
.hint { color: var(--soft); font-size: .9rem; margin: -4px 0 6px; }
input, select { width: 100%; min-height: 46px; padding: 8px 12px; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--edge); border-radius: 8px; }
input[type=number] { width: 6em; }
[aria-invalid=true] { border: 2px solid var(--bad); }
.error { color: var(--bad); font-size: .93rem; font-weight: 600; margin: 0 0 6px; }
.summary { border: 2px solid var(--bad); border-radius: 12px; background: var(--bad-paper); padding: 16px 20px; margin: 24px 0; }
.summary:focus { outline: none; }
.summary h2 { color: var(--bad); }
.summary ul { margin: 8px 0 0; padding-left: 20px; }
.summary p { margin: 6px 0 0; }
.choice { display: flex; gap: 12px; align-items: center; margin: 0 0 10px; padding: 12px 16px; min-height: 48px; font-weight: 400; background: var(--card); border: 1px solid var(--edge); border-radius: 10px; cursor: pointer; }
.choice:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
.choice:has(:disabled) { cursor: default; color: var(--soft); border-style: dashed; }
.choice input { flex: none; width: 20px; height: 20px; min-height: 0; margin: 0; accent-color: var(--accent); }
.choice > span { flex: 1; }
.choice .price { flex: none; }
.buy { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-end; margin: 0 0 28px; }
.buy .error { flex: 1 0 100%; }
button, .button { display: inline-block; min-height: 46px; padding: 10px 24px; font: inherit; font-weight: 600; text-align: center; text-decoration: none; color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: 8px; cursor: pointer; }
button:hover, .button:hover { filter: brightness(1.12); }
button.plain { color: inherit; background: none; border-color: var(--edge); padding: 10px 16px; font-weight: 400; }
button.link { color: inherit; background: none; border: 0; padding: 10px 4px; font-weight: 400; text-decoration: underline; text-underline-offset: .2em; }
.full { width: 100%; }
.lines { list-style: none; margin: 0; padding: 0; }
.line { display: grid; grid-template-columns: 96px minmax(0, 1fr) auto; gap: 6px 20px; padding: 20px 0; border-bottom: 1px solid var(--line); }
.line:first-child { padding-top: 0; }
.line .picture { grid-row: 1 / 3; border-radius: 10px; }
.line p { margin: 2px 0 0; }
.line form { grid-column: 2 / -1; display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; }
.line form label { margin: 0; font-weight: 400; }
.line form .error { flex: 1 0 100%; margin: 0; }
.sums { display: grid; grid-template-columns: auto 1fr; row-gap: 8px; margin: 14px 0 18px; }
.sums dd { margin: 0; padding-left: 16px; text-align: right; font-variant-numeric: tabular-nums; }
.sums .total { font-weight: 600; font-size: 1.1rem; padding-top: 10px; border-top: 1px solid var(--line); }
.sums .note { grid-column: 1 / -1; padding: 0; text-align: left; }
.brief { list-style: none; margin: 12px 0 0; padding: 0 0 12px; border-bottom: 1px solid var(--line); }
.brief li { display: flex; justify-content: space-between; gap: 16px; padding: 4px 0; font-variant-numeric: tabular-nums; }
.steps { display: flex; flex-wrap: wrap; gap: 4px 28px; list-style: none; margin: 28px 0 -24px; padding: 0; color: var(--soft); font-size: .95rem; counter-reset: step; }
.steps li { counter-increment: step; }
.steps li::before { content: counter(step) ". "; }
.steps [aria-current] { color: var(--ink); font-weight: 600; }
.facts { margin: 0 0 24px; }
.facts > div { display: grid; grid-template-columns: 130px minmax(0, 1fr) auto; gap: 4px 16px; padding: 16px 0; border-bottom: 1px solid var(--line); }
.facts dt { font-weight: 600; }
.facts dd { margin: 0; }
address { font-style: normal; }
footer { border-top: 1px solid var(--line); color: var(--soft); font-size: .9rem; }
footer .wrap { display: flex; justify-content: space-between; align-items: baseline; gap: 24px; flex-wrap: wrap; padding-top: 16px; padding-bottom: 22px; }
footer a { padding: 4px 0; }
@media (max-width: 820px) {
.product, .split { grid-template-columns: minmax(0, 1fr); gap: 28px; }
.panel > :last-child { margin-bottom: 0; }
.split > .panel { position: static; }
}
@media (max-width: 560px) {
.wrap { padding: 0 16px; }
h1 { margin-top: 28px; }
.grid { grid-template-columns: 1fr 1fr; gap: 14px; }
.text { padding: 12px 14px 14px; }
.fields { grid-template-columns: minmax(0, 1fr); }
.line { grid-template-columns: 72px minmax(0, 1fr) auto; gap: 6px 14px; }
.line form { grid-column: 1 / -1; }
.line input[type=number] { width: 4.5em; }
.steps { gap: 4px 18px; margin-bottom: -14px; }
.line .picture { grid-row: auto; }
.facts > div { grid-template-columns: minmax(0, 1fr) auto; }
.facts dt { grid-column: 1 / -1; }
}
`;

export const STYLE_NAME = `shop-${createHash("sha256").update(STYLE).digest("hex").slice(0, 16)}.css`;
