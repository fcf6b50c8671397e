// Only the last moments count, and only so much of them.

import { expect, it } from "vitest";
import { Recent } from "@/live/recent";

function heard(...ids: string[]) {
  const recent = new Recent(2000, 3);
  ids.forEach((id, at) => recent.add(id, at * 1000));
  return recent;
}

it("forgets what is too old", () => expect(heard("a", "b", "c").all(3000)).toEqual(["b", "c"]));
it("counts from the last time", () => expect(heard("a", "b", "a").all(4000)).toEqual(["a"]));
it("is over when nothing more comes", () => expect(heard("a", "b").all(9000)).toEqual([]));
it("keeps the newest where there are many", () => {
  const recent = heard();
  ["a", "b", "c", "d"].forEach((id) => recent.add(id, 0));
  expect(recent.all(0)).toEqual(["b", "c", "d"]);
});
