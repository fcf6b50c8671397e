// The rules for a store's name and the address that comes of it, to say them while one types. The server has the last
// word.

const SHAPE = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** What is wrong with the name; undefined if nothing is. */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "Give the store a name.";
  if (/[A-Z]/.test(name)) return "Capital letters are not allowed: use a to z, digits and hyphens.";
  if (/[^-a-z0-9]/.test(name)) return "Use only a–z, 0–9 and hyphens.";
  if (!SHAPE.test(name)) return "Begin and end with a letter or a digit.";
  if (name.length < 3) return "Use at least 3 characters.";
  if (name.length > 40) return "Use at most 40 characters.";
  if (name.slice(2, 4) === "--") return "Characters 3 and 4 cannot both be hyphens.";
  return undefined;
}

/** The address of the store with this name; empty if the platform does not say how it is made. */
export function publicUrl(template: string, name: string): string {
  return template.replaceAll("{name}", () => name || "name");
}
