// What time it is on the server, as a value that the page follows. One timer serves every elapsed time on the screen.

import { readonly, ref } from "vue";

/** Smaller differences are the rounding of the Date header and the way of the answer. */
const TOLERANCE_MS = 2000;

let skew = 0;
const current = ref(Date.now());

setInterval(() => (current.value = Date.now() + skew), 1000);

/** Now, in milliseconds, changing once a second. */
export const now = readonly(current);

/** A laptop's clock may be minutes off; the durations shown are the server's. */
export function learnServerTime(date: string | null): void {
  const server = Date.parse(date ?? "");
  if (Number.isNaN(server)) return;
  const difference = server - Date.now();
  skew = Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}
