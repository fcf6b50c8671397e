/** A page that only says something. */
import { html, type Html } from "../html";

export function messagePage(title: string, text: string): { title: string; main: Html } {
  return { title, main: html`<h1>${title}</h1>\n<p class="lead">${text}</p>\n<p><a class="button" href="/">To the products</a></p>` };
}
