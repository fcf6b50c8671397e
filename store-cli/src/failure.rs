//! Why a command ends without success: what is said on standard error, and the exit code.

use std::process::ExitCode;

use store_core::service::FieldError;

use crate::terminal::Terminal;

/// The documented exit codes beside 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It did not work.
    Failure = 1,
    /// It was called in a way that cannot work.
    Usage = 2,
    /// The server wants to know who asks, or does not let them.
    Authentication = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    fields: Vec<FieldError>,
    hints: Vec<String>,
    exit: Exit,
    transient: bool,
    silent: bool,
}

impl Failure {
    /// Something did not work.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            fields: Vec::new(),
            hints: Vec::new(),
            exit: Exit::Failure,
            transient: false,
            silent: false,
        }
    }

    /// An error with its causes.
    #[cfg(feature = "embedded")]
    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors name their cause themselves.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self::new(message)
    }

    /// The command line asks for something that cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(message).exiting(Exit::Usage)
    }

    /// Everything is said already; only the exit code is left.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self { silent: true, ..Self::new("").exiting(exit) }
    }

    /// Ends with this code.
    #[must_use]
    pub(crate) fn exiting(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Lists what is wrong with the fields of a request.
    #[must_use]
    pub(crate) fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }

    /// The same call may succeed later, so one who waits goes on waiting.
    #[must_use]
    pub(crate) fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Whether the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        self.transient
    }

    /// What happened, in one line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }

    /// Tells the person at the terminal.
    pub(crate) fn report(&self, terminal: Terminal) {
        if self.silent {
            return;
        }
        terminal.error(&self.message);
        for FieldError { field, message } in &self.fields {
            terminal.line(&format!("  {field}: {message}"));
        }
        for hint in &self.hints {
            terminal.line(hint);
        }
    }
}
