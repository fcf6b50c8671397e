// What follows when the connection opens, breaks, and comes back.

import { describe, expect, it } from "vitest";
import { advance, FAILURES_BEFORE_POLLING, START, type Connection, type Input } from "@/live/connection";

const lost: Input = { kind: "lost", lasted: 0 };
const after = (inputs: Input[], random = 0): Connection => inputs.reduce((now, input) => advance(now, input, random)[0], START);
const wait = (inputs: Input[], random: number) => {
  const before = after(inputs.slice(0, -1));
  return advance(before, inputs.at(-1)!, random)[1]?.connectIn;
};

describe("advance", () => {
  it("is live once open", () => expect(after([{ kind: "opened" }]).phase).toBe("live"));

  it("reconnects when lost, and polls after failing again and again", () => {
    const phases = Array.from({ length: 5 }, (_, times) => after(Array<Input>(times + 1).fill(lost)).phase);
    expect(phases).toEqual(["reconnecting", "reconnecting", "reconnecting", "polling", "polling"]);
    expect(FAILURES_BEFORE_POLLING).toBe(4);
  });

  it("keeps trying while it polls, and is live again", () => {
    const polling = Array<Input>(6).fill(lost);
    expect(wait(polling, 0)).toBeGreaterThan(0);
    expect(after([...polling, { kind: "opened" }]).phase).toBe("live");
  });

  it("counts anew after a connection that worked", () => {
    const state = after([lost, lost, lost, { kind: "opened" }, { kind: "lost", lasted: 60_000 }]);
    expect(state).toMatchObject({ phase: "reconnecting", failures: 1 });
  });

  it("does not count anew after one that opened and broke at once", () => {
    const state = after([lost, lost, lost, { kind: "opened" }, { kind: "lost", lasted: 20 }]);
    expect(state.phase).toBe("polling");
  });

  it.each([[1, 500, 1000], [2, 1000, 2000], [3, 2000, 4000], [9, 15_000, 30_000]])(
    "waits longer each time, spread out (failure %i)", (times, least, most) => {
      const inputs = Array<Input>(times).fill(lost);
      expect(wait(inputs, 0)).toBe(least);
      expect(wait(inputs, 1)).toBe(most);
    });

  it("waits as long as the server asks", () => {
    expect(wait([{ kind: "lost", lasted: 0, wait: 7000 }], 0)).toBe(7000);
    expect(wait([{ kind: "retry_set", ms: 4000 }, lost], 1)).toBe(4000);
  });

  it("rests while nobody looks, and comes back at once", () => {
    const paused = after([{ kind: "opened" }, { kind: "hidden" }]);
    expect(paused.phase).toBe("paused");
    expect(advance(paused, lost, 0)).toEqual([paused, undefined]);
    expect(advance(paused, { kind: "shown" }, 0)[1]).toEqual({ connectIn: 0 });
  });

  it("takes no notice of being shown while it is live", () => {
    const live = after([{ kind: "opened" }]);
    expect(advance(live, { kind: "shown" }, 0)).toEqual([live, undefined]);
  });
});
