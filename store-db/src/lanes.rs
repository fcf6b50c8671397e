//! Threads that own connections. Queries come to them with owned arguments, so that nothing blocks an async thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use store_core::ports::RepositoryError;
use tokio::sync::{Semaphore, oneshot};

use crate::backend::{Conn, Traces};
use crate::error::{QueryError, internal};

/// How many queries may wait for a thread before callers do.
const WAITING: usize = 256;

/// A query that is on its way, for a connection or for the reason why there is none; it returns how its answer is given,
/// once the thread has cleaned up after it.
type Job = Box<dyn FnOnce(Result<&mut Conn<'_>, RepositoryError>) -> Reply + Send>;
type Reply = Box<dyn FnOnce() + Send>;

enum Order {
    Run(Job),
    Stop,
}

/// A connection of any kind, as its thread owns it.
pub(crate) trait Owned: Send + Sized + 'static {
    /// Lends the connection to a query, or says why there is none.
    fn lend(&mut self) -> Result<Conn<'_>, RepositoryError>;
    /// Opens another one like this, after a panic or a failure that it cannot be used after.
    fn reopen(&self) -> Option<Self>;
    /// Cleans up after a query.
    fn tidy(&mut self, traces: Traces);
    /// The last thing to do.
    fn finish(self);
}

/// Threads that share a queue. An order wakes one of them and nobody else: what a query takes, beside that, is little.
pub(crate) struct Lane {
    orders: Sender<Order>,
    /// Places in the queue; none are given any more once it closes.
    places: Arc<Semaphore>,
    ended: Mutex<Vec<oneshot::Receiver<()>>>,
    /// How long callers wait for an answer; for ever if absent.
    patience: Option<Duration>,
}

impl Lane {
    /// Starts a thread for each connection.
    pub(crate) fn start<C: Owned>(name: &str, connections: Vec<C>) -> std::io::Result<Self> {
        let (orders, receiver) = crossbeam_channel::unbounded();
        let mut ended = Vec::with_capacity(connections.len());
        for connection in connections {
            let (end, at_end) = oneshot::channel();
            let receiver = receiver.clone();
            std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                serve(connection, &receiver);
                let _ = end.send(());
            })?;
            ended.push(at_end);
        }
        Ok(Self { orders, places: Arc::new(Semaphore::new(WAITING)), ended: Mutex::new(ended), patience: None })
    }

    /// The same, with callers who wait this long at most.
    pub(crate) fn patient_for(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// Runs a query on one of the threads. If the caller goes away meanwhile, it runs to its end all the same.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Conn<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let Some(patience) = self.patience else { return self.order(query).await };
        let reason = || format!("it did not answer within {} s", patience.as_secs());
        let in_time = tokio::time::timeout(patience, self.order(query)).await;
        in_time.map_err(|_| RepositoryError::Unavailable { reason: reason() })?
    }

    async fn order<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Conn<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| closed())?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            drop(place);
            let result = conn.map_err(QueryError::Refused).and_then(query);
            Box::new(move || drop(answer.send(result)))
        });
        self.orders.send(Order::Run(job)).map_err(|_| closed())?;
        match answered.await {
            Ok(result) => Ok(result?),
            // The threads ended while it waited for them.
            Err(_) if self.places.is_closed() => Err(closed()),
            Err(_) => Err(internal("a query ended without an answer")),
        }
    }

    /// Ends the threads after what they have in hand.
    pub(crate) async fn close(&self) {
        self.places.close();
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &ended {
            let _ = self.orders.send(Order::Stop);
        }
        for end in ended {
            let _ = end.await;
        }
    }
}

fn closed() -> RepositoryError {
    RepositoryError::Unavailable { reason: "it is closed".to_owned() }
}

fn serve<C: Owned>(mut connection: C, orders: &Receiver<Order>) {
    while let Ok(Order::Run(job)) = orders.recv() {
        let mut conn = match connection.lend() {
            Ok(conn) => conn,
            Err(reason) => {
                job(Err(reason))();
                continue;
            }
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| job(Ok(&mut conn))));
        let traces = conn.traces();
        let useless = outcome.is_err() || conn.is_broken();
        if useless {
            if let Some(another) = connection.reopen() {
                connection = another;
            } else {
                tracing::error!("a database connection is lost and cannot be opened again");
            }
        }
        connection.tidy(traces);
        if let Ok(reply) = outcome {
            reply();
        }
    }
    connection.finish();
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;
    use store_core::ports::{ErrorClass, RepositoryError};

    use super::Lane;
    use crate::backend::on_backend;
    use crate::error::QueryError;
    use crate::sqlite::{OpenMode, open};

    fn writer(directory: &tempfile::TempDir) -> Lane {
        let (writer, _) = open(&directory.path().join("stores.db"), OpenMode::Create).expect("a new database");
        Lane::start("writer", vec![writer]).expect("a thread")
    }

    async fn execute(lane: &Lane, sql: &'static str) -> Result<usize, RepositoryError> {
        lane.run(move |conn| conn.write(|conn| Ok(on_backend!(conn, |c| diesel::sql_query(sql).execute(c))?))).await
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_query_only() {
        let directory = tempfile::tempdir().unwrap();
        let lane = writer(&directory);
        let insert = "INSERT INTO idempotency_keys VALUES ('key', '', 'nobody', 0)";
        let panicked: Result<(), _> = lane
            .run(move |conn| {
                conn.write(|conn| {
                    on_backend!(conn, |c| diesel::sql_query("PRAGMA defer_foreign_keys = ON").execute(c))?;
                    on_backend!(conn, |c| diesel::sql_query(insert).execute(c))?;
                    panic!("on purpose")
                })
            })
            .await;
        assert_eq!(panicked.unwrap_err().class(), ErrorClass::Permanent);
        let deleted = execute(&lane, "DELETE FROM idempotency_keys").await.unwrap();
        assert_eq!(deleted, 0, "its transaction is undone");
    }

    #[tokio::test]
    async fn a_full_disk_is_trouble_that_passes() {
        let directory = tempfile::tempdir().unwrap();
        let lane = writer(&directory);
        let fill = "INSERT INTO sqlite_sequence (name, seq) VALUES (hex(zeroblob(1000000)), 0)";
        lane.run(|conn| {
            on_backend!(conn, |c| diesel::sql_query("PRAGMA max_page_count = 50").execute(c))?;
            Ok(())
        })
        .await
        .unwrap();
        match execute(&lane, fill).await {
            Err(RepositoryError::Unavailable { reason }) => assert!(reason.contains("full"), "{reason}"),
            other => panic!("the disk is full, but: {other:?}"),
        }
        assert!(execute(&lane, "DELETE FROM idempotency_keys").await.is_ok());
    }

    #[tokio::test]
    async fn what_waits_when_the_lane_closes_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let lane = writer(&directory);
        let (go, waiting) = std::sync::mpsc::channel::<()>();
        let slow = lane.run(move |_| {
            let _ = waiting.recv();
            Ok(())
        });
        let too_late = async {
            let query = lane.run(|_| Ok::<_, QueryError>(()));
            let (answer, ()) = futures::join!(query, async { drop(go) });
            answer
        };
        let (slow, (), too_late) = futures::join!(slow, lane.close(), too_late);
        assert!(slow.is_ok(), "what began is done");
        assert_eq!(too_late.unwrap_err().to_string(), "the database cannot be used right now: it is closed");
    }
}
