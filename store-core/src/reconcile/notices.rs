//! What other processes write into the same database reaches this one at once, where the database tells of it. It only
//! saves time: whatever is missed is found by looking once a second.

use std::sync::Arc;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::run::Core;
use crate::ports::Notice;

/// Follows the notices until `stop`, or until there are no more.
pub(super) async fn follow(core: Arc<Core>, stop: CancellationToken) {
    let mut notices = core.repository.notices();
    loop {
        let notice = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            notice = notices.next() => notice,
        };
        match notice {
            // Whether it is news is for the database to say: the turn that works on the store asks it at once.
            Some(Notice::Intent(store)) => core.ask_at_once(Some(&store)),
            Some(Notice::Events) => core.notice(),
            Some(Notice::Gap) => {
                core.ask_at_once(None);
                core.notice();
            }
            None => return,
        }
    }
}
