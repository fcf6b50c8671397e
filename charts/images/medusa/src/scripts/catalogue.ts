/** What a new shop has on its shelves. The pictures carry the products' handles as their names. */

export interface Item {
  title: string;
  subtitle: string;
  handle: string;
  description: string;
  /** Grams. */
  weight: number;
  option: string;
  variants: { value: string; sku: string; price: number }[];
}

export const CURRENCY = "eur";

export const COUNTRIES = ["at", "be", "ch", "cz", "de", "dk", "es", "fi", "fr", "gb", "ie", "it", "nl", "no", "pl", "pt", "se"];

/** Of each variant. */
export const STOCK = 1000;

export const FLAT_RATES = [
  { name: "Standard shipping", code: "standard", description: "With you in two to four days.", amount: 4.9 },
  { name: "Express shipping", code: "express", description: "With you on the next working day.", amount: 12.9 },
];

export const CATALOGUE: Item[] = [
  {
    title: "Stoneware Mug",
    subtitle: "Thrown by hand, holds 350 ml",
    handle: "stoneware-mug",
    description: "A heavy-bottomed mug with a thumb rest where you want one. Safe in the dishwasher, glad of a slow morning.",
    weight: 420,
    option: "Glaze",
    variants: [
      { value: "Terracotta", sku: "MUG-TERRACOTTA", price: 18 },
      { value: "Sage", sku: "MUG-SAGE", price: 18 },
      { value: "Midnight", sku: "MUG-MIDNIGHT", price: 18 },
    ],
  },
  {
    title: "Linen Tote",
    subtitle: "Washed European flax",
    handle: "linen-tote",
    description: "Wide enough for a loaf and the newspaper, strong enough for the books you did not mean to buy.",
    weight: 210,
    option: "Colour",
    variants: [
      { value: "Natural", sku: "TOTE-NATURAL", price: 32 },
      { value: "Indigo", sku: "TOTE-INDIGO", price: 32 },
    ],
  },
  {
    title: "Dotted Notebook",
    subtitle: "160 pages that lie flat",
    handle: "dotted-notebook",
    description: "Thread-bound, with paper that takes a fountain pen and a ribbon that remembers where you were.",
    weight: 310,
    option: "Size",
    variants: [
      { value: "A6", sku: "NOTEBOOK-A6", price: 11 },
      { value: "A5", sku: "NOTEBOOK-A5", price: 16 },
    ],
  },
  {
    title: "Soy Candle",
    subtitle: "Forty hours of quiet light",
    handle: "soy-candle",
    description: "Plant wax and a cotton wick in a glass worth keeping. Burns clean, smells of the walk home.",
    weight: 380,
    option: "Scent",
    variants: [
      { value: "Fig and Cedar", sku: "CANDLE-FIG", price: 24 },
      { value: "Orange Blossom", sku: "CANDLE-ORANGE", price: 24 },
    ],
  },
];
