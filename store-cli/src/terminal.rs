//! The terminal: who is there, messages on standard error, and questions.

use std::io::{ErrorKind, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use secrecy::SecretString;

use crate::args::Global;
use crate::failure::{Exit, Failure};
use crate::text;

/// How long a question may take to hide what is typed.
const HIDING: Duration = Duration::from_millis(100);

/// What standard input, output and error are, and how the caller wants to be talked to.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the surroundings")]
pub(crate) struct Terminal {
    /// Whether somebody can be asked.
    pub(crate) asks: bool,
    /// Whether somebody reads standard output.
    pub(crate) shows_output: bool,
    /// Whether somebody reads standard error.
    pub(crate) shows_messages: bool,
    /// Whether standard output may have colours.
    pub(crate) colours_output: bool,
    colours_messages: bool,
    /// Whether only data and errors are wanted.
    pub(crate) quiet: bool,
    /// Whether logs go to standard error, so that nothing may be drawn there.
    pub(crate) logs: bool,
}

impl Terminal {
    /// Looks around.
    pub(crate) fn detect(global: &Global) -> Self {
        let shows_output = std::io::stdout().is_terminal();
        let shows_messages = std::io::stderr().is_terminal();
        Self {
            asks: !global.no_input && std::io::stdin().is_terminal() && shows_messages,
            shows_output,
            shows_messages,
            colours_output: wants_colours(shows_output),
            colours_messages: wants_colours(shows_messages),
            quiet: global.quiet,
            logs: wants_logs(global),
        }
    }

    /// One line on standard error, whatever happens.
    #[expect(clippy::unused_self, reason = "all that is said goes through the terminal")]
    pub(crate) fn line(self, line: &str) {
        // Nobody is left to be told that standard error is closed.
        let _ = writeln!(std::io::stderr(), "{}", text::plain(line));
    }

    /// One line on standard error, unless only data is wanted.
    pub(crate) fn say(self, line: &str) {
        if !self.quiet {
            self.line(line);
        }
    }

    /// What went wrong.
    pub(crate) fn error(self, message: &str) {
        self.marked("error:", AnsiColor::Red, message);
    }

    /// What may go wrong.
    pub(crate) fn warn(self, message: &str) {
        self.marked("warning:", AnsiColor::Yellow, message);
    }

    /// A yes-or-no question; anything but yes is no.
    pub(crate) async fn confirm(self, question: &str) -> Result<bool, Failure> {
        let _ = write!(std::io::stderr(), "{question} [y/N] ");
        let _ = std::io::stderr().flush();
        let read = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer).map(|_| answer)
        });
        let answer = tokio::select! {
            answer = read => answer,
            () = interrupted() => return Err(self.broken_off()),
        };
        let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a secret: what is typed is not shown. Ctrl-C ends the question, and leaves the terminal as it was.
    pub(crate) async fn secret(self, prompt: &'static str) -> Result<SecretString, Failure> {
        let settings = TerminalSettings::now();
        let mut typed = pin!(async { tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt)).await });
        tokio::select! {
            // Signals are heard before anything is hidden: one that nobody hears ends the program there and then.
            biased;
            () = interrupted() => {
                // The question may be about to hide what is typed: it gets a moment before that is undone.
                let _ = tokio::time::timeout(HIDING, typed).await;
                settings.restore();
                Err(self.broken_off())
            }
            typed = &mut typed => match typed {
                Ok(Ok(secret)) => Ok(secret.into()),
                // The question reads Ctrl-C itself, and sends the signal: which of the two is seen first is chance.
                Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => Err(self.broken_off()),
                Ok(Err(error)) => Err(Failure::new(format!("nothing can be asked: {error}"))),
                Err(_) => Err(Failure::new("nothing can be asked")),
            },
        }
    }

    fn broken_off(self) -> Failure {
        self.line("");
        Failure::silent(Exit::Interrupted)
    }

    fn marked(self, mark: &str, colour: AnsiColor, message: &str) {
        let style =
            if self.colours_messages { Style::new().bold().fg_color(Some(colour.into())) } else { Style::new() };
        let _ = writeln!(std::io::stderr(), "{style}{mark}{style:#} {}", text::plain(message));
    }
}

/// How the terminal of standard input is set. Whoever hides what is typed undoes it only when something was typed.
#[cfg(unix)]
struct TerminalSettings(Option<rustix::termios::Termios>);

#[cfg(unix)]
impl TerminalSettings {
    fn now() -> Self {
        Self(rustix::termios::tcgetattr(std::io::stdin()).ok())
    }

    fn restore(&self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(settings) = &self.0 {
            // A terminal that is gone needs nothing any more.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, settings);
        }
    }
}

#[cfg(not(unix))]
struct TerminalSettings;

#[cfg(not(unix))]
impl TerminalSettings {
    fn now() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the same signature everywhere")]
    fn restore(&self) {}
}

#[cfg(feature = "embedded")]
fn wants_logs(global: &Global) -> bool {
    global.verbose
}

#[cfg(not(feature = "embedded"))]
fn wants_logs(_: &Global) -> bool {
    false
}

/// `NO_COLOR` (<https://no-color.org>) wins over `FORCE_COLOR`, which wins over what the stream is.
fn wants_colours(is_terminal: bool) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("NO_COLOR") {
        return false;
    }
    if is_set("FORCE_COLOR") || is_set("CLICOLOR_FORCE") {
        return true;
    }
    is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Returns when the caller wants an end: Ctrl-C, or `SIGTERM` where there is one.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
