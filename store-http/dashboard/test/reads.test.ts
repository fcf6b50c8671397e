// Single reads: few at a time, again if something happened meanwhile, and again if they failed.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Reads } from "@/live/reads";

/** Reads that end when the test says so. */
function setUp() {
  const asked: string[] = [];
  const ends: (() => void)[] = [];
  const reads = new Reads((id) => new Promise((resolve) => {
    asked.push(id);
    ends.push(resolve);
  }));
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  return { reads, asked, ends, settle };
}

describe("Reads", () => {
  it("reads a few at a time", async () => {
    const { reads, asked, ends, settle } = setUp();
    "abcdef".split("").forEach((id) => reads.want(id));
    expect(asked).toEqual(["a", "b", "c", "d"]);
    expect(reads.backlog).toBe(2);
    ends[0]!();
    await settle();
    expect(asked).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("reads once more if something happened while it read", async () => {
    const { reads, asked, ends, settle } = setUp();
    reads.want("a");
    reads.want("a");
    reads.want("a");
    expect(asked).toEqual(["a"]);
    ends[0]!();
    await settle();
    expect(asked).toEqual(["a", "a"]);
    ends[1]!();
    await settle();
    expect(asked).toHaveLength(2);
  });
});

describe("Reads that fail", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** The first `failures` of them fail. */
  function failing(failures: number) {
    const at: number[] = [];
    const begun = Date.now();
    const reads = new Reads(async () => {
      at.push(Date.now() - begun);
      if (at.length <= failures) throw new Error("not now");
    });
    return { reads, at };
  }

  it("are made again, after pauses that grow and have an end", async () => {
    const { reads, at } = failing(7);
    reads.want("a");
    await vi.advanceTimersByTimeAsync(300_000);
    expect(at.map((time, index) => (time - (at[index - 1] ?? 0)) / 1000)).toEqual([0, 1, 2, 4, 8, 16, 30, 30]);
  });

  it("do not wait when something happens", async () => {
    const { reads, at } = failing(1);
    reads.want("a");
    await vi.advanceTimersByTimeAsync(100);
    reads.want("a");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(at).toEqual([0, 100]);
  });

  it("begin with a short pause again after a success", async () => {
    const { reads, at } = failing(2);
    reads.want("a");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(at).toEqual([0, 1000, 3000]);
    at.length = 1;
    reads.want("a");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(at.slice(1)).toEqual([10_000, 11_000]);
  });

  it("are left to whoever reads everything", async () => {
    const { reads, at } = failing(9);
    reads.want("a");
    await vi.advanceTimersByTimeAsync(100);
    reads.clear();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(at).toEqual([0]);
  });

  it("hold up nobody else", async () => {
    const asked: string[] = [];
    const reads = new Reads(async (id) => {
      asked.push(id);
      if (id === "a") throw new Error("never");
    });
    "abcdef".split("").forEach((id) => reads.want(id));
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toEqual([..."abcdef"]);
  });
});
