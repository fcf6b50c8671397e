//! A repository that does not work: it fails in a way that should not happen, or never answers.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use store_core::lifecycle::{Event, Position, Store};
use store_core::ports::{
    ActionInFlight, Admission, Claim, ClaimRequest, Claimed, Created, Installation, ListQuery, NewStore, Page,
    ProgressUpdate, Recorded, Renewal, RepositoryError, StoreRepository, WakeUp,
};
use store_core::store::{SealedPassword, StoreId, StoreName};

/// How it does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    Failing,
    Silent,
}

type Answer<T> = Result<T, RepositoryError>;

impl Broken {
    async fn fail<T>(self) -> Answer<T> {
        match self {
            Self::Failing => Err(RepositoryError::Internal("a row that cannot be".into())),
            Self::Silent => std::future::pending().await,
        }
    }
}

#[async_trait]
impl StoreRepository for Broken {
    async fn installation(&self) -> Answer<Installation> {
        self.fail().await
    }

    async fn bind_cluster(&self, _: &str) -> Answer<Installation> {
        self.fail().await
    }

    async fn create(&self, _: NewStore) -> Answer<Created> {
        self.fail().await
    }

    async fn request_deletion(&self, _: &StoreId, _: Option<u64>, _: jiff::Timestamp) -> Answer<Store> {
        self.fail().await
    }

    async fn request_retry(
        &self,
        _: &StoreId,
        _: Option<SealedPassword>,
        _: Option<u64>,
        _: jiff::Timestamp,
    ) -> Answer<Store> {
        self.fail().await
    }

    async fn request_protection(&self, _: &StoreId, _: bool, _: Option<u64>, _: jiff::Timestamp) -> Answer<Store> {
        self.fail().await
    }

    async fn get(&self, _: &StoreId) -> Answer<Option<Store>> {
        self.fail().await
    }

    async fn find_by_name(&self, _: &StoreName) -> Answer<Option<Store>> {
        self.fail().await
    }

    async fn list(&self, _: &ListQuery) -> Answer<Page<Store>> {
        self.fail().await
    }

    async fn queue(&self) -> Answer<BTreeMap<StoreId, usize>> {
        self.fail().await
    }

    async fn events(&self, _: &StoreId, _: Position, _: usize) -> Answer<Vec<Event>> {
        self.fail().await
    }

    async fn changes(&self, _: Position, _: usize) -> Answer<Vec<Event>> {
        self.fail().await
    }

    async fn positions(&self) -> Answer<(Position, Position)> {
        self.fail().await
    }

    async fn sealed_password(&self, _: &StoreId) -> Answer<Option<SealedPassword>> {
        self.fail().await
    }

    async fn claim_due(&self, _: &ClaimRequest) -> Answer<Vec<Claimed>> {
        self.fail().await
    }

    async fn renew(&self, _: &Claim, _: Duration) -> Answer<Renewal> {
        self.fail().await
    }

    async fn admit(&self, _: &Claim, _: Admission) -> Answer<bool> {
        self.fail().await
    }

    async fn begin_action(&self, _: &Claim, _: u64, _: &ActionInFlight) -> Answer<bool> {
        self.fail().await
    }

    async fn end_action(&self, _: &Claim) -> Answer<()> {
        self.fail().await
    }

    async fn record(&self, _: &Claim, _: u64, _: &ProgressUpdate) -> Answer<Recorded> {
        self.fail().await
    }

    async fn release(&self, _: &Claim, _: u64, _: WakeUp) -> Answer<()> {
        self.fail().await
    }

    async fn next_due(&self) -> Answer<Option<Duration>> {
        self.fail().await
    }
}
