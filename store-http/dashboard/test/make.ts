// Stores and events for tests, with only what the test is about.

import type { Store, StoreEvent } from "@/api/types";

export function store(about: Partial<Store> = {}): Store {
  const name = about.name ?? "shop";
  return {
    id: "abcdefghij", name, engine: "woocommerce", plan: "small", status: "PROVISIONING", step: "database",
    published: "unknown", attempt: 1, store_url: `http://${name}.localhost`, admin_url: `http://${name}.localhost/wp-admin`,
    details: {}, namespace: "store-abcdefghij", helm_release: "store-abcdefghij", credentials_secret: "credentials",
    admin_username: "admin", admin_email: "admin@example.com", generation: 1, version: 1,
    created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-01T00:00:00Z", gates: [], protected: false, ...about,
  };
}

export function event(about: Partial<StoreEvent> = {}): StoreEvent {
  return {
    position: 1, store_id: "abcdefghij", kind: "gate_met", status: "PROVISIONING", step: "application", message: "",
    at: "2026-01-01T00:00:00Z", ...about,
  };
}
