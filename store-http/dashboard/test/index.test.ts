// The list stays right in whatever order lists, single reads and events arrive.

import { describe, expect, it } from "vitest";
import type { Store } from "@/api/types";
import { StoreIndex } from "@/live/index";
import { event, store } from "./make";

const ID = "abcdefghij";
const filled = (...stores: Store[]) => {
  const index = new StoreIndex();
  stores.forEach((each) => index.put(each));
  return index;
};

describe("documents", () => {
  it("take the newer version, whichever comes last", () => {
    const index = filled(store({ version: 5, status: "READY" }));
    expect(index.put(store({ version: 4 }))).toBe(false);
    expect(index.get(ID)?.status).toBe("READY");
  });

  it("take the same version, whose computed parts may differ", () => {
    const index = filled(store({ version: 5, condition: "healthy" }));
    expect(index.put(store({ version: 5, condition: "unknown" }))).toBe(true);
    expect(index.get(ID)?.condition).toBe("unknown");
  });

  it("bring nothing back from the dead", () => {
    const index = filled(store({ version: 5, status: "DELETED" }));
    expect(index.put(store({ version: 6, status: "READY" }))).toBe(false);
  });
});

describe("events", () => {
  it("change the status at once", () => {
    const index = filled(store({ version: 3 }));
    expect(index.apply(event({ position: 9, status: "READY", step: null }))).toMatchObject({ status: "READY", step: null });
  });

  it("are not taken twice, nor out of order", () => {
    const index = filled(store());
    index.apply(event({ position: 9, status: "FAILED" }));
    expect(index.apply(event({ position: 9, status: "READY" }))).toBeUndefined();
    expect(index.apply(event({ position: 8, status: "READY" }))).toBeUndefined();
    expect(index.get(ID)?.status).toBe("FAILED");
  });

  it("outrun a document that was read before them", () => {
    const index = filled(store({ version: 3 }));
    index.apply(event({ position: 9, status: "READY" }));
    expect(index.put(store({ version: 3 }))).toBe(false);
    expect(index.get(ID)?.status).toBe("READY");
    expect(index.put(store({ version: 4, status: "READY", step: null }))).toBe(true);
  });

  it("that raise no version are confirmed by a document that was read after them", () => {
    const index = filled(store({ version: 3 }));
    index.apply(event({ position: 9, step: "setup" }));
    expect(index.put(store({ version: 3, step: "database" }), 8)).toBe(false);
    expect(index.put(store({ version: 3, step: "setup", condition: "unknown" }), index.heard(ID))).toBe(true);
  });

  it("of unknown stores wait for the document", () => {
    const index = filled();
    expect(index.apply(event())).toBeUndefined();
    expect(index.all()).toEqual([]);
  });
});

describe("conditions", () => {
  const failure = { code: "crash_loop", message: "it crashes", hint: "look", reason: "it crashes" } as Store["degraded"];
  const notice = { store_id: ID, condition: "degraded", degraded: failure, published: "no", unpublished: null } as const;
  const shown = (index: StoreIndex) => index.get(ID);

  it("are shown at once, in a READY store", () => {
    const index = filled(store({ version: 5, status: "READY", condition: "healthy", published: "yes" }));
    expect(index.flip(notice)).toBe(true);
    expect(shown(index)).toMatchObject({ condition: "degraded", degraded: failure, published: "no", version: 5, status: "READY" });
    expect(index.flip({ ...notice, condition: "healthy", degraded: null, published: "yes" })).toBe(true);
    expect(shown(index)).toMatchObject({ condition: "healthy", degraded: null, published: "yes" });
  });

  it("give way to a document that is read later", () => {
    const index = filled(store({ version: 5, status: "READY" }));
    index.flip(notice);
    expect(index.put(store({ version: 5, status: "READY", condition: "healthy" }))).toBe(true);
    expect(shown(index)?.condition).toBe("healthy");
  });

  it.each(["PROVISIONING", "DELETING", "DELETED"] as const)("are nothing to a store that is %s", (status) => {
    const index = filled(store({ status }));
    expect(index.flip(notice)).toBe(false);
    expect(shown(index)).not.toHaveProperty("condition");
  });

  it("of unknown stores are nothing", () => expect(filled().flip(notice)).toBe(false));
});

describe("reloads", () => {
  it("remove what is not there any more", () => {
    const index = filled(store({ id: "aaaaaaaaaa" }), store({ id: "bbbbbbbbbb" }));
    index.beginReload();
    index.put(store({ id: "aaaaaaaaaa" }));
    index.endReload();
    expect(index.all().map(({ id }) => id)).toEqual(["aaaaaaaaaa"]);
  });

  it("keep what was made while the pages were read", () => {
    const index = filled();
    index.beginReload();
    index.put(store({ id: "aaaaaaaaaa" }));
    index.put(store({ id: "cccccccccc" }));
    index.endReload();
    expect(index.all()).toHaveLength(2);
  });

  it("keep what an event spoke of meanwhile", () => {
    const index = filled(store());
    index.beginReload();
    index.apply(event());
    index.endReload();
    expect(index.all()).toHaveLength(1);
  });

  it("keep the evidence of stores that were seen going", () => {
    const index = filled(store({ status: "DELETED" }));
    index.beginReload();
    index.endReload();
    expect(index.all()).toHaveLength(1);
  });

  it("remove nothing when they break off", () => {
    const index = filled(store());
    index.beginReload();
    index.abandonReload();
    index.endReload();
    expect(index.all()).toHaveLength(1);
  });
});
