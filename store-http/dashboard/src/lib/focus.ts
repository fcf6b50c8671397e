// Where the focus goes when what had it is gone: never to nowhere, where a keyboard would begin anew.

/** To the page's content, wherever it is scrolled to. */
export function focusMain(): void {
  document.getElementById("main")?.focus({ preventScroll: true });
}
