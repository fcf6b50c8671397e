//! What a client wants to know first: what this platform is, and who the client is to it.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use store_core::store::{Engine, Plan};
use utoipa::ToSchema;

use crate::answers::CallerProblems;
use crate::app::Shared;
use crate::tokens::{Identity, TokenRole};

/// What this platform is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PlatformDocument {
    /// The server's version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// Whether stores are only simulated: nothing of them can be visited.
    pub simulated: bool,
    /// The shop software that stores can run.
    pub engines: Vec<EngineDocument>,
    /// The sizes that stores can have, smallest first.
    pub plans: Vec<Plan>,
    /// The size of a store whose request names none.
    pub default_plan: Plan,
    /// The domain under which stores are reached.
    #[schema(example = "localhost")]
    pub base_domain: String,
    /// What new stores' URLs look like; `{name}` stands for the store's name.
    #[schema(example = "http://{name}.localhost")]
    pub public_url_template: String,
}

/// Shop software.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct EngineDocument {
    /// Its name in requests.
    pub name: Engine,
    /// Its name as its makers write it.
    #[schema(example = "WooCommerce")]
    pub title: String,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Caller {
    /// The name of the caller's token; null where the server asks for none.
    pub name: Option<String>,
    /// What the caller may do.
    pub role: TokenRole,
}

/// What this platform is: version, engines, plans, addresses.
#[utoipa::path(
    get,
    path = "/platform",
    tag = "operation",
    operation_id = "platform",
    responses((status = 200, description = "The platform", body = PlatformDocument), CallerProblems)
)]
pub(super) async fn platform(State(app): State<Shared>) -> Json<PlatformDocument> {
    let engines = Engine::ALL.map(|engine| EngineDocument { name: engine, title: engine.title().to_owned() });
    Json(PlatformDocument {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        simulated: app.facts.simulated,
        engines: engines.to_vec(),
        plans: Plan::ALL.to_vec(),
        default_plan: Plan::default(),
        base_domain: app.facts.base_domain.clone(),
        public_url_template: app.facts.public_url_template.clone(),
    })
}

/// Who the caller is to this server, and what they may do.
#[utoipa::path(
    get,
    path = "/me",
    tag = "operation",
    operation_id = "me",
    responses((status = 200, description = "The caller", body = Caller), CallerProblems)
)]
pub(super) async fn me(Extension(Identity { name, role }): Extension<Identity>) -> Json<Caller> {
    Json(Caller { name, role })
}
