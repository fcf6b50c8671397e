// A followed log goes on over the ends of single readings, until its pod has ended.

import { describe, expect, it } from "vitest";
import { follow, type Outside } from "@/live/logs";

type Reading = { says: string[]; lasts?: number; fails?: Error };

const gone = new Error("gone");

/** Readings one after the other; the pod lives while there are more of them. */
function setUp(readings: Reading[], change: Partial<Outside> = {}) {
  const waits: number[] = [];
  let now = 0;
  const outside: Outside = {
    async *read() {
      const { says, lasts = 0, fails } = readings.shift()!;
      yield* says;
      now += lasts;
      if (fails) throw fails;
    },
    isAlive: async () => readings.length > 0,
    passes: (error) => error !== gone,
    wait: async (ms) => void waits.push(ms),
    now: () => now,
    ...change,
  };
  return { outside, waits };
}

async function all(outside: Outside): Promise<string[]> {
  const pieces: string[] = [];
  for await (const { text, isAnew } of follow(outside)) pieces.push(isAnew ? `|${text}` : text);
  return pieces;
}

describe("follow", () => {
  it("begins anew when a reading ends although the pod lives", async () => {
    const { outside } = setUp([{ says: ["a", "b"] }, { says: ["b", "c"] }]);
    expect(await all(outside)).toEqual(["|a", "b", "|b", "c"]);
  });

  it("begins anew when a reading breaks off", async () => {
    const { outside } = setUp([{ says: ["a"], fails: new Error("reset") }, { says: ["a", "b"] }]);
    expect(await all(outside)).toEqual(["|a", "|a", "b"]);
  });

  it("tries again when nobody can tell whether the pod lives", async () => {
    let asked = 0;
    const { outside } = setUp([{ says: ["a"] }, { says: ["b"] }], {
      isAlive: async () => {
        if (asked++ === 0) throw new Error("not now");
        return false;
      },
    });
    expect(await all(outside)).toEqual(["|a", "|b"]);
  });

  it("waits longer each time, and anew after a reading that lasted", async () => {
    const short = { says: ["x"] };
    const { outside, waits } = setUp([short, short, short, short, short, short, short, { says: ["x"], lasts: 60_000 }, short]);
    await all(outside);
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 1000, 2000]);
  });

  it.each([
    ["the first reading says why there is none", [{ says: [], fails: new Error("no pod") }]],
    ["waiting does not help", [{ says: ["a"] }, { says: [], fails: gone }, { says: ["b"] }]],
  ] satisfies [string, Reading[]][])("fails where %s", async (_, readings) => {
    const { outside } = setUp(readings);
    await expect(all(outside)).rejects.toThrow();
  });
});
