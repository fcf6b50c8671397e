// How the connection to the stream of events stands, and what to do next. Pure: no clock, no network, no timer; the
// tests are its specification.

/**
 * - `connecting`: for the first time.
 * - `live`: events come as they happen.
 * - `reconnecting`: lost a moment ago; tried again soon.
 * - `polling`: lost again and again; the list is read every few seconds, and the stream tried now and then.
 * - `paused`: nobody looks at the page; the connection is given back, since a browser has only six for each server.
 */
export type Phase = "connecting" | "live" | "reconnecting" | "polling" | "paused";

export interface Connection {
  readonly phase: Phase;
  /** In a row. */
  readonly failures: number;
  /** The wait after a first failure, in ms; the server may set it. */
  readonly base: number;
}

export type Input =
  | { kind: "opened" }
  /** `lasted`: how long it worked, in ms; 0 if nothing ever came. `wait`: what the server asked for, in ms. */
  | { kind: "lost"; lasted: number; wait?: number }
  | { kind: "retry_set"; ms: number }
  | { kind: "hidden" }
  | { kind: "shown" };

/** What to do: connect after so many ms, or nothing. */
export type Next = readonly [Connection, { connectIn: number } | undefined];

export const START: Connection = { phase: "connecting", failures: 0, base: 1000 };

/** After so many failures in a row the page falls back to polling. */
export const FAILURES_BEFORE_POLLING = 4;
export const POLL_EVERY_MS = 5000;
const WAIT_MAX_MS = 30_000;
/** A connection that lasted this long was a good one: losing it begins a new row of failures. */
const GOOD_AFTER_MS = 5000;

/** `random` is from [0, 1): many pages that lost one server must not all come back at the same moment. */
export function advance(now: Connection, input: Input, random: number): Next {
  switch (input.kind) {
    case "opened":
      return [{ ...now, phase: "live" }, undefined];
    case "retry_set":
      return [{ ...now, base: Math.min(Math.max(input.ms, 100), WAIT_MAX_MS) }, undefined];
    case "hidden":
      return [{ ...now, phase: "paused", failures: 0 }, undefined];
    case "shown":
      return now.phase === "paused" ? [{ ...now, phase: "reconnecting" }, { connectIn: 0 }] : [now, undefined];
    case "lost":
      return now.phase === "paused" ? [now, undefined] : lost(now, input.lasted, input.wait, random);
  }
}

function lost(now: Connection, lasted: number, wait: number | undefined, random: number): Next {
  const failures = lasted >= GOOD_AFTER_MS ? 1 : now.failures + 1;
  const phase = failures >= FAILURES_BEFORE_POLLING ? "polling" : "reconnecting";
  const ceiling = Math.min(now.base * 2 ** (failures - 1), WAIT_MAX_MS);
  // Between half and all of the ceiling: spread out, but never at once.
  const connectIn = Math.max(Math.round(ceiling * (0.5 + random / 2)), wait ?? 0);
  return [{ ...now, phase, failures }, { connectIn }];
}
