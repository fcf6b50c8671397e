// Every call to the API, by name. Paths and bodies are checked against the OpenAPI document; errors are thrown as
// `ApiError`.

import createClient from "openapi-fetch";
import { apiFetch, BASE_URL } from "./http";
import { ApiError, toApiError } from "./problem";
import type { paths } from "./schema";
import type {
  CreateStore, LogComponent, Me, Platform, Pod, Status, Store, StoreEvent, StoreList,
} from "./types";

const client = createClient<paths>({ baseUrl: BASE_URL, fetch: (request) => apiFetch(request) });

interface Answer {
  data?: unknown;
  error?: unknown;
  response: Response;
}

async function body<T>(call: Promise<Answer>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw toApiError(response.status, error);
  return data as T;
}

export function listStores(query: { page_token?: string; name?: string; status?: Status[] }): Promise<StoreList> {
  return body(client.GET("/api/v1/stores", { params: { query } }));
}

export function getStore(id: string): Promise<Store> {
  return body(client.GET("/api/v1/stores/{id}", { params: { path: { id } } }));
}

/** `key` makes a repeated request answer with the store of the first one. */
export function createStore(wanted: CreateStore, key: string): Promise<Store> {
  return body(client.POST("/api/v1/stores", { params: { header: { "Idempotency-Key": key } }, body: wanted }));
}

export function deleteStore(id: string): Promise<Store> {
  return body(client.DELETE("/api/v1/stores/{id}", { params: { path: { id } } }));
}

export function retryStore(id: string, adminPassword?: string): Promise<Store> {
  const wanted = adminPassword === undefined ? {} : { admin_password: adminPassword };
  return body(client.POST("/api/v1/stores/{id}/retry", { params: { path: { id } }, body: wanted }));
}

/** A store's whole history, oldest first. */
export async function listEvents(id: string): Promise<StoreEvent[]> {
  const events: StoreEvent[] = [];
  let after: number | undefined;
  do {
    const query = { limit: 1000, ...(after === undefined ? {} : { after }) };
    const call = client.GET("/api/v1/stores/{id}/events", { params: { path: { id }, query } });
    const page = await body<{ events: StoreEvent[]; next_after?: number | null }>(call);
    events.push(...page.events);
    after = page.next_after ?? undefined;
  } while (after !== undefined);
  return events;
}

// ---- Not yet in the document: see types.ts ----

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await apiFetch(path, init);
  const content: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw toApiError(response.status, content);
  return content as T;
}

/** A server that does not know the route answers 404: `absent` stands in. */
async function orIfUnknown<T>(call: Promise<T>, absent: T): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return absent;
    throw error;
  }
}

export function getHealth(): Promise<{ status: string; simulated?: boolean }> {
  return json("/api/v1/health");
}

export function getPlatform(): Promise<Platform> {
  return orIfUnknown(json("/api/v1/platform"), {
    version: "",
    simulated: false,
    engines: [{ name: "woocommerce", title: "WooCommerce" }, { name: "medusa", title: "Medusa" }],
    plans: ["small", "medium", "large"],
    default_plan: "small",
    base_domain: "",
    public_url_template: "",
  });
}

export function getMe(): Promise<Me> {
  return orIfUnknown(json("/api/v1/me"), { name: null, role: "admin" });
}

export function protectStore(id: string, isProtected: boolean): Promise<Store> {
  return json(storePath(id), {
    method: "PATCH",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ protected: isProtected }),
  });
}

export async function listPods(id: string): Promise<Pod[]> {
  return (await json<{ pods: Pod[] }>(`${storePath(id)}/pods`)).pods;
}

/** The log as it comes, in pieces of text; ends when the server ends it. */
export async function* readLog(
  id: string, component: LogComponent, follow: boolean, signal: AbortSignal,
): AsyncGenerator<string> {
  const query = new URLSearchParams({ component, follow: String(follow), tail: "500" });
  const response = await apiFetch(`${storePath(id)}/logs?${query}`, { signal });
  if (!response.ok) throw toApiError(response.status, await response.json().catch(() => undefined));
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function storePath(id: string): string {
  return `/api/v1/stores/${encodeURIComponent(id)}`;
}
