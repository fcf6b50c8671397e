// What is said, what is folded into one sentence, and how long it stays.

import "vue";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { event } from "./make";

/** The key of the notice that the focus is in. */
let focused: number | undefined;
vi.stubGlobal("document", {
  get activeElement() {
    return { closest: () => (focused === undefined ? null : { dataset: { notice: String(focused) } }) };
  },
});
const { announce, announcement, dismiss, notices, say } = await import("@/live/announce");

const texts = () => notices.value.map((notice) => notice.text);
const isReady = (name: string) => announce(name, event({ kind: "ready", store_id: name }));

beforeEach(() => {
  vi.useFakeTimers();
  focused = undefined;
});

afterEach(() => {
  notices.value.forEach((notice) => dismiss(notice.key));
  vi.useRealTimers();
});

describe("What happened", () => {
  it("is told store by store where they are few", () => {
    ["a", "b"].forEach(isReady);
    vi.advanceTimersByTime(500);
    expect(texts()).toEqual(["a is ready", "b is ready"]);
  });

  it("to many stores at once is one sentence, which never takes in what was said", () => {
    isReady("a");
    say("The name is taken", "bad");
    ["b", "c"].forEach(isReady);
    vi.advanceTimersByTime(500);
    expect(texts()).toEqual(["The name is taken", "3 stores changed"]);
    expect(announcement.value).toBe("The name is taken. 3 stores changed");
  });

  it("does not crowd out what was said", () => {
    say("The name is taken", "bad");
    for (const name of ["a", "b", "c", "d", "e"]) {
      isReady(name);
      vi.advanceTimersByTime(500);
    }
    expect(texts()).toEqual(["The name is taken", "c is ready", "d is ready", "e is ready"]);
  });
});

describe("The live region", () => {
  it("is emptied before it says the same again", () => {
    const heard: string[] = [];
    for (let at = 0; at < 12; at++) {
      if (at % 6 === 0) say("The name is taken", "bad");
      vi.advanceTimersByTime(100);
      if (announcement.value !== heard.at(-1)) heard.push(announcement.value);
    }
    expect(heard.slice(-3)).toEqual(["The name is taken", "", "The name is taken"]);
  });
});

describe("A notice", () => {
  it("goes after a while", () => {
    isReady("a");
    vi.advanceTimersByTime(9000);
    expect(texts()).toEqual([]);
  });

  it("stays while the focus is in it", () => {
    ["a", "b"].forEach(isReady);
    vi.advanceTimersByTime(500);
    focused = notices.value[0]!.key;
    vi.advanceTimersByTime(60_000);
    expect(texts()).toEqual(["a is ready"]);
    focused = undefined;
    vi.advanceTimersByTime(9000);
    expect(texts()).toEqual([]);
  });

  it("that has the focus is not crowded out", () => {
    isReady("a");
    vi.advanceTimersByTime(500);
    focused = notices.value[0]!.key;
    for (const name of ["b", "c", "d", "e"]) {
      isReady(name);
      vi.advanceTimersByTime(500);
    }
    expect(texts()).toEqual(["a is ready", "c is ready", "d is ready", "e is ready"]);
  });
});
