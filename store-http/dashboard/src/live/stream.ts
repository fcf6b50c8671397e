// Follows the stream of events: connects, reads, reconnects where it left off. Decides nothing itself: connection.ts
// says what comes next. Everything from outside (network, timers, chance) can be replaced for tests.

import { advance, POLL_EVERY_MS, START, type Connection, type Input, type Phase } from "./connection";
import { SseParser, type Message } from "./sse";

export interface Listener {
  message(message: Message): void;
  phase(phase: Phase): void;
  /** Read everything again: nobody else tells what changed. */
  poll(): void;
}

export interface Outside {
  fetch(path: string, init: RequestInit): Promise<Response>;
  random(): number;
  now(): number;
}

/** The server says something every 15 s; after this silence the connection is dead, whatever TCP thinks. */
const SILENCE_MAX_MS = 40_000;

export class EventStream {
  #state: Connection = START;
  #id: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #poller: ReturnType<typeof setInterval> | undefined;
  #abort: AbortController | undefined;
  #isStopped = false;

  /** Begins after `position`. */
  constructor(
    position: number,
    readonly listener: Listener,
    readonly outside: Outside,
  ) {
    this.#id = String(position);
    void this.#connect();
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#poller);
    this.#abort?.abort();
  }

  /** Whether somebody looks at the page. */
  setVisible(isVisible: boolean): void {
    this.#on({ kind: isVisible ? "shown" : "hidden" });
    if (!isVisible) {
      clearTimeout(this.#timer);
      this.#abort?.abort();
    }
  }

  #on(input: Input): void {
    if (this.#isStopped) return;
    const before = this.#state.phase;
    const [state, next] = advance(this.#state, input, this.outside.random());
    this.#state = state;
    if (state.phase !== before) this.#enter(state.phase);
    if (next) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#connect(), next.connectIn);
    }
  }

  #enter(phase: Phase): void {
    clearInterval(this.#poller);
    if (phase === "polling") {
      this.#poller = setInterval(() => this.listener.poll(), POLL_EVERY_MS);
      this.listener.poll();
    }
    this.listener.phase(phase);
  }

  async #connect(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    let opened: number | undefined;
    let wait: number | undefined;
    let silence: ReturnType<typeof setTimeout> | undefined;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MAX_MS);
    };
    try {
      // From here on: a server that hangs may take the connection and never answer.
      listen();
      const response = await this.outside.fetch("/api/v1/events", {
        signal: abort.signal,
        headers: { Accept: "text/event-stream", "Last-Event-ID": this.#id },
      });
      wait = retryAfter(response);
      if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
      this.#on({ kind: "opened" });
      listen();
      await this.#read(response.body, () => {
        opened ??= this.outside.now();
        listen();
      });
    } catch {
      // However it ended, it is over: what follows is the same.
    }
    clearTimeout(silence);
    // Without this, an aborted attempt would count against the one that replaced it.
    if (this.#abort !== abort) return;
    this.#on({ kind: "lost", lasted: opened === undefined ? 0 : this.outside.now() - opened, wait });
  }

  /** Reads until the end. `heard` is called at each sign of life. */
  async #read(body: ReadableStream<Uint8Array>, heard: () => void): Promise<void> {
    const parser = new SseParser(this.#id);
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      for (const message of parser.push(decoder.decode(value, { stream: true }))) this.#take(message);
      if (parser.retry !== undefined && parser.retry !== this.#state.base) {
        this.#on({ kind: "retry_set", ms: parser.retry });
      }
    }
  }

  #take(message: Message): void {
    // After the listener: if it fails, the same message comes again with the next connection.
    this.listener.message(message);
    this.#id = message.id;
  }
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
