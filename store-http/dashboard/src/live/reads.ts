// Reads single stores again after events, a few at a time, and never twice at once for the same store.
//
// An event that comes while its store is being read makes that answer stale: it is read once more.

const AT_ONCE = 4;

export class Reads {
  #waiting = new Set<string>();
  #running = new Set<string>();

  constructor(readonly read: (id: string) => Promise<void>) {}

  /** How many stores are waiting to be read. */
  get backlog(): number {
    return this.#waiting.size;
  }

  want(id: string): void {
    this.#waiting.add(id);
    this.#pump();
  }

  /** Somebody reads everything instead. */
  clear(): void {
    this.#waiting.clear();
  }

  #pump(): void {
    for (const id of this.#waiting) {
      if (this.#running.size >= AT_ONCE) return;
      if (this.#running.has(id)) continue;
      this.#waiting.delete(id);
      this.#running.add(id);
      void this.read(id).finally(() => {
        this.#running.delete(id);
        this.#pump();
      });
    }
  }
}
