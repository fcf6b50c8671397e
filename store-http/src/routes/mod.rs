//! The routes. `/api/v1/…` is canonical and documented; the root has the same routes as aliases, and the operational
//! ones; beside them are the pages for people, which are documented nowhere.

mod about;
mod docs;
mod events;
mod headers;
mod health;
mod logs;
mod metrics;
mod stores;
pub(crate) mod ui;

use axum::Router;
use axum::extract::{Path, rejection::PathRejection};
use axum::http::{Method, Uri};
use axum::response::IntoResponse;
use store_core::service::ConditionDocument;
use store_core::store::StoreId;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, openapi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::middleware::compress_files;
use crate::problem::{Kind, Refusal};

const API: &str = "/api/v1";

/// The parts of the OpenAPI document that no route has.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Store provisioning platform",
        description = "Provisions real, isolated online shops on Kubernetes. A POST makes the wish durable and answers \
            at once; follow `GET /api/v1/events` or read the store until its status is READY. Every route under \
            `/api/v1` is also served without that prefix. Every answer has `X-Request-Id`; errors are \
            `application/problem+json` (RFC 9457).",
    ),
    servers((url = "/", description = "This server")),
    security(("token" = [])),
    components(schemas(ConditionDocument)),
    modifiers(&Security),
    tags(
        (name = "stores", description = "Stores, and what happens to them"),
        (name = "operation", description = "Whether the server works"),
    ),
)]
struct Documentation;

/// How callers say who they are.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of this server, where it asks for one (`API_TOKENS_FILE`)"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Where a store is found.
pub(crate) fn location(id: &str) -> String {
    format!("{API}/stores/{id}")
}

/// All routes and their documentation.
pub(crate) fn build() -> (Router<Shared>, Document) {
    let (api, mut documentation) = OpenApiRouter::<Shared>::with_openapi(Documentation::openapi())
        .nest(API, api())
        .merge(operational())
        .split_for_parts();
    headers::document(&mut documentation);
    let (aliases, _) = self::api().split_for_parts();
    let pages = ui::routes().merge(docs::routes()).layer(compress_files());
    let router = api.merge(aliases).merge(pages).fallback(unknown_route).method_not_allowed_fallback(wrong_method);
    (router, documentation)
}

/// The OpenAPI document of this server (OpenAPI 3.1).
pub fn openapi() -> openapi::OpenApi {
    build().1
}

fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(stores::list, stores::create))
        .routes(routes!(stores::get, stores::patch, stores::delete))
        .routes(routes!(stores::retry))
        .routes(routes!(events::history))
        .routes(routes!(logs::pods))
        .routes(routes!(logs::logs))
        .routes(routes!(events::follow))
        .routes(routes!(health::health))
        .routes(routes!(about::platform))
        .routes(routes!(about::me))
}

fn operational() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::document))
        .routes(routes!(metrics::metrics))
}

async fn unknown_route(uri: Uri) -> impl IntoResponse {
    let path: String = uri.path().chars().take(200).collect();
    Refusal::new(Kind::UnknownRoute, format!("there is nothing at {path}; the API is described at /openapi.json"))
}

async fn wrong_method(method: Method, uri: Uri) -> impl IntoResponse {
    let path: String = uri.path().chars().take(200).collect();
    Refusal::new(Kind::WrongMethod, format!("{path} has no {method}; the header Allow lists what it has"))
}

/// The store that a path names. What cannot be an id names no store.
fn store_id(path: Result<Path<String>, PathRejection>) -> Result<StoreId, Refusal> {
    let not_text = |_| Refusal::new(Kind::UnknownStore, "there is no such store: what stands for its id is not UTF-8");
    let Path(text) = path.map_err(not_text)?;
    StoreId::parse(&text).map_err(|_| Refusal::unknown_store(&text))
}
