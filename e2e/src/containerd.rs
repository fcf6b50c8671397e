//! The local cluster's container runtime, to give it images while somebody waits for them.

use std::path::PathBuf;
use std::process::Command;

/// The container runtime.
#[derive(Debug, Clone)]
pub struct Containerd {
    socket: PathBuf,
}

impl Containerd {
    /// The one that the environment names.
    pub fn open() -> Self {
        Self { socket: crate::lab::variable("STORE_TEST_CONTAINERD_SOCKET").into() }
    }

    /// Gives an image another name; it must succeed.
    pub fn tag(&self, image: &str, name: &str) {
        let output = self.ctr(&["images", "tag", image, name]).output().expect("ctr runs");
        assert!(output.status.success(), "ctr tag: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Takes a name away, if it is there.
    pub fn untag(&self, name: &str) {
        let _ = self.ctr(&["images", "remove", name]).output();
    }

    fn ctr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket).args(["--namespace", "k8s.io"]).args(arguments);
        command
    }
}
