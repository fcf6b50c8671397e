// How the wire's words are said to people, and which tone each has. One place, so that every page says the same.

import type { Engine, EventKind, Gate, Status, Store } from "@/api/types";

export type Tone = "good" | "busy" | "bad" | "warn" | "calm";

export const STATUSES: readonly Status[] = ["PROVISIONING", "READY", "FAILED", "DELETING", "DELETED"];

const STATUS_WORDS: Record<Status, readonly [string, Tone]> = {
  PROVISIONING: ["Provisioning", "busy"],
  READY: ["Ready", "good"],
  FAILED: ["Failed", "bad"],
  DELETING: ["Deleting", "warn"],
  DELETED: ["Deleted", "calm"],
};

/** A status that this page does not know yet is shown as it is. */
export function statusWord(status: Status): string {
  return STATUS_WORDS[status]?.[0] ?? status;
}

export function statusTone(status: Status): Tone {
  return STATUS_WORDS[status]?.[1] ?? "calm";
}

const GATE_WORDS: Record<Gate, readonly [string, string]> = {
  queued: ["Queued", "waits for a free slot"],
  namespace: ["Namespace", "isolated space in the cluster"],
  credentials: ["Credentials", "secret with the passwords"],
  release: ["Release", "Helm installs the chart"],
  database: ["Database", "database is up"],
  setup: ["Setup", "shop is installed, products are made"],
  application: ["Application", "shop software is up"],
  storefront: ["Storefront", "shop answers with its products"],
};

export function gateWord(gate: Gate): string {
  return GATE_WORDS[gate]?.[0] ?? gate;
}

export function gateMeaning(gate: Gate): string {
  return GATE_WORDS[gate]?.[1] ?? "";
}

const ENGINE_WORDS: Record<Engine, string> = { medusa: "Medusa", woocommerce: "WooCommerce" };

export function engineWord(engine: Engine): string {
  return ENGINE_WORDS[engine] ?? engine;
}

export function eventTone(kind: EventKind): Tone {
  if (kind === "ready") return "good";
  if (kind === "failed" || kind === "action_failed") return "bad";
  if (kind === "teardown_blocked" || kind === "recovering" || kind === "late_arrival_removed") return "warn";
  return kind === "gate_met" ? "busy" : "calm";
}

/** `attempt_started` → "Attempt started"; also for words to come. */
export function spaced(word: string): string {
  const text = word.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function isMoving(store: Store): boolean {
  return store.status === "PROVISIONING" || store.status === "DELETING";
}
