//! How READY stores are doing: nobody writes it down, so no event tells of it, and whoever wants to know looks.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{ConditionDocument, ServiceError, StoreDocument, StoreService};
use crate::lifecycle::{Condition, Failure, FailureCode, Published, Status, Store};
use crate::ports::{ChangeStream, Freshness, NamespaceSeen, Observation};
use crate::reconcile::{ClusterState, condition};
use crate::store::StoreId;

/// A store that cannot be seen in a cluster that can may come into sight within this time.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What was seen of a store, for its document.
#[derive(Default)]
pub(super) struct Judgement {
    /// `None` unless it is READY.
    pub(super) condition: Option<Condition>,
    pub(super) published: Published,
    pub(super) unpublished: Option<Failure>,
    /// When to look again although nothing changes.
    next_verdict: Option<Duration>,
}

/// How a READY store is doing, and for how long that holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outlook {
    /// How it is doing.
    pub condition: ConditionDocument,
    /// Time alone may change it after this long; never where it is `None`.
    pub next_verdict: Option<Duration>,
}

impl StoreService {
    /// How a store is doing; `None` unless it is READY. Asks the cluster nothing.
    pub async fn condition(&self, id: &StoreId) -> Result<Option<Outlook>, ServiceError> {
        let Some(store) = self.core.repository.get(id).await? else { return Ok(None) };
        let judgement = self.judge(&store).await;
        let next_verdict = judgement.next_verdict;
        let condition = ConditionDocument::of(StoreDocument::new(&store, None, judgement, None));
        Ok(condition.map(|condition| Outlook { condition, next_verdict }))
    }

    /// Stores of which something changed in the cluster, so that their condition may be another one. A slow subscriber
    /// may miss repetitions.
    pub fn cluster_changes(&self) -> ChangeStream {
        self.core.probe.changes()
    }

    /// What is known of the cluster. While it is not open, the condition of every READY store is `unknown`.
    pub fn cluster_states(&self) -> watch::Receiver<ClusterState> {
        self.core.cluster.subscribe()
    }

    pub(super) async fn judge(&self, store: &Store) -> Judgement {
        if store.status() != Status::Ready {
            return Judgement::default();
        }
        let unseen = Judgement { condition: Some(Condition::Unknown), ..Judgement::default() };
        if !self.cluster().is_open() {
            return unseen;
        }
        match self.core.probe.observe(store, Freshness::Cached).await {
            Ok(seen) if seen.namespace != NamespaceSeen::Unknown => {
                let now = self.core.clock.now();
                Judgement {
                    condition: Some(condition(store, &seen, now)),
                    next_verdict: next_verdict(&seen, now),
                    published: seen.published,
                    unpublished: seen.unpublished,
                }
            }
            // It comes into sight, or it does not: neither has to be a change.
            Ok(_) | Err(_) => Judgement { next_verdict: Some(LOOK_AGAIN), ..unseen },
        }
    }
}

/// When the next of the things that look wrong has been seen for as long as its kind asks, if it stays.
fn next_verdict(seen: &Observation, now: Timestamp) -> Option<Duration> {
    let suspicions = seen.suspicions.iter().map(|suspicion| (suspicion.since, suspicion.failure.code));
    let unready = seen.workloads.iter().filter(|workload| !workload.ready);
    let unready = unready.map(|workload| (workload.since, FailureCode::NotReady));
    let remaining = suspicions.chain(unready).filter(|(_, code)| code.grace() != Duration::MAX).map(|(since, code)| {
        let seen_for = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        code.grace().saturating_sub(seen_for)
    });
    remaining.filter(|remaining| !remaining.is_zero()).min()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::lifecycle::Gate;
    use crate::ports::{Suspicion, WorkloadSeen};
    use crate::store::Component;

    #[rstest]
    #[case::nothing_looks_wrong(&[], true, None)]
    #[case::not_ready(&[], false, Some(1))]
    #[case::two_things(&[FailureCode::CrashLoop, FailureCode::ImagePull, FailureCode::ProbeFailing], true, Some(59))]
    #[case::settled(&[FailureCode::SetupFailed], true, None)]
    #[case::never(&[FailureCode::WebhookDown], true, None)]
    fn time_alone_may_change_a_verdict(
        #[case] codes: &[FailureCode],
        #[case] ready: bool,
        #[case] expected: Option<u64>,
    ) {
        let since = Timestamp::UNIX_EPOCH;
        let suspicion = |code: &FailureCode| {
            let failure = Failure::new(*code, "something looks wrong", "look");
            Suspicion { failure, gate: Gate::Application, since, times: 1 }
        };
        let seen = Observation {
            workloads: vec![WorkloadSeen { component: Component::Server, ready, since }],
            suspicions: codes.iter().map(suspicion).collect(),
            ..Observation::default()
        };
        assert_eq!(next_verdict(&seen, since + Duration::from_secs(1)), expected.map(Duration::from_secs));
    }
}
