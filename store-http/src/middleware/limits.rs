//! Bounds on what is answered at once and for how long, and what becomes of a panic.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::problem::{Kind, Refusal};

/// How many requests are answered at once.
const AT_ONCE: usize = 256;
/// An answer has to begin within this time. Streams go on for longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// How much is answered at once.
#[derive(Clone)]
pub(super) struct Limits(Arc<Semaphore>);

impl Default for Limits {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Refuses what is too much, and gives up on what takes too long.
pub(super) async fn limit(State(Limits(places)): State<Limits>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        return Refusal::new(Kind::Overloaded, "too many requests at once; come again in a while").into_response();
    };
    let too_late = |_| {
        let seconds = DEADLINE.as_secs();
        Refusal::new(Kind::TimedOut, format!("there was no answer within {seconds} s")).into_response()
    };
    tokio::time::timeout(DEADLINE, next.run(request)).await.unwrap_or_else(too_late)
}

type OnPanic = fn(Box<dyn Any + Send>) -> Response;

/// A panic is one request's failure, not the server's. Its message goes to the log through the panic hook.
pub(super) fn catch_panics() -> CatchPanicLayer<OnPanic> {
    fn answer(_: Box<dyn Any + Send>) -> Response {
        Refusal::new(Kind::Internal, "the request failed for a reason inside the platform; its log has the cause")
            .into_response()
    }
    CatchPanicLayer::custom(answer as OnPanic)
}
