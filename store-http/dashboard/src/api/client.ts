// Every call to the API, by name. Paths and bodies are checked against the OpenAPI document; errors are thrown as
// `ApiError`.

import createClient from "openapi-fetch";
import { apiFetch, apiFetchInTime, BASE_URL, DEADLINE_MS, Silence } from "./http";
import { toApiError } from "./problem";
import type { paths } from "./schema";
import type {
  CreateStore, LogComponent, Me, Platform, Pod, Status, Store, StoreEvent, StoreList,
} from "./types";

/** How much of a log is shown before what follows. */
const LOG_LINES = 500;
const SILENCE_MAX_MS = 120_000;

const client = createClient<paths>({ baseUrl: BASE_URL, fetch: apiFetchInTime });

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

/** A store's history, oldest first: all of it, or what came after a position. */
export async function listEvents(id: string, since?: number): Promise<StoreEvent[]> {
  const events: StoreEvent[] = [];
  let after = since;
  do {
    const query = { limit: 1000, ...(after === undefined ? {} : { after }) };
    const call = client.GET("/api/v1/stores/{id}/events", { params: { path: { id }, query } });
    const page = await body<{ events: StoreEvent[]; next_after?: number | null }>(call);
    events.push(...page.events);
    after = page.next_after ?? undefined;
  } while (after !== undefined);
  return events;
}

/** Whether the server says that it only simulates; answered without a token. */
export async function saysSimulated(): Promise<boolean> {
  const health = await body<{ simulated?: boolean }>(client.GET("/api/v1/health"));
  return health.simulated === true;
}

export function getPlatform(): Promise<Platform> {
  return body(client.GET("/api/v1/platform"));
}

export function getMe(): Promise<Me> {
  return body(client.GET("/api/v1/me"));
}

export function protectStore(id: string, isProtected: boolean): Promise<Store> {
  return body(client.PATCH("/api/v1/stores/{id}", { params: { path: { id } }, body: { protected: isProtected } }));
}

export async function listPods(id: string): Promise<Pod[]> {
  return (await body<{ pods: Pod[] }>(client.GET("/api/v1/stores/{id}/pods", { params: { path: { id } } }))).pods;
}

/**
 * The log as it comes, in pieces of text; ends when the server ends it. One that is followed ends after a long silence as
 * well: whether the pod has nothing to say or the server is gone, only another reading tells.
 */
export async function* readLog(
  id: string, component: LogComponent, follow: boolean, signal: AbortSignal,
): AsyncGenerator<string> {
  const params = { path: { id }, query: { component, follow, tail: LOG_LINES } };
  const silence = follow ? new Silence() : undefined;
  const fetch = silence ? (request: Request) => apiFetch(request, { signal: silence.joined(request.signal) }) : apiFetchInTime;
  try {
    silence?.allow(DEADLINE_MS);
    const { response, error } = await client.GET("/api/v1/stores/{id}/logs", { params, parseAs: "stream", signal, fetch });
    if (!response.ok) throw toApiError(response.status, error);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    while (reader) {
      silence?.allow(SILENCE_MAX_MS);
      const { done, value } = await reader.read().catch((error) => {
        if (silence?.isOver) return { done: true as const, value: undefined };
        throw error;
      });
      if (done) return;
      yield value;
    }
  } finally {
    silence?.end();
  }
}
