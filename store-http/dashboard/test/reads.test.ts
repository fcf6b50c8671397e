// Single reads: few at a time, and again if something happened meanwhile.

import { describe, expect, it } from "vitest";
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
