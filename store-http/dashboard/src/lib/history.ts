// One store's events, from pages that were read and from the live stream, in commit order and each once. Pure.

import type { StoreEvent } from "@/api/types";

/** Both, oldest first. Where the same position comes twice, it is the same event. */
export function mergeEvents(known: readonly StoreEvent[], more: readonly StoreEvent[]): StoreEvent[] {
  const newest = known.at(-1)?.position ?? -1;
  // Nearly always: one more event, newer than all.
  if (more.every((event, at) => event.position > (more[at - 1]?.position ?? newest))) return [...known, ...more];
  const byPosition = new Map([...known, ...more].map((event) => [event.position, event]));
  return [...byPosition.values()].sort((a, b) => a.position - b.position);
}
