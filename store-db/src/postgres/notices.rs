//! What processes on one database tell each other: LISTEN and NOTIFY on one channel.
//!
//! A notice is sent by the transaction that writes, so it arrives when what it tells of can be read. It names who wrote,
//! so that nobody hears himself.

use std::sync::{Arc, Weak};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::QueryResult;
use futures::stream;
use store_core::ports::{Notice, NoticeStream};
use store_core::store::StoreId;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};

use super::connect::{ConnectFailure, Wire};
use super::session::{PostgresConnection, Server};

const CHANNEL: &str = "store_platform";
/// How many notices wait for a slow follower.
const WAITING: usize = 256;
/// How long after a lost connection, or a failed try, the next try is made, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long beginning to listen may take.
const LISTEN_LIMIT: Duration = Duration::from_secs(5);

/// What a transaction has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// Something else is wanted of a store, which is an event as well.
    Intent(StoreId),
    /// There are events.
    Events,
}

/// Tells it once the transaction commits.
pub(crate) fn announce(connection: &mut PostgresConnection, origin: &str, news: &News) -> QueryResult<()> {
    let what = match news {
        News::Intent(id) => format!("intent {id}"),
        News::Events => "events".to_owned(),
    };
    // Neither part can hold a quote: ids are letters and digits, and so is the origin.
    connection.batch_execute(&format!("NOTIFY {CHANNEL}, '{origin} {what}'"))
}

/// What a notice of somebody else's says; one that this version does not understand may mean anything.
fn read(payload: &str, origin: &str) -> Option<News> {
    let (from, what) = payload.split_once(' ').unwrap_or((payload, ""));
    if from == origin {
        return None;
    }
    Some(what.strip_prefix("intent ").and_then(|id| StoreId::parse(id).ok()).map_or(News::Events, News::Intent))
}

/// The notices of other processes, from a connection of their own, until the sender of `stop` is gone.
pub(super) fn follow(server: &Arc<Server>, stop: watch::Receiver<()>) -> NoticeStream {
    let (sender, receiver) = mpsc::channel(WAITING);
    // What follows must not keep alive what it runs on.
    server.io.handle().spawn(listen(Arc::downgrade(server), sender, stop));
    Box::pin(stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|notice| (notice, receiver)) }))
}

async fn listen(server: Weak<Server>, notices: mpsc::Sender<Notice>, mut stop: watch::Receiver<()>) {
    let mut pause = PAUSES.0;
    loop {
        tokio::select! {
            heard = hear(&server, &notices) => match heard {
                Some(Ok(())) => pause = PAUSES.0,
                Some(Err(failure)) => tracing::debug!(reason = failure.reason(), "other processes' notices are missed"),
                None => return,
            },
            _ = stop.changed() => return,
            () = notices.closed() => return,
        }
        tokio::select! {
            () = sleep(pause) => {}
            _ = stop.changed() => return,
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Listens until the connection is lost. `None`: the repository or its follower is gone.
async fn hear(server: &Weak<Server>, notices: &mpsc::Sender<Notice>) -> Option<Result<(), ConnectFailure>> {
    let server = server.upgrade()?;
    let (origin, connected) = (Arc::clone(&server.origin), server.connector.connect().await);
    drop(server);
    let (client, mut wire) = match connected {
        Ok(connected) => connected,
        Err(failure) => return Some(Err(failure)),
    };
    if let Err(failure) = begin(&client, &mut wire).await {
        return Some(Err(failure));
    }
    // Whatever was told until now was missed.
    notices.send(Notice::Gap).await.ok()?;
    while let Some(message) = next(&mut wire).await {
        let AsyncMessage::Notification(notification) = message else { continue };
        let news = read(notification.payload(), &origin);
        if let Some(News::Intent(id)) = &news {
            notices.send(Notice::Intent(id.clone())).await.ok()?;
        }
        if news.is_some() {
            // A follower that does not keep up slows down the server's sending, nothing else.
            notices.send(Notice::Events).await.ok()?;
        }
    }
    Some(Ok(()))
}

async fn begin(client: &Client, wire: &mut Wire) -> Result<(), ConnectFailure> {
    let listen = format!("LISTEN {CHANNEL}");
    let mut answer = std::pin::pin!(client.batch_execute(&listen));
    let listening = async {
        loop {
            tokio::select! {
                begun = &mut answer => return begun.map_err(|error| error.to_string()),
                message = next(wire) => if message.is_none() {
                    return Err("the connection was lost".to_owned());
                },
            }
        }
    };
    let begun = timeout(LISTEN_LIMIT, listening).await.unwrap_or_else(|_| Err("there is no answer".to_owned()));
    begun.map_err(ConnectFailure::Away)
}

/// The next message that is no answer; `None` once the connection is over.
async fn next(wire: &mut Wire) -> Option<AsyncMessage> {
    std::future::poll_fn(|context| wire.poll_message(context)).await.and_then(Result::ok)
}

#[cfg(test)]
mod tests {
    use store_core::store::StoreId;

    use super::{News, read};

    #[test]
    fn nobody_hears_himself_and_everybody_understands_the_others() {
        let id = StoreId::parse("abcdefghij").unwrap();
        assert_eq!(read("me events", "me"), None);
        assert_eq!(read("other events", "me"), Some(News::Events));
        assert_eq!(read("other intent abcdefghij", "me"), Some(News::Intent(id)));
        for unknown in ["", "other", "other intent", "other intent '; DROP", "other something newer"] {
            assert_eq!(read(unknown, "me"), Some(News::Events), "{unknown:?}");
        }
    }
}
