//! What a failure must say.

use e2e::text;
use serde_json::Value;

/// A failure as it must be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected<'a> {
    code: &'a str,
    kinds: Vec<&'a str>,
    name: &'a str,
    begins: &'a str,
    says: Vec<&'a str>,
}

/// A failure of this code.
pub(crate) fn failure(code: &str) -> Expected<'_> {
    Expected { code, ..Expected::default() }
}

impl<'a> Expected<'a> {
    /// Its culprit is of this kind, and its name begins so.
    pub(crate) fn blaming(self, kind: &'a str, name: &'a str) -> Self {
        Self { kinds: vec![kind], name, ..self }
    }

    /// Its culprit is of one of these kinds: all of them are to blame alike.
    pub(crate) fn blaming_any(self, kinds: &[&'a str]) -> Self {
        Self { kinds: kinds.to_vec(), ..self }
    }

    /// Its message begins so, and its one line too.
    pub(crate) fn beginning(self, begins: &'a str) -> Self {
        Self { begins, ..self }
    }

    /// Its one line contains this.
    pub(crate) fn saying(mut self, says: &'a str) -> Self {
        self.says.push(says);
        self
    }

    /// Ends the test unless this FAILED store has this failure.
    #[track_caller]
    pub(crate) fn of_failed(&self, store: &Value) {
        self.is(&store["failure"], &store["failure_reason"]);
    }

    /// Ends the test unless this degraded store has this failure.
    #[track_caller]
    pub(crate) fn of_degraded(&self, store: &Value) {
        self.is(&store["degraded"], &store["degraded"]["reason"]);
    }

    /// Ends the test unless `failure` is as expected; `reason` is its one-line form.
    #[track_caller]
    pub(crate) fn is(&self, failure: &Value, reason: &Value) {
        let shown = || format!("expected {self:?}, got {failure:#} {reason}");
        assert_eq!(failure["code"], self.code, "{}", shown());
        if !self.kinds.is_empty() {
            assert!(self.kinds.iter().any(|kind| failure["object"]["kind"] == *kind), "{}", shown());
            assert!(text(&failure["object"]["name"]).starts_with(self.name), "{}", shown());
        }
        let reason = text(reason);
        assert!(text(&failure["message"]).starts_with(self.begins), "{}", shown());
        assert!(reason.starts_with(self.begins), "{}", shown());
        assert!(!text(&failure["hint"]).is_empty(), "{}", shown());
        for says in &self.says {
            assert!(reason.contains(says), "it does not say {says:?}: {}", shown());
        }
    }
}
