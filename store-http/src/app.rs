//! What the routes share, and the router that is made of it.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use store_core::StoreService;
use store_core::store::PublicUrlTemplate;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::conditions::Conditions;
use crate::feed::Feed;
use crate::lists::Lists;
use crate::metrics::{Census, Metrics};
use crate::middleware::{self, HostRule};
use crate::routes::{self, ui};
use crate::tokens::TokensFile;

/// How many logs are read at once: each holds a connection to the cluster.
pub(crate) const LOG_READERS_MAX: usize = 64;

/// Who works on the stores of this database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ReconcilerRole {
    /// This process.
    Working,
    /// Not this process.
    Standby {
        /// Why not.
        reason: String,
    },
}

/// What clients are told of the platform beside its stores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Whether stores are only simulated.
    pub simulated: bool,
    /// The domain under which stores are reached.
    pub base_domain: String,
    /// What new stores' URLs look like, with `{name}`.
    pub public_url_template: String,
}

impl Facts {
    /// A real platform with stores below this domain, at addresses of this form.
    pub fn new(base_domain: impl Into<String>, public_url: &PublicUrlTemplate) -> Self {
        let public_url_template = public_url.as_str().to_owned();
        Self { simulated: false, base_domain: base_domain.into(), public_url_template }
    }

    /// The same of a platform that only simulates its stores.
    pub fn simulated(base_domain: impl Into<String>, public_url: &PublicUrlTemplate) -> Self {
        Self { simulated: true, ..Self::new(base_domain, public_url) }
    }
}

/// As each request gets it: counted once, instead of once for each part.
pub(crate) type Shared = Arc<App>;

/// What the routes share. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) service: StoreService,
    pub(crate) feed: Feed,
    pub(crate) conditions: Conditions,
    pub(crate) role: watch::Receiver<ReconcilerRole>,
    pub(crate) document: Bytes,
    pub(crate) facts: Arc<Facts>,
    pub(crate) dashboard: ui::Find,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) lists: Lists,
    /// Places for those who read logs.
    pub(crate) log_readers: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    tokens: Option<TokensFile>,
}

impl App {
    /// Puts the routes' needs together, and starts following the changes until `stop`, which also ends the streams of
    /// `GET /events`. Needs a tokio runtime.
    pub fn new(service: StoreService, role: watch::Receiver<ReconcilerRole>, stop: CancellationToken) -> Self {
        let feed = Feed::start(service.clone(), stop.clone());
        let conditions = Conditions::start(service.clone(), stop.clone());
        let document = crate::openapi_text().into();
        let (facts, dashboard) = (Arc::default(), ui::dashboard as ui::Find);
        let log_readers = Arc::new(Semaphore::new(LOG_READERS_MAX));
        Self {
            service,
            feed,
            conditions,
            role,
            document,
            facts,
            dashboard,
            metrics: None,
            lists: Lists::default(),
            log_readers,
            stop,
            tokens: None,
        }
    }

    /// Tells clients these facts.
    #[must_use]
    pub fn with_facts(mut self, facts: Facts) -> Self {
        self.facts = Arc::new(facts);
        self
    }

    /// Asks everybody for one of these tokens.
    #[must_use]
    pub fn with_tokens(mut self, tokens: TokensFile) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Serves these metrics at `/metrics`, and starts counting stores for them. The program has to have installed their
    /// recorder.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        let census = Census::new(self.service.clone(), self.feed.clone());
        tokio::spawn(census.run(metrics.clone(), self.stop.clone()));
        self.metrics = Some(metrics);
        self
    }

    /// The router: routes, checks and limits. `hosts` says which hosts requests may name.
    pub fn into_router(self, hosts: HostRule) -> Router {
        let (router, _) = routes::build();
        let tokens = self.tokens.clone();
        middleware::wrap(router.with_state(Arc::new(self)), hosts, tokens)
    }
}
