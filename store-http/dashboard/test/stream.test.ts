// The stream's driver with a network and a clock of the test's own.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Phase } from "@/live/connection";
import { EventStream } from "@/live/stream";

type Answer = (signal: AbortSignal) => Response | Promise<Response>;

function setUp(answers: Answer[]) {
  const asked: string[] = [];
  const phases: Phase[] = [];
  const messages: string[] = [];
  const poll = vi.fn();
  const stream = new EventStream(
    10,
    { message: ({ event, data }) => messages.push(`${event} ${data}`), phase: (phase) => phases.push(phase), poll },
    {
      fetch: async (_, init) => {
        asked.push(new Headers(init.headers).get("Last-Event-ID") ?? "");
        const answer = answers.shift() ?? refuse;
        return answer(init.signal!);
      },
      random: () => 0,
      now: () => Date.now(),
    },
  );
  return { stream, asked, phases, messages, poll };
}

/** Says nothing, not even that it has heard, until it is cut off. */
const hang: Answer = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

const refuse: Answer = () => new Response("", { status: 503 });

/** Says `text`, then ends, or stays silent until it is cut off. */
function say(text: string, end: "ends" | "stays"): Answer {
  return (signal) => new Response(new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      if (end === "ends") controller.close();
      else signal.addEventListener("abort", () => controller.error(new Error("cut off")));
    },
  }));
}

describe("EventStream", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("resumes after the last message", async () => {
    const { stream, asked, phases, messages } = setUp([
      say("id: 11\nevent: ready\ndata: a\n\nid: 12\nevent: failed\ndata: b\n\nid: 13\ndata: cut", "ends"),
      say(": heartbeat\n\n", "stays"),
    ]);
    await vi.advanceTimersByTimeAsync(600);
    expect(asked).toEqual(["10", "12"]);
    expect(messages).toEqual(["ready a", "failed b"]);
    expect(phases).toEqual(["live", "reconnecting", "live"]);
    stream.stop();
  });

  it("goes on from where a reset says", async () => {
    const { stream, asked, messages } = setUp([say('id: 99\nevent: reset\ndata: {"position":99}\n\n', "ends")]);
    await vi.advanceTimersByTimeAsync(600);
    expect(messages).toEqual(['reset {"position":99}']);
    expect(asked).toEqual(["10", "99"]);
    stream.stop();
  });

  it("resumes after the last event, whatever comes between them without an id", async () => {
    const { stream, asked, messages } = setUp([say("id: 11\nevent: ready\ndata: a\n\nevent: condition\ndata: b\n\n", "ends")]);
    await vi.advanceTimersByTimeAsync(600);
    expect(messages).toEqual(["ready a", "condition b"]);
    expect(asked).toEqual(["10", "11"]);
    stream.stop();
  });

  it("polls only after repeated failures, and stops once it is live", async () => {
    const { stream, phases, poll } = setUp([refuse, refuse, refuse, refuse, say(": beat\n\n", "stays")]);
    await vi.advanceTimersByTimeAsync(3400);
    expect(poll).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(phases.at(-1)).toBe("polling");
    expect(poll).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(phases.at(-1)).toBe("live");
    const polled = poll.mock.calls.length;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(poll).toHaveBeenCalledTimes(polled);
    stream.stop();
  });

  it("gives up a connection that has fallen silent", async () => {
    const { stream, asked } = setUp([say(": beat\n\n", "stays"), say(": beat\n\n", "stays")]);
    await vi.advanceTimersByTimeAsync(39_000);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toHaveLength(2);
    stream.stop();
  });

  it("gives up an attempt that nobody answers", async () => {
    const { stream, asked, phases } = setUp([hang, say(": beat\n\n", "stays")]);
    await vi.advanceTimersByTimeAsync(39_000);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toHaveLength(2);
    expect(phases).toEqual(["reconnecting", "live"]);
    stream.stop();
  });

  it("gives the connection back while nobody looks", async () => {
    const { stream, asked, phases } = setUp([say(": beat\n\n", "stays"), say(": beat\n\n", "stays")]);
    await vi.advanceTimersByTimeAsync(100);
    stream.setVisible(false);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toHaveLength(1);
    stream.setVisible(true);
    await vi.advanceTimersByTimeAsync(10);
    expect(phases).toEqual(["live", "paused", "reconnecting", "live"]);
    stream.stop();
  });

  it("is silent once stopped", async () => {
    const { stream, asked } = setUp([refuse]);
    stream.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(1);
  });
});
