// How long an answer is waited for, with a network that never gives one.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

vi.stubEnv("VITE_API_BASE_URL", "http://platform.test");
const { listStores, readLog } = await import("@/api/client");
const { isPassing, messageOf } = await import("@/api/problem");

const NEVER = new AbortController().signal;

/** Fails when the request is given up, as a browser's does. */
function untilGivenUp(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

const silent = (signal: AbortSignal) => untilGivenUp(signal);

/** The head of an answer, and then nothing. */
const headOnly = async (signal: AbortSignal) => new Response(new ReadableStream({
  start: (controller) => void untilGivenUp(signal).catch((reason) => controller.error(reason)),
}), { headers: { "Content-Type": "application/json" } });

function serve(answer: (signal: AbortSignal) => Promise<Response>) {
  vi.stubGlobal("fetch", (request: Request, init?: RequestInit) => answer(init?.signal ?? request.signal));
}

/** How it ended; undefined while it has not. */
function watch(call: Promise<unknown>) {
  const seen: { error?: unknown } = {};
  call.catch((error) => (seen.error = error));
  return seen;
}

beforeEach(() => {
  vi.useFakeTimers();
  // The one of Node keeps to its own clock.
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new DOMException("too late", "TimeoutError")), ms);
    return abort.signal;
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("A request", () => {
  it.each([["whose answer never comes", silent], ["whose answer stops after its head", headOnly]])("%s is given up", async (_, answer) => {
    serve(answer);
    const seen = watch(listStores({}));
    await vi.advanceTimersByTimeAsync(34_000);
    expect(seen.error).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2000);
    expect(isPassing(seen.error)).toBe(true);
    expect(messageOf(seen.error)).toBe("The platform has not answered in time. Try again in a moment.");
  });

  it.each([false, true])("for a log is given up as well (followed: %s)", async (follow) => {
    serve(silent);
    const seen = watch(readLog("abcdefghij", "application", follow, NEVER).next());
    await vi.advanceTimersByTimeAsync(34_000);
    expect(seen.error).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2000);
    expect(messageOf(seen.error)).toBe("The platform has not answered in time. Try again in a moment.");
  });

  it("for a log that is followed lasts until nobody wants it any more", async () => {
    serve(headOnly);
    const abort = new AbortController();
    const seen = watch(readLog("abcdefghij", "application", true, abort.signal).next());
    await vi.advanceTimersByTimeAsync(100_000);
    expect(seen.error).toBeUndefined();
    abort.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(seen.error).toBeDefined();
  });

  it("for a log that is followed ends after a long silence, and any word ends the silence", async () => {
    let say = (_: string) => {};
    serve(async (signal) => new Response(new ReadableStream({
      start(controller) {
        say = (text) => controller.enqueue(new TextEncoder().encode(text));
        untilGivenUp(signal).catch((reason) => controller.error(reason));
      },
    })));
    const log = readLog("abcdefghij", "application", true, NEVER);
    const first = log.next();
    await vi.advanceTimersByTimeAsync(100_000);
    say("one");
    expect(await first).toEqual({ done: false, value: "one" });
    const second = log.next();
    await vi.advanceTimersByTimeAsync(100_000);
    say("two");
    expect(await second).toEqual({ done: false, value: "two" });
    const third = log.next();
    await vi.advanceTimersByTimeAsync(121_000);
    expect(await third).toEqual({ done: true, value: undefined });
  });
});
