// One fetch for everything that is asked of the API: adds the token, notices a 401, and learns the server's time.

import { currentToken } from "./token";
import { learnServerTime } from "@/lib/clock";

/** Where the API is, without the /api/v1 that every path already has. */
export const BASE_URL = (import.meta.env.VITE_API_BASE_URL ?? "").replace(/\/(api\/v1\/?)?$/, "");

let onUnauthorized: () => void = () => {};

/** Calls `listener` whenever the API asks for another token. */
export function whenUnauthorized(listener: () => void): void {
  onUnauthorized = listener;
}

/** The server gives up after 30 s by itself and says so; whoever is silent for longer says nothing any more. */
export const DEADLINE_MS = 35_000;

/** As `apiFetch`, for what has an end: an answer that has not come whole in time fails. */
export function apiFetchInTime(request: Request): Promise<Response> {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(DEADLINE_MS)]);
  return apiFetch(request, { signal });
}

/** Gives up what is silent for longer than it was allowed to be. */
export class Silence {
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** From now on, instead of what was allowed before. */
  allow(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abort.abort(new DOMException("silent for too long", "TimeoutError")), ms);
  }

  joined(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#abort.signal]);
  }

  get isOver(): boolean {
    return this.#abort.signal.aborted;
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** `fetch` with the token, however long it takes. Refuses to give the token to another place than the API. */
export async function apiFetch(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(typeof input === "string" ? BASE_URL + input : input, init);
  const sent = currentToken();
  if (sent !== null) request.headers.set("Authorization", `Bearer ${sent}`);
  const response = await fetch(request, { credentials: "omit", redirect: "error", cache: "no-store" });
  learnServerTime(response.headers.get("Date"));
  // An answer to a token that has been replaced meanwhile says nothing about the new one.
  if (response.status === 401 && sent === currentToken()) onUnauthorized();
  return response;
}
