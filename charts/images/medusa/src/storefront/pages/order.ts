/** The confirmation: what was ordered, and the number to ask about it. */
import { html } from "../html";
import type { Order } from "../order";
import type { Page } from "../respond";
import { addressLines, briefLines, sumsList } from "./parts";

const DATE = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });

export function orderPage(order: Order): Page {
  const name = order.shipping_address?.first_name;
  const methods = order.shipping_methods.map((method) => method.name).join(", ");
  return {
    title: `Order ${order.display_id}`,
    main: html`<h1>Thank you${name && `, ${name}`}</h1>
<p class="lead">Your order has arrived here. Please note its number: it is the quickest way to ask about it.</p>
<div class="split">
<dl class="facts">
<div><dt>Order number</dt><dd><data id="order-number" value="${order.display_id}">#${order.display_id}</data></dd></div>
<div><dt>Date</dt><dd><time datetime="${new Date(order.created_at).toISOString()}">${DATE.format(new Date(order.created_at))}</time></dd></div>
<div><dt>E-mail</dt><dd id="order-email">${order.email}</dd></div>
${order.shipping_address && html`<div><dt>Address</dt><dd>${addressLines(order.shipping_address)}</dd></div>`}
${methods && html`<div><dt>Delivery</dt><dd>${methods}</dd></div>`}
<div><dt>Payment</dt><dd>By arrangement: the shop will get in touch.</dd></div>
</dl>
<section class="panel" aria-labelledby="sums">
<h2 id="sums">Your order</h2>
${briefLines(order.items, order.currency_code)}
${sumsList(order, "none")}
</section>
</div>
<p><a class="button" href="/">To the products</a></p>`,
  };
}
