// What is said aloud to people who cannot see the list change, and shown for a moment to those who can.

import { readonly, ref, shallowRef } from "vue";
import type { EventKind, StoreEvent } from "@/api/types";

export interface Notice {
  key: number;
  /** Events come in any number; what is `said` answers somebody, and is shown whatever else there is. */
  source: "said" | "event";
  tone: "good" | "bad" | "plain";
  text: string;
  /** The store to look at. */
  storeId?: string;
}

type Told = Omit<Notice, "key">;

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
const VISIBLE_MAX = 4;
/** A live region tells what changes: it is empty for a moment, so that it can say the same again. */
const EMPTY_MS = 100;

const spoken = ref("");
const visible = shallowRef<readonly Notice[]>([]);
let gathered: Told[] = [];
let gathering: ReturnType<typeof setTimeout> | undefined;
let lastKey = 0;

/** The text of the page's live region. */
export const announcement = readonly(spoken);
export const notices = readonly(visible) as Readonly<typeof visible>;

export function announce(name: string, event: StoreEvent): void {
  const sentence = SENTENCES[event.kind];
  if (sentence) gather({ source: "event", tone: sentence[0], text: `${name} ${sentence[1]}`, storeId: event.store_id });
}

/** Says something that no event says. */
export function say(text: string, tone: Notice["tone"] = "plain"): void {
  gather({ source: "said", tone, text });
}

export function dismiss(key: number): void {
  visible.value = visible.value.filter((notice) => notice.key !== key);
}

function gather(notice: Told): void {
  gathered.push(notice);
  gathering ??= setTimeout(tell, GATHER_MS);
}

function tell(): void {
  const all = gathered;
  gathered = [];
  gathering = undefined;
  const told = fold(all);
  spoken.value = "";
  setTimeout(() => (spoken.value = told.map((notice) => notice.text).join(". ")), EMPTY_MS);
  const fresh = told.map((notice) => ({ ...notice, key: ++lastKey }));
  visible.value = crowdOut([...visible.value, ...fresh]);
  fresh.forEach((notice) => setTimeout(() => expire(notice.key), SHOWN_MS));
}

/** A hundred stores at once would be a hundred sentences. */
function fold(all: Told[]): Told[] {
  const said = all.filter((notice) => notice.source === "said");
  const count = all.length - said.length;
  return count > TOGETHER_MAX ? [...said, { source: "event", tone: "plain", text: `${count} stores changed` }] : all;
}

/** Takes the oldest events away where there are too many notices. */
function crowdOut(all: Notice[]): Notice[] {
  let surplus = all.length - VISIBLE_MAX;
  return all.filter((notice) => notice.source === "said" || hasFocus(notice.key) || surplus-- <= 0);
}

function expire(key: number): void {
  if (hasFocus(key)) setTimeout(() => expire(key), SHOWN_MS);
  else dismiss(key);
}

/** Whether the focus is in it; it must not go with the notice. */
function hasFocus(key: number): boolean {
  return document.activeElement?.closest<HTMLElement>("[data-notice]")?.dataset.notice === String(key);
}
