// Deleted stores: the list leaves them out, and there may be any number of them, so they are read when somebody asks, and
// only the newest are kept.

import type { Store, StoreList } from "@/api/types";

/** How many are shown. */
export const DELETED_MAX = 1000;
/** The API gives the oldest first: what is new stands on the last of so many pages at most. */
const PAGES_MAX = 20;

/** The newest of them. `read` gives a page; `isWanted` says whether somebody still waits. */
export async function readDeleted(
  read: (token: string | undefined) => Promise<StoreList>, isWanted: () => boolean,
): Promise<{ stores: Store[]; isAll: boolean }> {
  let stores: Store[] = [];
  let count = 0;
  let token: string | undefined;
  for (let pages = 0; pages < PAGES_MAX && isWanted(); pages++) {
    const page = await read(token);
    count += page.stores.length;
    stores = [...stores, ...page.stores].slice(-DELETED_MAX);
    token = page.next_page_token ?? undefined;
    if (token === undefined) break;
  }
  return { stores, isAll: token === undefined && count === stores.length };
}
