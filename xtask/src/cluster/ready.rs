//! Waiting until something is ready: a condition, a deadline, and the culprit's last log lines when it passes.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{
    Cluster,
    components::Ready,
    layout::{Layout, Settings},
};
use crate::exec;

const POLL: Duration = Duration::from_millis(100);
const ANSWER: Duration = Duration::from_secs(2);

/// Waits until `condition` holds; the error carries what `explain` says.
pub(crate) fn wait_until(
    what: &str,
    patience: Duration,
    mut condition: impl FnMut() -> Result<bool>,
    explain: impl Fn() -> String,
) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        if condition()? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("{what}: not within {} s\n{}", patience.as_secs(), explain());
        }
        thread::sleep(POLL);
    }
}

/// Whether a program does its work.
pub(crate) fn is_ready(ready: &Ready, layout: &Layout, settings: &Settings) -> bool {
    match ready {
        Ready::Alive => true,
        Ready::Http(port, path) => http(*port, path).unwrap_or(false),
        Ready::Socket(path) => UnixStream::connect(path).is_ok(),
        Ready::Api => api(layout, settings),
    }
}

/// Whether the API server says that it is ready.
pub(crate) fn api(layout: &Layout, settings: &Settings) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], settings.ports.api));
    TcpStream::connect_timeout(&address, ANSWER).is_ok() && {
        let mut kubectl = Cluster::new(layout, settings).kubectl();
        exec::succeeds(kubectl.args(["get", "--raw", "/readyz", "--request-timeout=2s"]))
    }
}

fn http(port: u16, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(head.ends_with(b" 200"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_200_is_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            for answer in ["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.0 503 No\r\n\r\n"] {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 256]);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        assert!(http(port, "/healthz").unwrap());
        assert!(!http(port, "/healthz").unwrap());
        server.join().unwrap();
        assert!(http(port, "/healthz").is_err());
    }

    #[test]
    fn a_passed_deadline_explains_itself() {
        let error = wait_until("x", Duration::ZERO, || Ok(false), || "last words".to_owned()).unwrap_err();
        assert!(error.to_string().contains("last words"));
    }
}
