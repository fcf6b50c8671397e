// A parser for server-sent events (the WHATWG's text/event-stream), fed with text as it arrives. Pure.
//
// The browser's own EventSource cannot send an Authorization header, so the stream is read with fetch and parsed here.

export interface Message {
  /** The last id that the stream named, also when this message named none. */
  id: string;
  event: string;
  data: string;
}

export class SseParser {
  #rest = "";
  #isStart = true;
  #event = "";
  #data: string[] = [];
  #id: string;
  #retry: number | undefined;

  /** `id` is where an earlier connection ended. */
  constructor(id = "") {
    this.#id = id;
  }

  /** How long the server wants readers to wait before they come again, in ms. */
  get retry(): number | undefined {
    return this.#retry;
  }

  /** Takes a piece of the stream, cut anywhere, and gives the messages that it completes. */
  push(piece: string): Message[] {
    if (piece === "") return [];
    if (this.#isStart) {
      this.#isStart = false;
      piece = piece.replace(/^\uFEFF/, "");
    }
    this.#rest += piece;
    const messages: Message[] = [];
    for (let line = this.#line(); line !== undefined; line = this.#line()) {
      const message = this.#take(line);
      if (message) messages.push(message);
    }
    return messages;
  }

  /** The next whole line. A CR at the very end waits: an LF that belongs to it may follow. */
  #line(): string | undefined {
    const end = this.#rest.search(/[\r\n]/);
    if (end === -1) return undefined;
    const isCr = this.#rest[end] === "\r";
    if (isCr && end === this.#rest.length - 1) return undefined;
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + (isCr && this.#rest[end + 1] === "\n" ? 2 : 1));
    return line;
  }

  #take(line: string): Message | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#retry = Number(value);
    return undefined;
  }

  #dispatch(): Message | undefined {
    const message = { id: this.#id, event: this.#event || "message", data: this.#data.join("\n") };
    const isEmpty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    return isEmpty ? undefined : message;
  }
}
