// The list and the stream together: what the stream says while the list is being read.

import "vue";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Listener } from "@/live/stream";
import { store } from "./make";

const { listStores, getStore, streams } = vi.hoisted(() => {
  return { listStores: vi.fn(), getStore: vi.fn(), streams: [] as Listener[] };
});
vi.mock("@/api/client", () => ({ listStores, getStore }));
vi.mock("@/live/stream", () => ({
  EventStream: class {
    constructor(_position: number, listener: Listener) {
      streams.push(listener);
    }
    stop() {}
    setVisible() {}
  },
}));
// The feed listens for the page being hidden. Vue, which would take this for a browser, is loaded by then.
vi.stubGlobal("document", { addEventListener: () => {}, hidden: false, activeElement: null });
const feed = await import("@/live/feed");

const READY = store({ status: "READY", condition: "healthy", published: "yes" });
const NOTICE = { store_id: READY.id, condition: "degraded", degraded: null, published: "no", unpublished: null };
const page = () => ({ stores: [READY], next_page_token: null, position: 1 });

function degrade() {
  streams.at(-1)!.message({ id: "", event: "condition", data: JSON.stringify(NOTICE) });
}

beforeEach(async () => {
  streams.length = 0;
  listStores.mockReset().mockImplementation(async () => page());
  getStore.mockReset().mockImplementation(async () => ({ ...READY, condition: "degraded" }));
  feed.start();
  await vi.waitFor(() => expect(streams).toHaveLength(1));
});

afterEach(() => feed.stop());

describe("A condition", () => {
  it("is taken as it is told, without another reading", () => {
    degrade();
    expect(feed.find(READY.id)).toMatchObject({ condition: "degraded", published: "no" });
    expect(getStore).not.toHaveBeenCalled();
  });

  it("that is told while the list is read is not overwritten by what the list says of before", async () => {
    let answer: (page: unknown) => void = () => {};
    listStores.mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    const reading = feed.reload();
    degrade();
    answer(page());
    await reading;
    await vi.waitFor(() => expect(getStore).toHaveBeenCalledExactlyOnceWith(READY.id));
    await vi.waitFor(() => expect(feed.find(READY.id)?.condition).toBe("degraded"));
  });

  it("that was told just before the list is read is not overwritten either", async () => {
    degrade();
    await feed.reload();
    await vi.waitFor(() => expect(getStore).toHaveBeenCalledExactlyOnceWith(READY.id));
    await vi.waitFor(() => expect(feed.find(READY.id)?.condition).toBe("degraded"));
  });

  it("that was told long before is in the list", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    degrade();
    vi.advanceTimersByTime(3000);
    await feed.reload();
    vi.useRealTimers();
    expect(getStore).not.toHaveBeenCalled();
  });
});
