//! The repository of one process: the shared memory, with the weather between it and the process, and the oracle beside
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use jiff::Timestamp;

use super::faults::{self, Fault};
use super::oracle;
use super::process::Process;
use super::world::World;
use crate::lifecycle::{Event, Position, Store};
use crate::ports::{
    ActionInFlight, Admission, Claim, ClaimRequest, Claimed, Created, Installation, ListQuery, NewStore, NoticeStream,
    Page, ProgressUpdate, Recorded, Renewal, RepositoryError, StoreRepository, WakeUp,
};
use crate::store::{SealedPassword, StoreId, StoreName};

/// The database as one process reaches it.
pub(super) struct Database {
    pub(super) world: Arc<World>,
    pub(super) process: Arc<Process>,
    /// Whether it tells of what others write.
    pub(super) has_notices: bool,
}

impl Database {
    /// On the way to the database.
    async fn reach(&self) -> Result<(), RepositoryError> {
        self.world.point(&self.process).await;
        let is_away = self.world.elapsed() < self.world.state().weather.database_away_until;
        if is_away { Err(away("the database is away")) } else { Ok(()) }
    }

    async fn read<T>(&self, read: impl Future<Output = Result<T, RepositoryError>>) -> Result<T, RepositoryError> {
        self.reach().await?;
        read.await
    }

    /// A write: it may take effect without the process ever learning of it.
    async fn write<T>(&self, write: impl Future<Output = Result<T, RepositoryError>>) -> Result<T, RepositoryError> {
        self.write_down(write, true).await
    }

    /// A write that nobody would miss: a lease, or a claim of nothing.
    async fn note_down<T>(
        &self,
        write: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, RepositoryError> {
        self.write_down(write, false).await
    }

    async fn write_down<T>(
        &self,
        write: impl Future<Output = Result<T, RepositoryError>>,
        is_news: bool,
    ) -> Result<T, RepositoryError> {
        self.reach().await?;
        let (is_slow, delay) = {
            let mut state = self.world.state();
            (state.dice.percent(20), state.dice.millis(1, 20))
        };
        if is_slow {
            tokio::time::sleep(delay).await;
            self.process.gate().await;
        }
        let written = write.await;
        oracle::judge_history(&self.world);
        let is_unknown = is_news && written.is_ok() && {
            let unknown = &mut self.world.state().weather.commits_unknown;
            let is_unknown = *unknown > 0;
            *unknown = unknown.saturating_sub(1);
            is_unknown
        };
        if is_unknown {
            faults::tell(&self.world, Fault::CommitUnknown, "now");
        }
        if is_slow {
            tokio::time::sleep(delay).await;
        }
        self.world.point(&self.process).await;
        if is_unknown { Err(away("the outcome of the commit is unknown")) } else { written }
    }

    fn note(&self, what: &'static str, claim: &Claim, did: bool) {
        let tag = self.process.number as u64 * 2 + u64::from(did);
        self.world.note(what, tag, || {
            let refused = if did { "" } else { ": refused" };
            format!("{} (process {}, epoch {}){refused}", claim.store, self.process.number, claim.epoch)
        });
    }
}

fn away(reason: &str) -> RepositoryError {
    RepositoryError::Unavailable { reason: reason.to_owned() }
}

#[async_trait]
impl StoreRepository for Database {
    async fn installation(&self) -> Result<Installation, RepositoryError> {
        self.read(self.world.memory.installation()).await
    }

    async fn bind_cluster(&self, cluster_uid: &str) -> Result<Installation, RepositoryError> {
        self.note_down(self.world.memory.bind_cluster(cluster_uid)).await
    }

    async fn create(&self, new: NewStore) -> Result<Created, RepositoryError> {
        self.write(self.world.memory.create(new)).await
    }

    async fn request_deletion(
        &self,
        id: &StoreId,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        self.write(self.world.memory.request_deletion(id, expected, at)).await
    }

    async fn request_retry(
        &self,
        id: &StoreId,
        password: Option<SealedPassword>,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        self.write(self.world.memory.request_retry(id, password, expected, at)).await
    }

    async fn request_protection(
        &self,
        id: &StoreId,
        protected: bool,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        self.write(self.world.memory.request_protection(id, protected, expected, at)).await
    }

    async fn get(&self, id: &StoreId) -> Result<Option<Store>, RepositoryError> {
        self.read(self.world.memory.get(id)).await
    }

    async fn find_by_name(&self, name: &StoreName) -> Result<Option<Store>, RepositoryError> {
        self.read(self.world.memory.find_by_name(name)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Store>, RepositoryError> {
        self.read(self.world.memory.list(query)).await
    }

    async fn queue(&self) -> Result<BTreeMap<StoreId, usize>, RepositoryError> {
        self.read(self.world.memory.queue()).await
    }

    async fn events(&self, id: &StoreId, after: Position, limit: usize) -> Result<Vec<Event>, RepositoryError> {
        self.read(self.world.memory.events(id, after, limit)).await
    }

    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Event>, RepositoryError> {
        self.read(self.world.memory.changes(after, limit)).await
    }

    async fn positions(&self) -> Result<(Position, Position), RepositoryError> {
        self.read(self.world.memory.positions()).await
    }

    async fn sealed_password(&self, id: &StoreId) -> Result<Option<SealedPassword>, RepositoryError> {
        self.read(self.world.memory.sealed_password(id)).await
    }

    async fn claim_due(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, RepositoryError> {
        let claim = async {
            let claimed = self.world.memory.claim_due(request).await?;
            for Claimed { claim, .. } in &claimed {
                self.note("claim", claim, true);
                oracle::claimed(&self.world, claim);
            }
            Ok(claimed)
        };
        self.note_down(claim).await
    }

    async fn renew(&self, claim: &Claim, lease: Duration) -> Result<Renewal, RepositoryError> {
        self.note_down(self.world.memory.renew(claim, lease)).await
    }

    async fn admit(&self, claim: &Claim, admission: Admission) -> Result<bool, RepositoryError> {
        let admit = async {
            let is_admitted = self.world.memory.admit(claim, admission).await?;
            if is_admitted {
                oracle::held(&self.world, claim);
            }
            Ok(is_admitted)
        };
        self.note_down(admit).await
    }

    async fn begin_action(
        &self,
        claim: &Claim,
        generation: u64,
        action: &ActionInFlight,
    ) -> Result<bool, RepositoryError> {
        let begin = async {
            let begun = self.world.memory.begin_action(claim, generation, action).await?;
            self.note("begin", claim, begun);
            if begun {
                oracle::accepted(&self.world, claim, generation);
            }
            Ok(begun)
        };
        self.write(begin).await
    }

    async fn end_action(&self, claim: &Claim) -> Result<(), RepositoryError> {
        self.write(self.world.memory.end_action(claim)).await
    }

    async fn record(
        &self,
        claim: &Claim,
        generation: u64,
        update: &ProgressUpdate,
    ) -> Result<Recorded, RepositoryError> {
        let record = async {
            let before = self.world.memory.peek(&claim.store);
            let recorded = self.world.memory.record(claim, generation, update).await?;
            let is_written = matches!(recorded, Recorded::Written(_));
            self.note(update.progress.state(), claim, is_written);
            if let (Recorded::Written(after), Some(before)) = (&recorded, before) {
                oracle::accepted(&self.world, claim, generation);
                oracle::judge_change(&self.world, &before, after);
            }
            Ok(recorded)
        };
        self.write(record).await
    }

    async fn release(&self, claim: &Claim, generation: u64, wake_up: WakeUp) -> Result<(), RepositoryError> {
        let is_tombstone = self.world.memory.peek(&claim.store).is_some_and(|store| store.awaits_second_look());
        if is_tombstone && self.world.has_last_words(&claim.store) {
            faults::burn(&self.world, self.process.number, Fault::KillAtCall);
        }
        self.note_down(self.world.memory.release(claim, generation, wake_up)).await
    }

    async fn next_due(&self) -> Result<Option<Duration>, RepositoryError> {
        self.read(self.world.memory.next_due()).await
    }

    fn notices(&self) -> NoticeStream {
        if !self.has_notices {
            return futures::stream::pending().boxed();
        }
        let process = Arc::clone(&self.process);
        let notices = self.world.memory.notices().then(move |notice| {
            let process = Arc::clone(&process);
            async move {
                process.gate().await;
                notice
            }
        });
        notices.boxed()
    }
}
