// Which addresses may become links. Everything else stays text: a store's facts come from pods and people.

/** The address, if it is one of the web; undefined for `javascript:`, `data:` and what is no address at all. */
export function webLink(text: string | null | undefined): string | undefined {
  if (!text) return undefined;
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** The address without its scheme, as people say it. */
export function shortAddress(text: string): string {
  return text.replace(/^https?:\/\//, "").replace(/\/$/, "");
}
