// Light or dark: as the system is, until somebody chooses.

import { readonly, ref, watchEffect } from "vue";

export type Theme = "system" | "light" | "dark";

const KEY = "store-platform-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const isSystemDark = ref(system.matches);
const chosen = ref<Theme>(read());

export const theme = readonly(chosen);

export function chooseTheme(next: Theme): void {
  chosen.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}

/** Follows the choice and the system, for good. */
export function followTheme(): void {
  system.addEventListener("change", (event) => (isSystemDark.value = event.matches));
  watchEffect(() => {
    const isDark = chosen.value === "dark" || (chosen.value === "system" && isSystemDark.value);
    document.documentElement.classList.toggle("dark", isDark);
    document.documentElement.classList.toggle("light", !isDark);
  });
}

function read(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}
