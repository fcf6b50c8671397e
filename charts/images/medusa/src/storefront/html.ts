/** HTML that is escaped by default: whatever goes into the template is text, unless it is HTML of this kind already. */

export class Html {
  constructor(readonly text: string) {}
}

export type Value = Html | string | number | null | undefined | false | Value[];

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Attributes need their quotation marks in the template. Nothing comes of `null`, `undefined` and `false`. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(parts.reduce((text, part, index) => text + render(values[index - 1]) + part));
}

function render(value: Value): string {
  if (value instanceof Html) {
    return value.text;
  }
  if (Array.isArray(value)) {
    return value.map(render).join("");
  }
  return value === null || value === undefined || value === false ? "" : escape(String(value));
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
