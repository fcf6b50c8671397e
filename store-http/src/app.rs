//! What the routes share, and the router that is made of it.

use axum::Router;
use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use store_core::StoreService;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::feed::Feed;
use crate::middleware::{self, HostRule};
use crate::routes;

/// Who works on the stores of this database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Role {
    /// This process.
    Working,
    /// Not this process.
    Standby {
        /// Why not.
        reason: String,
    },
}

/// What the routes share. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) service: StoreService,
    pub(crate) feed: Feed,
    pub(crate) role: watch::Receiver<Role>,
    pub(crate) document: Bytes,
}

impl App {
    /// Puts the routes' needs together, and starts following the changes until `stop`, which also ends the streams of
    /// `GET /events`. Needs a tokio runtime.
    pub fn new(service: StoreService, role: watch::Receiver<Role>, stop: CancellationToken) -> Self {
        let feed = Feed::start(service.clone(), stop);
        let document = crate::openapi_text().into();
        Self { service, feed, role, document }
    }

    /// The router: routes, checks and limits. `hosts` says which hosts requests may name.
    pub fn into_router(self, hosts: HostRule) -> Router {
        let (router, _) = routes::build();
        middleware::wrap(router.with_state(self), hosts)
    }
}
