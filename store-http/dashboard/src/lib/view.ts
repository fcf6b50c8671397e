// Which of the stores are shown, in which order, and on which page. Pure.

import type { Engine, Status, Store } from "@/api/types";

export type SortKey = "newest" | "oldest" | "name" | "status";

export interface View {
  search: string;
  /** All but the deleted ones if absent. */
  status: Status | undefined;
  engine: Engine | undefined;
  sort: SortKey;
}

/** What needs somebody comes first. */
const URGENCY: Record<Status, number> = { FAILED: 0, DELETING: 1, PROVISIONING: 2, READY: 3, DELETED: 4 };

// Plain comparison is enough for a–z, 0–9 and hyphens, and many times faster than localeCompare.
const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const byName = (a: Store, b: Store) => byText(a.name, b.name) || byText(a.id, b.id);
const byTime = (a: Store, b: Store) => created(a) - created(b) || byText(a.id, b.id);

// A comparison asks for the same dates again and again; parsing them each time would be most of the work.
const times = new WeakMap<Store, number>();

function created(store: Store): number {
  let time = times.get(store);
  if (time === undefined) times.set(store, (time = Date.parse(store.created_at)));
  return time;
}

const ORDERS: Record<SortKey, (a: Store, b: Store) => number> = {
  newest: (a, b) => byTime(b, a),
  oldest: byTime,
  name: byName,
  status: (a, b) => URGENCY[a.status] - URGENCY[b.status] || byName(a, b),
};

/** The stores that fit, in order. */
export function select(stores: readonly Store[], view: View): Store[] {
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (store: Store) =>
    (view.status ? store.status === view.status : store.status !== "DELETED") &&
    (!view.engine || store.engine === view.engine) &&
    words.every((word) => isAbout(store, word));
  return stores.filter(fits).sort(ORDERS[view.sort]);
}

function isAbout(store: Store, word: string): boolean {
  return [store.name, store.id, store.namespace, store.store_url, store.admin_email]
    .some((text) => text.toLowerCase().includes(word));
}

/** How many stores there are of each status, and of all that are not deleted. */
export function count(stores: readonly Store[]): Record<Status | "ALL", number> {
  const counts = { ALL: 0, PROVISIONING: 0, READY: 0, FAILED: 0, DELETING: 0, DELETED: 0 };
  for (const store of stores) {
    counts[store.status]++;
    if (store.status !== "DELETED") counts.ALL++;
  }
  return counts;
}

/** What stands where the stores do. `unknown`: nothing, since nobody can tell. */
export type Sight = "stores" | "loading" | "nothing-fits" | "empty" | "unknown";

/** `items`: how many are shown. `isComplete`: whether all that could be shown have come. `hasFailed`: whether they cannot be read. */
export function sight(known: { items: number; isComplete: boolean; isFiltered: boolean; hasFailed: boolean }): Sight {
  if (known.items > 0) return "stores";
  if (!known.isComplete) return known.hasFailed ? "unknown" : "loading";
  return known.isFiltered ? "nothing-fits" : "empty";
}

/** The numbered page, clamped to those that exist. */
export function paged<T>(items: readonly T[], page: number, size: number): { items: T[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(items.length / size));
  const clamped = Math.min(Math.max(1, Math.floor(page) || 1), pages);
  return { items: items.slice((clamped - 1) * size, clamped * size), page: clamped, pages };
}
