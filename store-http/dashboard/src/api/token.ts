// The token that the person typed in. It lives in the tab, or in the browser if asked to be remembered; never in a
// cookie, so that no other page can make the browser send it.

const KEY = "store-platform-token";

let token: string | null = read();

function read(): string | null {
  try {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  } catch {
    // A browser may forbid storage altogether; the token then lasts as long as the page.
    return null;
  }
}

export function currentToken(): string | null {
  return token;
}

export function setToken(value: string, remember: boolean): void {
  clearToken();
  token = value;
  try {
    (remember ? localStorage : sessionStorage).setItem(KEY, value);
  } catch {
    // See `read`.
  }
}

export function clearToken(): void {
  token = null;
  try {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  } catch {
    // See `read`.
  }
}
