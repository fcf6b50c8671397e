//! Why a store failed or is degraded: a closed taxonomy, always with a culprit and what to do about it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum FailureCode {
    /// An image cannot be pulled.
    ImagePull,
    /// A container keeps crashing.
    CrashLoop,
    /// A container is killed for using more memory than its limit.
    OutOfMemory,
    /// A container cannot be created from its configuration.
    ContainerConfig,
    /// No node can take a pod.
    Unschedulable,
    /// The cluster refuses to create pods (quota, admission).
    PodsRefused,
    /// A container runs, but a probe of it never passes.
    ProbeFailing,
    /// A volume claim is not bound.
    VolumeClaim,
    /// A volume has no room left.
    VolumeFull,
    /// An admission webhook of the cluster does not answer, so that nothing can be created.
    WebhookDown,
    /// The setup job gave up.
    SetupFailed,
    /// Helm or the API server refuses the release.
    ReleaseRefused,
    /// An object that the store needs belongs to somebody else.
    ForeignObject,
    /// The credentials are gone: the key is lost, or the Secret was deleted.
    CredentialsLost,
    /// The time for provisioning is used up.
    TimedOut,
    /// A workload of a READY store is not ready.
    NotReady,
    /// The namespace or a workload of a READY store is missing or going away.
    Drift,
    /// The ingress names a class that the cluster does not have.
    IngressClassMissing,
    /// No ingress controller has given the ingress an address.
    IngressNoAddress,
}

impl FailureCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImagePull => "image_pull",
            Self::CrashLoop => "crash_loop",
            Self::OutOfMemory => "out_of_memory",
            Self::ContainerConfig => "container_config",
            Self::Unschedulable => "unschedulable",
            Self::PodsRefused => "pods_refused",
            Self::ProbeFailing => "probe_failing",
            Self::VolumeClaim => "volume_claim",
            Self::VolumeFull => "volume_full",
            Self::WebhookDown => "webhook_down",
            Self::SetupFailed => "setup_failed",
            Self::ReleaseRefused => "release_refused",
            Self::ForeignObject => "foreign_object",
            Self::CredentialsLost => "credentials_lost",
            Self::TimedOut => "timed_out",
            Self::NotReady => "not_ready",
            Self::Drift => "drift",
            Self::IngressClassMissing => "ingress_class_missing",
            Self::IngressNoAddress => "ingress_no_address",
        }
    }

    /// How long it must be seen without a break before it may fail a store: long enough for what mends itself.
    /// `Duration::MAX` is never: only the provisioning time, running out, fails such a store.
    pub fn grace(self) -> Duration {
        let seconds = match self {
            // Whoever was refused asks again, and succeeds once the webhook is back.
            Self::WebhookDown => return Duration::MAX,
            Self::SetupFailed | Self::ReleaseRefused | Self::ForeignObject | Self::CredentialsLost | Self::TimedOut => {
                0
            }
            Self::Drift | Self::NotReady => 2,
            Self::ContainerConfig | Self::IngressClassMissing | Self::IngressNoAddress => 15,
            Self::OutOfMemory | Self::PodsRefused | Self::VolumeFull => 30,
            // The kubelet's third try of a pull comes after half a minute.
            Self::ImagePull | Self::CrashLoop | Self::VolumeClaim => 60,
            Self::Unschedulable => 120,
            Self::ProbeFailing => 180,
        };
        Duration::from_secs(seconds)
    }

    /// Whether it is expected while the gates before its own are not met: then it only counts once they are, and from then
    /// on. A shop that waits for its database may crash, and passes no probe.
    pub fn waits_for_earlier_gates(self) -> bool {
        matches!(self, Self::CrashLoop | Self::ProbeFailing)
    }

    /// How many crashes must be seen before it may fail a store; a single one is no verdict.
    pub fn least_times(self) -> u32 {
        match self {
            Self::CrashLoop => 3,
            Self::OutOfMemory => 2,
            _ => 1,
        }
    }
}

impl std::fmt::Display for FailureCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A Kubernetes object, as people name it: `Pod database-0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObjectRef {
    /// Its kind, such as `Pod`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// The object of this kind and name.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// A failure with its culprit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// What kind of failure it is.
    pub code: FailureCode,
    /// What happened, in the user's words.
    pub message: String,
    /// The object that is to blame, where there is one.
    pub object: Option<ObjectRef>,
    /// What Kubernetes or Helm itself said, shortened.
    pub event: Option<String>,
    /// What to do about it.
    pub hint: String,
}

impl Failure {
    /// How much of a foreign message is kept.
    pub const EVENT_MAX: usize = 600;

    /// A failure without object or event.
    pub fn new(code: FailureCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), object: None, event: None, hint: hint.into() }
    }

    /// Names the culprit.
    #[must_use]
    pub fn blaming(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }

    /// Quotes what Kubernetes or Helm said: one line, at most [`EVENT_MAX`](Self::EVENT_MAX) characters.
    #[must_use]
    pub fn quoting(mut self, event: &str) -> Self {
        let line = event.split_whitespace().collect::<Vec<_>>().join(" ");
        self.event = (!line.is_empty()).then(|| line.chars().take(Self::EVENT_MAX).collect());
        self
    }

    /// The one-line form: message, culprit, what was said, what to do.
    pub fn reason(&self) -> String {
        let object = self.object.as_ref().map(|object| format!(" [{object}]")).unwrap_or_default();
        let event = self.event.as_ref().map(|event| format!(": {event}")).unwrap_or_default();
        format!("{}{event}{object}. {}", self.message, self.hint)
    }
}

/// What holds up a teardown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Blocker {
    /// What it is.
    pub message: String,
    /// The object that is to blame, where Kubernetes names it.
    #[serde(default)]
    pub object: Option<ObjectRef>,
    /// What to do about it.
    pub hint: String,
}
