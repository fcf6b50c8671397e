// All stores that are known, kept right although lists, single reads and events arrive in any order. Pure.
//
// What decides is the store's `version`: a document with an older one never replaces a newer one. An event carries no
// version, only what the status is after it; it is shown at once, until a newer document confirms it.

import type { ConditionNotice, Store, StoreEvent } from "@/api/types";

interface Row {
  store: Store;
  /** The event that the shown status comes from, while no newer document has come. */
  patchedAt: number | undefined;
}

export class StoreIndex {
  #rows = new Map<string, Row>();
  #heard = new Map<string, number>();
  /** Ids seen since the running reload began; undefined while none runs. */
  #reloaded: Set<string> | undefined;

  get(id: string): Store | undefined {
    return this.#rows.get(id)?.store;
  }

  all(): Store[] {
    return Array.from(this.#rows.values(), (row) => row.store);
  }

  /** The last event of the store that was heard. */
  heard(id: string): number {
    return this.#heard.get(id) ?? -1;
  }

  /**
   * Takes a document. `since` is the position of an event that it is known to have been read after. False if it was too
   * old to change anything.
   */
  put(store: Store, since = -1): boolean {
    this.#reloaded?.add(store.id);
    const row = this.#rows.get(store.id);
    if (row) {
      const isOlder = store.version < row.store.version;
      // Not every event raises the version: the same one may have been read before the event, or after it.
      const isOutrun = store.version === row.store.version && since < (row.patchedAt ?? -1);
      // Deletion is for good, whatever comes late.
      const isUndead = row.store.status === "DELETED" && store.status !== "DELETED";
      if (isOlder || isOutrun || isUndead) return false;
    }
    this.#rows.set(store.id, { store, patchedAt: undefined });
    return true;
  }

  /** Takes an event. Gives the store as it is shown now; undefined if the event is old or the store unknown. */
  apply(event: StoreEvent): Store | undefined {
    if (event.position <= this.heard(event.store_id)) return undefined;
    this.#heard.set(event.store_id, event.position);
    this.#reloaded?.add(event.store_id);
    const row = this.#rows.get(event.store_id);
    if (!row || row.store.status === "DELETED") return undefined;
    const store: Store = { ...row.store, status: event.status, step: event.step ?? null };
    this.#rows.set(event.store_id, { store, patchedAt: event.position });
    return store;
  }

  /** Takes what has become of a READY store. It raises no version and has no position: it is newer than what is shown. */
  flip({ store_id, condition, degraded, published, unpublished }: ConditionNotice): boolean {
    const row = this.#rows.get(store_id);
    if (row?.store.status !== "READY") return false;
    this.#rows.set(store_id, { ...row, store: { ...row.store, condition, degraded, published, unpublished } });
    return true;
  }

  /** A reload begins: what it does not bring, and nobody else brings meanwhile, will be gone. */
  beginReload(): void {
    this.#reloaded = new Set();
  }

  /** All pages have been put. */
  endReload(): void {
    const seen = this.#reloaded;
    this.#reloaded = undefined;
    if (!seen) return;
    for (const [id, row] of this.#rows) {
      // The list leaves out deleted stores; the evidence of those seen going stays on the page.
      if (!seen.has(id) && row.store.status !== "DELETED") this.#rows.delete(id);
    }
  }

  /** A reload that broke off removes nothing. */
  abandonReload(): void {
    this.#reloaded = undefined;
  }
}
