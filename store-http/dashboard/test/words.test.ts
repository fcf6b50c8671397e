// Durations, names, links, logs and the other small things that are said.

import { describe, expect, it } from "vitest";
import { ApiError, toApiError } from "@/api/problem";
import { age, between, dateTime, dayOf, duration, moment } from "@/lib/duration";
import { timeline, totalTime } from "@/lib/gates";
import { mergeEvents } from "@/lib/history";
import { webLink } from "@/lib/links";
import { LogTail } from "@/lib/log";
import { nameProblem, publicUrl } from "@/lib/names";
import { event, store } from "./make";

describe("moment", () => {
  const at = "2026-01-31T12:00:00Z";
  const days = (count: number) => dayOf(Date.parse(at) + count * 86_400_000);

  it("is a time where it is of today", () => expect(dateTime(at)).toMatch(new RegExp(`.${moment(at, days(0))}$`)));
  it.each([-31, 1, 31, 365])("has its date %i days later", (count) => expect(moment(at, days(count))).toBe(dateTime(at)));
  it("is a dash where it is none", () => expect(moment("", days(0))).toBe("–"));
});

describe("duration", () => {
  it.each([
    [-5, "0 s"], [0, "0 s"], [40, "0.1 s"], [999, "0.9 s"], [1000, "1 s"], [59_999, "59 s"], [60_000, "1 min 00 s"],
    [65_400, "1 min 05 s"], [3_599_999, "59 min 59 s"], [3_600_000, "1 h 00 min"], [7_380_000, "2 h 03 min"],
    [86_400_000, "1 d 0 h"], [273_600_000, "3 d 4 h"],
  ])("%i ms is %s", (ms, words) => expect(duration(ms)).toBe(words));

  const start = "2026-01-01T00:00:00Z";
  const at = Date.parse(start);
  it.each([[12_000, "12 s"], [300_000, "5 min"], [3 * 3_600_000, "3 h"], [9 * 86_400_000, "9 d"], [-1000, "0 s"]])(
    "an age of %i ms is %s", (ms, words) => expect(age(start, at + ms)).toBe(words));
  it("runs until now while there is no end", () => expect(between(start, null, at + 2500)).toBe("2 s"));
  it("ends", () => expect(between(start, "2026-01-01T00:00:01.5Z", at + 99_000)).toBe("1 s"));
  it("has not begun", () => expect(between(null, null, at)).toBeUndefined());
});

describe("timeline", () => {
  const gates = [
    { gate: "queued" as const, started_at: "2026-01-01T00:00:00Z", ended_at: "2026-01-01T00:00:02Z" },
    { gate: "database" as const, started_at: "2026-01-01T00:00:02Z" },
    { gate: "setup" as const },
  ];
  const now = Date.parse("2026-01-01T00:00:30Z");
  it("shows what is met, what runs and what waits", () => {
    expect(timeline(store({ gates, step: "database" }), now)).toEqual([
      { gate: "queued", state: "met", took: "2 s" },
      { gate: "database", state: "current", took: "28 s" },
      { gate: "setup", state: "waiting", took: undefined },
    ]);
  });
  it("shows where it broke, and stops the clock there", () => {
    const failed = store({ gates, status: "FAILED", step: null, updated_at: "2026-01-01T00:00:12Z" });
    expect(timeline(failed, now)[1]).toEqual({ gate: "database", state: "failed", took: "10 s" });
  });
  it("sums up once all are met", () => {
    expect(totalTime(store({ gates }))).toBeUndefined();
    expect(totalTime(store({ gates: gates.slice(0, 1) }))).toBe("2 s");
  });
});

describe("mergeEvents", () => {
  const at = (position: number) => event({ position });
  it.each([
    [[], [1, 2], [1, 2]], [[1, 2], [3], [1, 2, 3]], [[1, 3], [2], [1, 2, 3]], [[1, 2], [2, 3], [1, 2, 3]], [[3], [1], [1, 3]],
  ])("%j and %j", (known, more, all) => {
    expect(mergeEvents(known.map(at), more.map(at)).map(({ position }) => position)).toEqual(all);
  });
});

describe("webLink", () => {
  it.each(["http://shop.localhost:8080", "https://shop.example.com/wp-admin"])("takes %s", (url) => expect(webLink(url)).toContain(url));
  it.each(["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "shop.localhost", "//shop", "", null, undefined])(
    "refuses %s", (url) => expect(webLink(url)).toBeUndefined());
});

describe("nameProblem", () => {
  it.each(["abc", "my-store", "0shop", "a".repeat(40)])("takes %s", (name) => expect(nameProblem(name)).toBeUndefined());
  it.each(["", "ab", "Shop", "a b c", "-abc", "abc-", "ab--cd", "a".repeat(41), "shöp"])("refuses %s", (name) => expect(nameProblem(name)).toBeTypeOf("string"));
  it("shows the address", () => {
    expect(publicUrl("http://{name}.localhost:8080", "shop")).toBe("http://shop.localhost:8080");
    expect(publicUrl("http://{name}.localhost", "$&")).toBe("http://$&.localhost");
    expect(publicUrl("", "shop")).toBe("");
  });
});

describe("LogTail", () => {
  it("joins lines that come in pieces", () => {
    const log = new LogTail();
    log.push("one\ntw");
    log.push("o\n");
    log.push("three");
    expect(log.text).toBe("one\ntwo\nthree");
  });
  it("keeps the last lines", () => {
    const log = new LogTail(2);
    log.push("1\n2\n3\n");
    expect(log.text).toBe("2\n3");
  });
  it("drops colour codes, also when they are cut, and keeps markup as text", () => {
    const log = new LogTail();
    log.push("\u001B[3");
    log.push("2mgreen\u001B[0m <b>\u0007\n");
    expect(log.text).toBe("green <b>");
  });
});

describe("toApiError", () => {
  it("names the fields, the first message of each", () => {
    const error = toApiError(422, { detail: "name is wrong", errors: [{ field: "name", message: "a" }, { field: "name", message: "b" }] });
    expect(error).toBeInstanceOf(ApiError);
    expect(error.fields).toEqual({ name: "a" });
    expect(error.message).toBe("Name is wrong.");
  });
  it.each([undefined, null, "<html>", { detail: 7 }])("has words for %j", (body) => {
    expect(toApiError(502, body).message).toBe("The platform cannot answer right now.");
    expect(toApiError(502, body).fields).toEqual({});
  });
});
