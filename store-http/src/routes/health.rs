//! Whether the server lives and can work, and the document that describes it.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use store_core::reconcile::ClusterState;
use utoipa::ToSchema;

use crate::answers::{CallerProblems, OpenProblems};
use crate::app::{ReconcilerRole, Shared};
use crate::problem::{Problem, RETRY_AFTER_SECONDS};
use crate::tokens::Identity;

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

/// Whether the server can answer, and whether stores move. Where the server asks for tokens, a request without one gets
/// `status` alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`, or `unready` when the database cannot be used. Nothing else decides.
    #[schema(example = "ready")]
    pub status: String,
    /// What is wrong with the database; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The cluster, as last seen. Reads and wishes work without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterState>,
    /// Who works on the stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciler: Option<ReconcilerRole>,
    /// Why nothing moves; absent where nothing holds up all stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
pub(super) async fn health(State(app): State<Shared>) -> Json<Health> {
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
pub(super) async fn livez(app: State<Shared>) -> Json<Health> {
    health(app).await
}

/// Whether requests can be answered; for readiness probes.
///
/// Also says what is wrong with the database, how the cluster is and why work is parked, and only the first of these
/// decides. Where the server asks for tokens, a request without one learns nothing but `status`.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    operation_id = "readyz",
    security((), ("token" = [])),
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
pub(super) async fn readyz(State(app): State<Shared>, caller: Option<Extension<Identity>>) -> Response {
    let database = app.service.check_database().await.err().map(|error| error.to_string());
    let is_ready = database.is_none();
    let mut readiness = Readiness {
        status: if is_ready { "ready" } else { "unready" }.to_owned(),
        database: None,
        cluster: None,
        reconciler: None,
        parked: None,
    };
    if caller.is_some() {
        let cluster = app.service.cluster();
        let reconciler = app.role.borrow().clone();
        readiness.parked = match &reconciler {
            ReconcilerRole::Working => cluster.parked_reason(),
            ReconcilerRole::Standby { reason } => Some(reason.clone()),
        };
        (readiness.database, readiness.cluster, readiness.reconciler) = (database, Some(cluster), Some(reconciler));
    }
    if is_ready {
        return Json(readiness).into_response();
    }
    let again = [(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS))];
    (StatusCode::SERVICE_UNAVAILABLE, again, Json(readiness)).into_response()
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    operation_id = "openapi",
    responses((status = 200, description = "The OpenAPI document of this server", body = Object), CallerProblems)
)]
pub(super) async fn document(State(app): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], app.document.clone()).into_response()
}
