// The stores as the page shows them, always current: the list once, then the stream of events. One for the whole page.

import { nextTick, readonly, ref, shallowRef } from "vue";
import { getStore, listStores } from "@/api/client";
import { apiFetch } from "@/api/http";
import { ApiError, isPassing, messageOf } from "@/api/problem";
import type { ConditionNotice, Store, StoreEvent } from "@/api/types";
import { focusMain } from "@/lib/focus";
import { announce } from "./announce";
import type { Phase } from "./connection";
import { StoreIndex } from "./index";
import { Reads } from "./reads";
import { Recent } from "./recent";
import { EventStream } from "./stream";

/** Beyond this, reading the whole list is cheaper than store by store. */
const BACKLOG_MAX = 200;
/** The screen is drawn at most this often, however many events come. */
const DRAW_EVERY_MS = 100;
/** A list that could not be read is read again after this time. */
const LIST_AGAIN_MS = 5000;
/** A page of the list may have been made so long before it is asked for. */
const LIST_AGE_MAX_MS = 2000;
/** Switching tabs for a moment does not cut the stream. */
const HIDDEN_FOR_MS = 20_000;

let index = new StoreIndex();
let stream: EventStream | undefined;
let reloading: Promise<void> | undefined;
/** Whether something has been missed that the running reload may have passed by already. */
let isStale = false;
/** Whose condition was told lately. */
const flipped = new Recent(LIST_AGE_MAX_MS, BACKLOG_MAX);
/** Whose condition may be another one than the list that is being read says. */
const flippedMeanwhile = new Set<string>();
let listingAgain: ReturnType<typeof setTimeout> | undefined;
let drawing: ReturnType<typeof setTimeout> | undefined;
let drawnAt = -DRAW_EVERY_MS;
let hiding: ReturnType<typeof setTimeout> | undefined;
let generation = 0;

const shown = shallowRef<readonly Store[]>([]);
const phase = ref<Phase>("connecting");
const isComplete = ref(false);
const reloads = ref(0);
const failure = ref<string>();
const listeners = new Set<(event: StoreEvent) => void>();

const reads = new Reads(async (id) => {
  const mine = generation;
  const since = index.heard(id);
  try {
    const store = await getStore(id);
    if (mine === generation) put(store, since);
  } catch (error) {
    if (mine === generation && isPassing(error)) throw error;
  }
});

/** Every known store; a new array whenever one changed. */
export const stores = readonly(shown) as Readonly<typeof shown>;
export const connection = readonly(phase);
/** Whether all pages of the list have come. */
export const isLoaded = readonly(isComplete);
/** How often the whole list has been read: events may have been missed before each time but the first. */
export const reloadCount = readonly(reloads);
/** Why the list cannot be read. */
export const loadFailure = readonly(failure);

/** Starts, or starts anew for another person. */
export function start(): void {
  stop();
  void reload();
}

export function stop(): void {
  generation++;
  stream?.stop();
  stream = undefined;
  clearTimeout(listingAgain);
  reloading = undefined;
  flipped.clear();
  flippedMeanwhile.clear();
  isStale = false;
  failure.value = undefined;
  index = new StoreIndex();
  reads.clear();
  shown.value = [];
  isComplete.value = false;
  phase.value = "connecting";
}

/** Takes an answer that carries a store, such as that to a deletion. For `since` see `StoreIndex.put`. */
export function put(store: Store, since?: number): void {
  if (index.put(store, since)) draw();
}

export function find(id: string): Store | undefined {
  return index.get(id);
}

/** Calls `listener` for every event, until the function it gives back is called. */
export function onEvent(listener: (event: StoreEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Reads the whole list again; all who ask at the same time get the same reading. */
export function reload(): Promise<void> {
  if (reloading) return reloading;
  clearTimeout(listingAgain);
  flipped.all(performance.now()).forEach((id) => flippedMeanwhile.add(id));
  const mine = readAll(generation).finally(() => {
    // Somebody else may have logged in meanwhile.
    if (reloading !== mine) return;
    reloading = undefined;
    flippedMeanwhile.forEach((id) => reads.want(id));
    flippedMeanwhile.clear();
    if (isStale) void reload();
    isStale = false;
  });
  return (reloading = mine);
}

/** As `reload`, but a reading that has already begun is not enough. */
function reloadAfresh(): void {
  if (reloading) isStale = true;
  else void reload();
}

async function readAll(mine: number): Promise<void> {
  let position: number | undefined;
  index.beginReload();
  try {
    let token: string | undefined;
    do {
      const page = await listStores(token === undefined ? {} : { page_token: token });
      if (mine !== generation) return;
      page.stores.forEach((store) => index.put(store, page.position));
      // The first page's: what changes while the others are read comes again as events.
      position ??= page.position;
      token = page.next_page_token ?? undefined;
      failure.value = undefined;
      draw();
    } while (token !== undefined);
    index.endReload();
    isComplete.value = true;
    reloads.value++;
    draw();
  } catch (error) {
    if (mine !== generation) return;
    index.abandonReload();
    failure.value = messageOf(error);
    // Without a token nothing will come. Else it will, some time.
    if (error instanceof ApiError && error.status === 401) return;
    listingAgain = setTimeout(() => void reload(), LIST_AGAIN_MS);
  }
  if (stream) return;
  // Without a position the stream would begin with the very first event.
  if (position === undefined) phase.value = "reconnecting";
  else stream = follow(position);
}

function follow(position: number): EventStream {
  return new EventStream(
    position,
    {
      phase: (next) => {
        // Conditions have no position, so whoever was away is not told again what has become of them.
        if (next === "live" && phase.value !== "connecting") void reload();
        phase.value = next;
      },
      poll: () => void reload(),
      message: ({ event, data }) => {
        if (event === "reset") reloadAfresh();
        else if (event === "condition") takeCondition(JSON.parse(data) as ConditionNotice);
        else take(JSON.parse(data) as StoreEvent);
      },
    },
    { fetch: apiFetch, random: Math.random, now: Date.now },
  );
}

function take(event: StoreEvent): void {
  const store = index.apply(event);
  if (store) {
    announce(store.name, event);
    draw();
  }
  for (const listener of listeners) listener(event);
  if (reads.backlog > BACKLOG_MAX) {
    reads.clear();
    reloadAfresh();
  } else {
    reads.want(event.store_id);
  }
}

function takeCondition(notice: ConditionNotice): void {
  if (index.flip(notice)) draw();
  flipped.add(notice.store_id, performance.now());
  // What is being read right now may be what was before, and would be taken for newer.
  if (reloading) flippedMeanwhile.add(notice.store_id);
  else if (reads.isReading(notice.store_id)) reads.want(notice.store_id);
}

function draw(): void {
  // The first change after a pause is drawn at once.
  const pause = Math.max(0, drawnAt + DRAW_EVERY_MS - performance.now());
  drawing ??= setTimeout(() => {
    drawing = undefined;
    drawnAt = performance.now();
    const focused = document.activeElement;
    shown.value = index.all();
    void nextTick(() => {
      // A button that went with the change, as that of a deleted store, must not take the focus with it.
      if (focused?.isConnected === false) focusMain();
    });
  }, pause);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(() => stream?.setVisible(false), HIDDEN_FOR_MS);
  else if (phase.value === "paused") stream?.setVisible(true);
});
