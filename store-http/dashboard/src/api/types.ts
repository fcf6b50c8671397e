// The words of the wire, as the rest of the dashboard uses them.
//
// What the OpenAPI document has comes from the generated schema. The part below "Not yet in the document" is typed by
// hand until openapi.json describes it; then it is deleted here, and only aliases stay (of `PlatformDocument`, `Caller`,
// `PodDocument` and `PodComponent`).

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Engine = Schemas["Engine"];
export type Status = Schemas["Status"];
export type Gate = Schemas["Gate"];
export type GateRecord = Schemas["GateRecord"];
export type Plan = Schemas["Plan"];
export type StoreEvent = Schemas["Event"];
export type EventKind = Schemas["EventKind"];
export type Failure = Schemas["Failure"];
export type TeardownEvidence = Schemas["TeardownEvidence"];
export type Problem = Schemas["Problem"];
export type CreateStore = Schemas["CreateStore"];
export type StoreList = Omit<Schemas["StoreList"], "stores"> & { stores: Store[] };

// ---- Not yet in the document ----

export type Store = Schemas["StoreDocument"] & { protected?: boolean };

export interface Platform {
  version: string;
  simulated: boolean;
  engines: { name: Engine; title: string }[];
  plans: Plan[];
  default_plan: Plan;
  base_domain: string;
  /** With `{name}` where the store's name goes. */
  public_url_template: string;
}

export interface Me {
  name: string | null;
  role: "admin" | "viewer";
}

export interface Pod {
  name: string;
  component: string;
  phase: string;
  ready: boolean;
  restarts: number;
  message?: string | null;
  started_at?: string | null;
}

export type LogComponent = "application" | "database" | "setup";
