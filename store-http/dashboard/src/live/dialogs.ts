// Which dialog is open, and for which store. The dialogs themselves stand once, in the frame of the page.

import { readonly, ref, shallowRef } from "vue";
import type { Store } from "@/api/types";

const creating = ref(false);
const subject = shallowRef<{ kind: "delete" | "retry"; store: Store }>();

export const isCreating = readonly(creating);
export const asking = readonly(subject) as Readonly<typeof subject>;

export function askForStore(): void {
  creating.value = true;
}

export function askToDelete(store: Store): void {
  subject.value = { kind: "delete", store };
}

/** Asks only where something has to be known: a lost admin password. */
export function askToRetry(store: Store): void {
  subject.value = { kind: "retry", store };
}

export function closeDialogs(): void {
  creating.value = false;
  subject.value = undefined;
}
