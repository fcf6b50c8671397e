//! The watches: one for each kind, of everything of this installation, folded on arrival.
//!
//! A watch that breaks goes on by itself, with backoff; one that is too old lists again; and one that is stalled without
//! knowing it is replaced from time to time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use super::connect::Cluster;
use super::facts::Fold;
use super::records::Records;
use super::sight::Sight;
use crate::labels;

/// The server ends a watch after this long, and a connection that died silently is noticed soon after.
const WATCH_SECONDS: u32 = 120;
/// Objects in one page of a list.
const PAGE: u32 = 500;
/// How long a first list of everything may take; the watch begins anew when it is stuck on a dead connection.
const LIST: Duration = Duration::from_mins(1);
/// Before a connection that could not even be made is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// Watches one kind until the task is dropped. `resync` is how long a watch is trusted.
pub(crate) async fn watch<K>(cluster: Cluster, records: Arc<Records>, sight: Arc<Sight>, resync: Duration)
where
    K: Fold + Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    loop {
        let client = match cluster.client().await {
            Ok(client) => client,
            Err(error) => {
                sight.doubt(&error);
                sleep(RETRY).await;
                continue;
            }
        };
        let config = watcher::Config::default()
            .labels(&labels::select_installation(records.installation()))
            .timeout(WATCH_SECONDS)
            .page_size(PAGE);
        let mut events = pin!(watcher(Api::<K>::all(client), config).default_backoff());
        let mut trusted = pin!(sleep(LIST.min(resync)));
        loop {
            tokio::select! {
                () = &mut trusted => break,
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        fold(&records, &event);
                        if matches!(event, Event::InitDone) {
                            trusted.as_mut().reset(Instant::now() + resync);
                        }
                    }
                    Some(Err(error)) if is_unauthorized(&error) => {
                        // Its client will not get better; the next one reads the credentials again.
                        sight.doubt(&error);
                        cluster.forget_client().await;
                        sleep(RETRY).await;
                        break;
                    }
                    Some(Err(error)) => {
                        if matches!(error, watcher::Error::InitialListFailed(_)) {
                            records.interrupt(K::KIND);
                        }
                        sight.doubt(&error);
                    }
                    None => break,
                },
            }
        }
    }
}

fn fold<K: Fold>(records: &Records, event: &Event<K>) {
    match event {
        Event::Init => records.begin(K::KIND),
        Event::InitApply(object) | Event::Apply(object) => records.apply(object),
        Event::InitDone => records.complete(K::KIND),
        Event::Delete(object) => records.remove(object),
    }
}

fn is_unauthorized(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(cause)
        | watcher::Error::WatchStartFailed(cause)
        | watcher::Error::WatchFailed(cause) => super::error::is_unauthorized(cause),
        watcher::Error::WatchError(status) => status.code == 401,
        watcher::Error::NoResourceVersion => false,
    }
}
