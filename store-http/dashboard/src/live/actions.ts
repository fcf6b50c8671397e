// What the buttons of a store do. Every answer goes into the feed at once, so that the page does not wait for the event.

import { protectStore, retryStore } from "@/api/client";
import { messageOf } from "@/api/problem";
import type { Store } from "@/api/types";
import { say } from "./announce";
import { askToRetry } from "./dialogs";
import { put } from "./feed";

const busy = new Set<string>();

/** Another attempt; asks for a new admin password first if the old one is gone. */
export async function retry(store: Store): Promise<void> {
  if (store.failure?.code === "credentials_lost") return askToRetry(store);
  await once(`retry ${store.id}`, async () => put(await retryStore(store.id)));
}

export async function setProtected(store: Store, isProtected: boolean): Promise<void> {
  await once(`protect ${store.id}`, async () => {
    put(await protectStore(store.id, isProtected));
    say(`${store.name} is ${isProtected ? "protected from deletion" : "no longer protected"}`, "good");
  });
}

/** A second click while the first is on its way does nothing. */
async function once(key: string, act: () => Promise<void>): Promise<void> {
  if (busy.has(key)) return;
  busy.add(key);
  try {
    await act();
  } catch (error) {
    say(messageOf(error), "bad");
  } finally {
    busy.delete(key);
  }
}
