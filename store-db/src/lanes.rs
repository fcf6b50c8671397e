//! Threads that own connections. Queries come to them with owned arguments, so that nothing blocks an async thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use store_core::ports::RepositoryError;
use tokio::sync::{mpsc, oneshot};

use crate::backend::Conn;
use crate::error::{QueryError, internal};

/// How many queries may wait for a thread before callers do.
const WAITING: usize = 256;

/// A query that is on its way; it returns how its answer is given, once the thread has cleaned up after it.
type Job = Box<dyn FnOnce(&mut Conn<'_>) -> Reply + Send>;
type Reply = Box<dyn FnOnce() + Send>;

enum Order {
    Run(Job),
    Stop,
}

/// A connection of any kind, as its thread owns it.
pub(crate) trait Owned: Send + Sized + 'static {
    /// Lends the connection to a query.
    fn lend(&mut self) -> Conn<'_>;
    /// Opens another one like this, after a panic or a failure that it cannot be used after.
    fn reopen(&self) -> Option<Self>;
    /// Cleans up after a query; `erased` says whether it erased a secret.
    fn tidy(&mut self, erased: bool);
    /// The last thing to do.
    fn finish(self);
}

/// Threads that share a queue.
pub(crate) struct Lane {
    orders: mpsc::Sender<Order>,
    ended: Mutex<Vec<oneshot::Receiver<()>>>,
}

impl Lane {
    /// Starts a thread for each connection.
    pub(crate) fn start<C: Owned>(name: &str, connections: Vec<C>) -> std::io::Result<Self> {
        let (orders, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut ended = Vec::with_capacity(connections.len());
        for connection in connections {
            let (end, at_end) = oneshot::channel();
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                serve(connection, &receiver);
                let _ = end.send(());
            })?;
            ended.push(at_end);
        }
        Ok(Self { orders, ended: Mutex::new(ended) })
    }

    /// Runs a query on one of the threads. If the caller goes away meanwhile, it runs to its end all the same.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Conn<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let result = query(conn);
            Box::new(move || drop(answer.send(result)))
        });
        self.orders.send(Order::Run(job)).await.map_err(|_| closed())?;
        match answered.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(internal("a query ended without an answer")),
        }
    }

    /// Ends the threads after what they have in hand.
    pub(crate) async fn close(&self) {
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &ended {
            let _ = self.orders.send(Order::Stop).await;
        }
        for end in ended {
            let _ = end.await;
        }
    }
}

fn closed() -> RepositoryError {
    RepositoryError::Unavailable { reason: "it is closed".to_owned() }
}

fn serve<C: Owned>(mut connection: C, orders: &Mutex<mpsc::Receiver<Order>>) {
    while let Some(Order::Run(job)) = next(orders) {
        let mut conn = connection.lend();
        let outcome = catch_unwind(AssertUnwindSafe(|| job(&mut conn)));
        let erased = conn.has_erased();
        let useless = outcome.is_err() || conn.is_broken();
        if useless {
            match connection.reopen() {
                Some(another) => connection = another,
                None => tracing::error!("a database connection is lost and cannot be opened again"),
            }
        }
        connection.tidy(erased);
        if let Ok(reply) = outcome {
            reply();
        }
    }
    connection.finish();
}

/// Waits for an order; whoever waits keeps the lock, and the others queue up behind it.
fn next(orders: &Mutex<mpsc::Receiver<Order>>) -> Option<Order> {
    orders.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}
