// However many stores were ever deleted, only so many are read and kept.

import { expect, it } from "vitest";
import { DELETED_MAX, readDeleted } from "@/live/deleted";
import type { StoreList } from "@/api/types";
import { store } from "./make";

/** `pages` pages of `size` stores; the ids tell the order. */
function server(pages: number, size: number) {
  const asked: (string | undefined)[] = [];
  const read = async (token?: string): Promise<StoreList> => {
    asked.push(token);
    const page = Number(token ?? 0);
    const stores = Array.from({ length: size }, (_, at) => store({ id: `${page * size + at}`, status: "DELETED" }));
    return { stores, position: 1, next_page_token: page + 1 < pages ? String(page + 1) : null };
  };
  return { read, asked };
}

it("gives them all where they are few", async () => {
  const { read } = server(2, 3);
  const { stores, isAll } = await readDeleted(read, () => true);
  expect(stores.map(({ id }) => id)).toEqual(["0", "1", "2", "3", "4", "5"]);
  expect(isAll).toBe(true);
});

it("keeps the newest where they are many, and says so", async () => {
  const { read } = server(3, DELETED_MAX);
  const { stores, isAll } = await readDeleted(read, () => true);
  expect([stores.length, stores[0]!.id, isAll]).toEqual([DELETED_MAX, String(2 * DELETED_MAX), false]);
});

it("does not read on for ever", async () => {
  const { read, asked } = server(1_000, 1);
  expect((await readDeleted(read, () => true)).isAll).toBe(false);
  expect(asked).toHaveLength(20);
});

it("stops when nobody waits any more", async () => {
  const { read, asked } = server(5, 1);
  await readDeleted(read, () => asked.length < 2);
  expect(asked).toHaveLength(2);
});
