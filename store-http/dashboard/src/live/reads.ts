// Reads single stores again after events, a few at a time, and never twice at once for the same store.
//
// An event that comes while its store is being read makes that answer stale: it is read once more. A read that fails is
// made again, after a pause that grows: nobody else would bring what the last event spoke of.

const AT_ONCE = 4;
const FIRST_PAUSE_MS = 1000;
const PAUSE_MAX_MS = 30_000;

export class Reads {
  #waiting = new Set<string>();
  #running = new Set<string>();
  #pausing = new Map<string, ReturnType<typeof setTimeout>>();
  /** How long each one that failed has paused last. */
  #pauses = new Map<string, number>();

  /** `read` fails where it is worth trying again. */
  constructor(readonly read: (id: string) => Promise<void>) {}

  /** How many stores are waiting to be read. */
  get backlog(): number {
    return this.#waiting.size;
  }

  /** Whether an answer is on its way, which may have been made before something that was heard just now. */
  isReading(id: string): boolean {
    return this.#running.has(id);
  }

  want(id: string): void {
    clearTimeout(this.#pausing.get(id));
    this.#pausing.delete(id);
    this.#waiting.add(id);
    this.#pump();
  }

  /** Somebody reads everything instead. */
  clear(): void {
    this.#waiting.clear();
    this.#pausing.forEach((timer) => clearTimeout(timer));
    this.#pausing.clear();
    this.#pauses.clear();
  }

  #pump(): void {
    for (const id of this.#waiting) {
      if (this.#running.size >= AT_ONCE) return;
      if (this.#running.has(id)) continue;
      this.#waiting.delete(id);
      this.#running.add(id);
      const done = () => {
        this.#running.delete(id);
        this.#pump();
      };
      void this.read(id).then(() => this.#pauses.delete(id), () => this.#later(id)).then(done);
    }
  }

  #later(id: string): void {
    // It is wanted anew already.
    if (this.#waiting.has(id)) return;
    const pause = Math.min((this.#pauses.get(id) ?? FIRST_PAUSE_MS / 2) * 2, PAUSE_MAX_MS);
    this.#pauses.set(id, pause);
    this.#pausing.set(id, setTimeout(() => this.want(id), pause));
  }
}
