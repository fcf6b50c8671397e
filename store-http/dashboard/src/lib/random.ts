// Randomness from the browser's own secure source. Passwords, and keys that make a request repeatable.

type Fill = (bytes: Uint32Array<ArrayBuffer>) => unknown;

// Without characters that look alike (0 O, 1 l I): somebody may have to read them out.
const CLASSES = ["ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "-_.!*+"] as const;
const ALL = CLASSES.join("");

const secure: Fill = (numbers) => crypto.getRandomValues(numbers);

/** A number below `limit`, each equally likely: what would lean to the low ones is thrown away. */
function below(limit: number, fill: Fill): number {
  const fair = Math.floor(2 ** 32 / limit) * limit;
  const numbers = new Uint32Array(1);
  for (;;) {
    fill(numbers);
    const number = numbers[0]!;
    if (number < fair) return number % limit;
  }
}

/** A password with at least one character of each class; 20 characters are about 120 bits. */
export function generatePassword(length = 20, fill: Fill = secure): string {
  const pick = (from: string) => from.charAt(below(from.length, fill));
  const characters = [...CLASSES.map(pick), ...Array.from({ length: length - CLASSES.length }, () => pick(ALL))];
  // Shuffled, so that the classes stand at no fixed place.
  for (let last = characters.length - 1; last > 0; last--) {
    const other = below(last + 1, fill);
    [characters[last], characters[other]] = [characters[other]!, characters[last]!];
  }
  return characters.join("");
}

/** 128 random bits. `crypto.randomUUID` is missing where the page is served over plain HTTP. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
