//! The binary under test, and a server that answers as told.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use assert_cmd::Command;
use serde_json::{Value, json};
use wiremock::MockServer;

/// A password that must show up nowhere.
pub(crate) const PASSWORD: &str = "correct horse 7";

/// The binary, in an empty environment and an empty folder, away from any server or configuration of this machine.
pub(crate) struct Cli {
    pub(crate) folder: tempfile::TempDir,
}

impl Cli {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("store").expect("the binary");
        command.env_clear().env("HOME", self.folder.path()).current_dir(self.folder.path()).args(arguments);
        // Where coverage is measured, the binary writes its profile to where this says.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command
    }

    /// The binary as a client of `server`.
    pub(crate) fn on(&self, server: &MockServer, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("STORE_SERVER", server.uri());
        command
    }

    /// What is in the folder now.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

/// A store as the API shows it.
pub(crate) fn store(name: &str, status: &str) -> Value {
    let id = id_of(name);
    let is_ready = status == "READY";
    let times = json!({ "created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-01T10:00:30Z" });
    let mut store = json!({
        "id": id, "name": name, "engine": "medusa", "plan": "small", "status": status,
        "step": (status == "PROVISIONING").then_some("database"), "queue_position": null,
        "condition": is_ready.then_some("healthy"), "degraded": null, "published": "unknown",
        "unpublished": null,
        "failure_reason": null, "failure": null, "parked": null, "attempt": 1,
        "store_url": format!("http://{name}.localhost/"), "admin_url": format!("http://{name}.localhost/app"),
        "details": { "publishable_api_key": "pk_123" }, "namespace": format!("store-{id}"),
        "helm_release": format!("store-{id}"), "credentials_secret": format!("store-{id}-credentials"),
        "admin_username": "owner", "admin_email": "owner@example.com", "protected": false, "generation": 1, "version": 4,
        "ready_at": is_ready.then_some("2026-03-01T10:01:00Z"),
        "deleted_at": (status == "DELETED").then_some("2026-03-01T11:00:00Z"),
        "gates": gates(is_ready), "teardown": null, "blocker": null,
    });
    merge(&mut store, times);
    if status == "FAILED" {
        let failure = json!({
            "code": "image_pull", "message": "The image cannot be pulled",
            "object": { "kind": "Pod", "name": "server-0" }, "event": null, "hint": "Check the registry."
        });
        let reason = "The image cannot be pulled [Pod server-0]. Check the registry.";
        merge(&mut store, json!({ "failure": failure, "failure_reason": reason }));
    }
    store
}

/// The id of the store of a name: always the same one.
pub(crate) fn id_of(name: &str) -> String {
    let mut id: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    id.insert(0, 's');
    format!("{id:0<10}").chars().take(10).collect()
}

/// Some gates, met up to the database or all.
fn gates(all: bool) -> Value {
    let end = all.then_some("2026-03-01T10:01:00Z");
    json!([
        { "gate": "queued", "started_at": "2026-03-01T10:00:00Z", "ended_at": "2026-03-01T10:00:01Z" },
        { "gate": "release", "started_at": "2026-03-01T10:00:01Z", "ended_at": "2026-03-01T10:00:04Z" },
        { "gate": "database", "started_at": "2026-03-01T10:00:04Z", "ended_at": end },
    ])
}

/// Adds the entries of `other`.
pub(crate) fn merge(object: &mut Value, other: Value) {
    if let (Value::Object(object), Value::Object(other)) = (object, other) {
        object.extend(other);
    }
}

/// A list as the API answers it.
pub(crate) fn list(stores: &[Value]) -> Value {
    json!({ "stores": stores, "next_page_token": null, "position": 12 })
}

/// An entry of an audit trail.
pub(crate) fn event(name: &str, position: u64, kind: &str, status: &str, message: &str) -> Value {
    json!({
        "position": position, "store_id": id_of(name), "kind": kind, "status": status, "step": null,
        "message": message, "at": format!("2026-03-01T10:00:{position:02}Z"),
    })
}

/// A page of an audit trail as the API answers it.
pub(crate) fn history(events: &[Value]) -> Value {
    json!({ "events": events, "next_after": null })
}

/// A refusal as the API answers it.
pub(crate) fn problem(status: u16, detail: &str) -> Value {
    json!({
        "type": "about:blank", "title": "Refused", "status": status, "detail": detail, "message": detail,
        "instance": "/api/v1/stores", "errors": [], "request_id": "req-1",
    })
}
