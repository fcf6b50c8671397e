// The gates of a store as a timeline: which are met, which is next, where it broke. Pure.

import type { Gate, Store } from "@/api/types";
import { between } from "./duration";

export type GateState = "met" | "current" | "failed" | "waiting";

export interface TimelineEntry {
  gate: Gate;
  state: GateState;
  /** How long it took, or has taken so far. */
  took: string | undefined;
}

export function timeline(store: Store, now: number): TimelineEntry[] {
  const next = store.step ?? store.gates.find((record) => !record.ended_at)?.gate;
  // While it is taken down, nobody waits for a gate any more: what was not met stays so.
  const stateOfNext: GateState =
    store.status === "PROVISIONING" ? "current" : store.status === "FAILED" ? "failed" : "waiting";
  return store.gates.map(({ gate, started_at, ended_at }) => {
    const state: GateState = ended_at ? "met" : gate === next ? stateOfNext : "waiting";
    const isStill = state === "failed" || (state === "waiting" && !ended_at);
    const end = ended_at ?? (state === "failed" ? store.updated_at : undefined);
    return { gate, state, took: isStill && !end ? undefined : between(started_at, end, now) };
  });
}

/** How long it took from the first gate to the last, once all are met. */
export function totalTime(store: Store): string | undefined {
  const last = store.gates.at(-1)?.ended_at;
  return last ? between(store.gates[0]?.started_at ?? store.created_at, last, 0) : undefined;
}
