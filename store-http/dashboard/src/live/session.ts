// Who is using the dashboard, what they may do, and what platform it is.

import { computed, readonly, ref, shallowRef } from "vue";
import { getMe, getPlatform, saysSimulated } from "@/api/client";
import { whenUnauthorized } from "@/api/http";
import { ApiError, messageOf } from "@/api/problem";
import { clearToken, currentToken, setToken } from "@/api/token";
import type { Me, Platform } from "@/api/types";
import * as feed from "./feed";

export type Door = "opening" | "closed" | "open" | "broken";

const state = ref<Door>("opening");
const person = shallowRef<Me>();
const where = shallowRef<Platform>();
const isDemo = ref(false);
const wasRefused = ref(false);
const trouble = ref("");

/** `closed`: the platform asks for a token. `broken`: it cannot be reached. */
export const door = readonly(state);
export const me = readonly(person);
export const platform = readonly(where);
export const doorTrouble = readonly(trouble);
/** Whether a token was given and not taken. */
export const isRefused = readonly(wasRefused);
/** Whether no real cluster is behind it. */
export const isSimulated = computed(() => isDemo.value || where.value?.simulated === true);
export const canChange = computed(() => person.value?.role === "admin");
export const hasToken = () => currentToken() !== null;

/** Asks the platform who we are, and lets the stores flow. */
export async function enter(): Promise<void> {
  // Answered without a token, so that the banner is on the login page too.
  saysSimulated().then((answer) => (isDemo.value = answer), () => {});
  // The list takes the longest, so it does not wait until we know who we are.
  feed.start();
  try {
    [person.value, where.value] = await Promise.all([getMe(), getPlatform()]);
    wasRefused.value = false;
    state.value = "open";
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return;
    feed.stop();
    trouble.value = messageOf(error);
    state.value = "broken";
  }
}

export async function logIn(token: string, remember: boolean): Promise<void> {
  wasRefused.value = false;
  setToken(token, remember);
  await enter();
}

export function logOut(): void {
  clearToken();
  close();
}

function close(): void {
  feed.stop();
  person.value = undefined;
  state.value = "closed";
}

whenUnauthorized(() => {
  wasRefused.value = hasToken();
  // A token that is not taken any more is of no use to anybody.
  clearToken();
  close();
});
