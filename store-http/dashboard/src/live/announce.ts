// What is said aloud to people who cannot see the list change, and shown for a moment to those who can.

import { readonly, ref, shallowRef } from "vue";
import type { EventKind, StoreEvent } from "@/api/types";

export interface Notice {
  key: number;
  tone: "good" | "bad" | "plain";
  text: string;
  /** The store to look at. */
  storeId?: string;
}

/** Only what somebody waits for or has to act upon; gates would drown it. */
const SENTENCES: Partial<Record<EventKind, readonly [Notice["tone"], string]>> = {
  ready: ["good", "is ready"],
  failed: ["bad", "has failed"],
  retry_requested: ["plain", "is tried again"],
  deletion_requested: ["plain", "is being deleted"],
  teardown_blocked: ["bad", "cannot be deleted yet"],
  deleted: ["plain", "is deleted"],
};
const GATHER_MS = 400;
const SHOWN_MS = 8000;
const TOGETHER_MAX = 2;

const spoken = ref("");
const visible = shallowRef<readonly Notice[]>([]);
let gathered: Omit<Notice, "key">[] = [];
let gathering: ReturnType<typeof setTimeout> | undefined;
let lastKey = 0;

/** The text of the page's live region. */
export const announcement = readonly(spoken);
export const notices = readonly(visible) as Readonly<typeof visible>;

export function announce(name: string, event: StoreEvent): void {
  const sentence = SENTENCES[event.kind];
  if (sentence) gather({ tone: sentence[0], text: `${name} ${sentence[1]}`, storeId: event.store_id });
}

/** Says something that no event says. */
export function say(text: string, tone: Notice["tone"] = "plain"): void {
  gather({ tone, text });
}

export function dismiss(key: number): void {
  visible.value = visible.value.filter((notice) => notice.key !== key);
}

function gather(notice: Omit<Notice, "key">): void {
  gathered.push(notice);
  gathering ??= setTimeout(tell, GATHER_MS);
}

function tell(): void {
  const all = gathered;
  gathered = [];
  gathering = undefined;
  // A hundred stores at once would be a hundred sentences.
  const told = all.length > TOGETHER_MAX ? [{ tone: "plain", text: `${all.length} stores changed` } as const] : all;
  spoken.value = told.map((notice) => notice.text).join(". ");
  const fresh = told.map((notice) => ({ ...notice, key: ++lastKey }));
  visible.value = [...visible.value, ...fresh].slice(-4);
  fresh.forEach((notice) => setTimeout(() => dismiss(notice.key), SHOWN_MS));
}
