// The parser of server-sent events, against the rules of the WHATWG's text/event-stream.

import { describe, expect, it } from "vitest";
import { SseParser } from "@/live/sse";

const all = (text: string, id?: string) => new SseParser(id).push(text);

describe("SseParser", () => {
  it.each([
    ["id, event and data", 'id: 7\nevent: ready\ndata: {"a":1}\n\n', [{ id: "7", event: "ready", data: '{"a":1}' }]],
    ["no event name", "data: x\n\n", [{ id: "", event: "message", data: "x" }]],
    ["several data lines", "data: a\ndata:b\ndata\n\n", [{ id: "", event: "message", data: "a\nb\n" }]],
    ["CR LF", "id: 1\r\ndata: x\r\n\r\n", [{ id: "1", event: "message", data: "x" }]],
    ["CR alone", "id: 1\rdata: x\r\r\n", [{ id: "1", event: "message", data: "x" }]],
    ["comments", ": heartbeat\n\ndata: x\n\n", [{ id: "", event: "message", data: "x" }]],
    ["only one space is taken off", "data:  x\n\n", [{ id: "", event: "message", data: " x" }]],
    ["a byte order mark", "\uFEFFdata: x\n\n", [{ id: "", event: "message", data: "x" }]],
    ["unknown fields", "color: red\ndata: x\n\n", [{ id: "", event: "message", data: "x" }]],
    ["no data, no message", "event: ready\nid: 3\n\n", []],
    ["an unfinished message", "data: x\n", []],
    ["an id with NUL is ignored", "id: a\0b\ndata: x\n\n", [{ id: "", event: "message", data: "x" }]],
  ])("%s", (_, text, messages) => expect(all(text)).toEqual(messages));

  it("keeps the id for later messages, and the name for one only", () => {
    const [first, second] = all("id: 5\nevent: failed\ndata: a\n\ndata: b\n\n");
    expect(first).toEqual({ id: "5", event: "failed", data: "a" });
    expect(second).toEqual({ id: "5", event: "message", data: "b" });
  });

  it("begins with the id of the connection before", () => {
    expect(all("data: x\n\n", "41")).toEqual([{ id: "41", event: "message", data: "x" }]);
  });

  it("gives the same however the stream is cut", () => {
    const text = 'id: 1\r\nevent: gate_met\r\ndata: {"x":"ä"}\r\n\r\n: beat\n\nretry: 250\nid: 2\ndata: b\n\n';
    const whole = all(text);
    for (let cut = 1; cut < text.length; cut++) {
      const parser = new SseParser();
      expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual(whole);
      expect(parser.retry).toBe(250);
    }
    const single = new SseParser();
    expect([...text].flatMap((character) => single.push(character))).toEqual(whole);
  });

  it("takes only whole numbers for retry", () => {
    const parser = new SseParser();
    parser.push("retry: soon\n\n");
    expect(parser.retry).toBeUndefined();
  });
});
