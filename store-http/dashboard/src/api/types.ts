// The words of the wire, as the rest of the dashboard uses them: names for what the OpenAPI document describes.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Engine = Schemas["Engine"];
export type Status = Schemas["Status"];
export type Gate = Schemas["Gate"];
export type GateRecord = Schemas["GateRecord"];
export type Plan = Schemas["Plan"];
export type Store = Schemas["StoreDocument"];
export type StoreList = Schemas["StoreList"];
export type StoreEvent = Schemas["Event"];
/** What the stream tells of a READY store besides its events, under the name `condition`. */
export type ConditionNotice = Schemas["ConditionDocument"];
export type EventKind = Schemas["EventKind"];
export type Failure = Schemas["Failure"];
export type TeardownEvidence = Schemas["TeardownEvidence"];
export type Problem = Schemas["Problem"];
export type CreateStore = Schemas["CreateStore"];
export type Platform = Schemas["PlatformDocument"];
export type Me = Schemas["Caller"];
export type Pod = Schemas["PodDocument"];
export type LogComponent = Schemas["PodComponent"];
