//! Whether the server lives and can work, and the document that describes it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use store_core::reconcile::ClusterState;
use utoipa::ToSchema;

use crate::answers::{CallerProblems, OpenProblems};
use crate::app::{App, ReconcilerRole};
use crate::problem::Problem;

/// The server is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    /// Always `healthy`.
    #[schema(example = "healthy")]
    pub status: String,
    /// Whether cluster and stores are only simulated (`--demo`). Absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// Whether the server can answer, and whether stores move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`, or `unready` when the database cannot be used. Nothing else decides.
    #[schema(example = "ready")]
    pub status: String,
    /// What is wrong with the database.
    pub database: Option<String>,
    /// The cluster, as last seen. Reads and wishes work without it.
    pub cluster: ClusterState,
    /// Who works on the stores.
    pub reconciler: ReconcilerRole,
    /// Why nothing moves, where something holds up all stores.
    pub parked: Option<String>,
}

/// Whether the server is there.
#[utoipa::path(
    get,
    path = "/health",
    tag = "operation",
    operation_id = "health",
    security(()),
    responses((status = 200, description = "It is", body = Health), OpenProblems)
)]
pub(super) async fn health(State(app): State<App>) -> Json<Health> {
    Json(Health { status: "healthy".to_owned(), simulated: app.facts.simulated })
}

/// Whether the process lives; for liveness probes.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "operation",
    operation_id = "livez",
    security(()),
    responses((status = 200, description = "It does", body = Health), OpenProblems)
)]
pub(super) async fn livez(app: State<App>) -> Json<Health> {
    health(app).await
}

/// Whether requests can be answered; for readiness probes.
///
/// Also says how the cluster is and why work is parked; neither decides.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    operation_id = "readyz",
    security(()),
    responses(
        (status = 200, description = "Requests can be answered", body = Readiness),
        OpenProblems,
        (status = 504, description = "The database took too long", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database cannot be used, or the server is busy", content(
            (Readiness = "application/json"),
            (Problem = "application/problem+json"),
        )),
    )
)]
pub(super) async fn readyz(State(app): State<App>) -> Response {
    let database = app.service.check_database().await.err().map(|error| error.to_string());
    let cluster = app.service.cluster();
    let reconciler = app.role.borrow().clone();
    let parked = match &reconciler {
        ReconcilerRole::Working => cluster.parked_reason(),
        ReconcilerRole::Standby { reason } => Some(reason.clone()),
    };
    let (code, status) = match &database {
        None => (StatusCode::OK, "ready"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    let readiness = Readiness { status: status.to_owned(), database, cluster, reconciler, parked };
    (code, Json(readiness)).into_response()
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    operation_id = "openapi",
    responses((status = 200, description = "The OpenAPI document of this server", body = Object), CallerProblems)
)]
pub(super) async fn document(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], app.document.clone()).into_response()
}
