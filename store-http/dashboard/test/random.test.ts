// Generated passwords: long, mixed, and without a lean.

import { describe, expect, it } from "vitest";
import { generatePassword, randomKey } from "@/lib/random";

describe("generatePassword", () => {
  it("has every class, wherever it falls", () => {
    for (let times = 0; times < 200; times++) {
      const password = generatePassword();
      expect(password).toHaveLength(20);
      for (const kind of [/[A-Z]/, /[a-z]/, /[2-9]/, /[-_.!*+]/]) expect(password).toMatch(kind);
      expect(password).not.toMatch(/[0O1lI\s]/);
    }
  });

  it("is never the same", () => {
    expect(new Set(Array.from({ length: 500 }, () => generatePassword())).size).toBe(500);
  });

  it("throws away numbers that would lean to the first characters", () => {
    // The highest number is no fair choice among 24 letters; it must be drawn again.
    const draws = [2 ** 32 - 1, 0];
    let used = 0;
    generatePassword(4, (numbers) => (numbers[0] = draws[used++] ?? 0));
    expect(used).toBeGreaterThan(4 + 3);
  });

  it("puts no class at a fixed place", () => {
    const firsts = new Set(Array.from({ length: 300 }, () => generatePassword().charAt(0).replace(/[A-Z]/, "A").replace(/[a-z]/, "a").replace(/[2-9]/, "2")));
    expect(firsts.size).toBeGreaterThan(3);
  });
});

it("keys have 128 bits", () => expect(randomKey()).toMatch(/^[0-9a-f]{32}$/));
