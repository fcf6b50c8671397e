// What was heard of in the last moments. Pure: the time comes from outside.

export class Recent {
  /** The oldest first. */
  #times = new Map<string, number>();

  /** Forgets what is older than `ms`, and the oldest of more than `max`. */
  constructor(readonly ms: number, readonly max: number) {}

  add(id: string, now: number): void {
    this.#times.delete(id);
    this.#times.set(id, now);
    for (const [oldest, time] of this.#times) {
      if (this.#times.size <= this.max && now - time <= this.ms) return;
      this.#times.delete(oldest);
    }
  }

  all(now: number): string[] {
    return Array.from(this.#times).filter(([, time]) => now - time <= this.ms).map(([id]) => id);
  }

  clear(): void {
    this.#times.clear();
  }
}
