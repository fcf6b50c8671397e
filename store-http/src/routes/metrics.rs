//! What is measured, for Prometheus.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::answers::CallerProblems;
use crate::app::Shared;
use crate::problem::{Kind, Problem, Refusal};

/// What is measured, as Prometheus reads it: stores by status, gates, actions, events, requests, database, cluster.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    operation_id = "metrics",
    responses(
        (status = 200, description = "The metrics in the text format of Prometheus, version 0.0.4", body = String,
            content_type = "text/plain"),
        (status = 404, description = "This server measures nothing", body = Problem,
            content_type = "application/problem+json"),
        CallerProblems,
        (status = 504, description = "The database took too long", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn metrics(State(app): State<Shared>) -> Result<Response, Refusal> {
    let none = || Refusal::new(Kind::UnknownRoute, "this server measures nothing");
    let metrics = app.metrics.as_ref().ok_or_else(none)?;
    let role = app.role.borrow().clone();
    let text = metrics.render(&app.service, &role).await;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
