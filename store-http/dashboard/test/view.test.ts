// What is shown, in which order, on which page.

import { describe, expect, it } from "vitest";
import { count, paged, select, sight, type Sight, type View } from "@/lib/view";
import { store } from "./make";

const STORES = [
  store({ id: "a", name: "juniper", status: "READY", engine: "medusa", created_at: "2026-01-02T00:00:00Z" }),
  store({ id: "b", name: "birch", status: "FAILED", created_at: "2026-01-03T00:00:00.5Z" }),
  store({ id: "c", name: "cedar", status: "PROVISIONING", created_at: "2026-01-03T00:00:00Z", admin_email: "Ada@example.com" }),
  store({ id: "d", name: "dead", status: "DELETED" }),
];
const names = (view: Partial<View>) =>
  select(STORES, { search: "", status: undefined, engine: undefined, sort: "newest", ...view }).map(({ name }) => name);

describe("select", () => {
  it.each([
    ["newest first, without deleted ones", {}, ["birch", "cedar", "juniper"]],
    ["oldest first", { sort: "oldest" }, ["juniper", "cedar", "birch"]],
    ["by name", { sort: "name" }, ["birch", "cedar", "juniper"]],
    ["what needs somebody first", { sort: "status" }, ["birch", "cedar", "juniper"]],
    ["a status", { status: "READY" }, ["juniper"]],
    ["deleted ones when asked for", { status: "DELETED" }, ["dead"]],
    ["an engine", { engine: "medusa" }, ["juniper"]],
    ["a part of the name", { search: "UNI" }, ["juniper"]],
    ["several words, each somewhere", { search: "ced ada@" }, ["cedar"]],
    ["nothing", { search: "oak" }, []],
  ] satisfies [string, Partial<View>, string[]][])("shows %s", (_, view, expected) => expect(names(view)).toEqual(expected));

  it("leaves its input as it was", () => {
    const before = [...STORES];
    names({ sort: "name" });
    expect(STORES).toEqual(before);
  });

  it("finds its way in 10,000 stores", () => {
    const many = Array.from({ length: 10_000 }, (_, at) => store({ id: `s${at}`, name: `shop-${(at * 7919) % 10_000}` }));
    const found = select(many, { search: "shop-99", status: undefined, engine: undefined, sort: "name" });
    expect(found).toHaveLength(111);
    expect(found[0]?.name).toBe("shop-99");
  });
});

describe("count", () => {
  it("counts each status, and all but the deleted ones", () => {
    expect(count(STORES)).toEqual({ ALL: 3, PROVISIONING: 1, READY: 1, FAILED: 1, DELETING: 0, DELETED: 1 });
  });
});

describe("paged", () => {
  const items = [1, 2, 3, 4, 5];
  it.each([
    [1, [1, 2], 1], [3, [5], 3], [9, [5], 3], [0, [1, 2], 1], [NaN, [1, 2], 1],
  ])("page %d", (page, shown, real) => expect(paged(items, page, 2)).toEqual({ items: shown, page: real, pages: 3 }));
  it("has one page of nothing", () => expect(paged([], 1, 2)).toEqual({ items: [], page: 1, pages: 1 }));
});

describe("sight", () => {
  const known = { items: 0, isComplete: true, isFiltered: false, hasFailed: false };
  it.each([
    ["stores, as soon as there are some", { items: 1, isComplete: false, hasFailed: true }, "stores"],
    ["that none fits, once all are known", { isFiltered: true }, "nothing-fits"],
    ["that there are none", {}, "empty"],
    ["that they are being read", { isComplete: false }, "loading"],
    ["that they are being read, where the ones that fit may yet come", { isComplete: false, isFiltered: true }, "loading"],
    ["nothing where nobody can tell", { isComplete: false, isFiltered: true, hasFailed: true }, "unknown"],
  ] satisfies [string, Partial<typeof known>, Sight][])("shows %s", (_, about, expected) =>
    expect(sight({ ...known, ...about })).toBe(expected));
});
