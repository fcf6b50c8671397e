//! The thread on which the connections' bytes move. It goes on while no query does, so that a lost connection is noticed
//! when it happens, and not by the next query.

use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime that ends when the last of its holders is gone, wherever that is.
#[derive(Clone)]
pub(super) struct Io(Arc<Owned>);

struct Owned(Option<Runtime>);

impl Io {
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            // Names are looked up on these.
            .max_blocking_threads(2)
            .thread_name("postgres-io")
            .enable_all()
            .build()?;
        Ok(Self(Arc::new(Owned(Some(runtime)))))
    }

    /// For work on this runtime that does not keep it alive.
    pub(super) fn handle(&self) -> &Handle {
        #[expect(clippy::expect_used, reason = "only dropping takes it out")]
        self.0.0.as_ref().expect("it is there until it is dropped").handle()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for it is forbidden where async code runs, and nothing that counts runs on it any more.
            runtime.shutdown_background();
        }
    }
}
