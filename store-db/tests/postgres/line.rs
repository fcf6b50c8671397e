//! A line to a server that can be cut.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Hands everything on to a server until it is dropped.
pub(crate) struct Line {
    pub(crate) port: u16,
    cut: tokio::sync::watch::Sender<()>,
    serving: JoinHandle<()>,
}

impl Line {
    /// One to this port of 127.0.0.1.
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, mut is_cut) = tokio::sync::watch::channel(());
        let serving = tokio::spawn(async move {
            let mut calls = JoinSet::new();
            loop {
                tokio::select! {
                    call = listener.accept() => {
                        let (mut client, _) = call.unwrap();
                        calls.spawn(async move {
                            let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                            let _ = copy_bidirectional(&mut client, &mut server).await;
                        });
                    }
                    Ok(()) = is_cut.changed() => calls.abort_all(),
                }
            }
        });
        Self { port, cut, serving }
    }

    /// Ends all calls; new ones go through.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
