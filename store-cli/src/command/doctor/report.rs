//! What the doctor found, line by line.

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    #[default]
    Ok,
    /// Stores may work, but somebody should look at it.
    Warn,
    /// Stores cannot work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    #[serde(rename = "check")]
    subject: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    verdict: Verdict,
    checks: Vec<Check>,
}

impl Report {
    /// It is as it should be.
    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Verdict::Ok, found.into(), None);
    }

    /// Somebody should look at it.
    pub(super) fn warn(&mut self, check: &'static str, found: impl Into<String>, mend: impl Into<String>) {
        self.add(check, Verdict::Warn, found.into(), Some(mend.into()));
    }

    /// Stores cannot work.
    pub(super) fn fail(&mut self, check: &'static str, found: impl Into<String>, mend: impl Into<String>) {
        self.add(check, Verdict::Fail, found.into(), Some(mend.into()));
    }

    /// Something that could not even be looked at; the error says why and, if it knows, what to do.
    #[cfg(feature = "embedded")]
    pub(super) fn broken(&mut self, check: &'static str, error: &dyn std::error::Error) {
        self.add(check, Verdict::Fail, Failure::of(error).message().to_owned(), None);
    }

    /// Whether stores cannot work.
    pub(super) fn is_bad(&self) -> bool {
        self.verdict == Verdict::Fail
    }

    /// Prints everything.
    pub(super) fn print(&self, output: Output) -> Result<(), Failure> {
        match output.format {
            Format::Json | Format::Yaml => output.value(self),
            Format::Name => Err(Failure::usage("a report has no name").hint("Use -o table, json or yaml.")),
            Format::Table | Format::Wide => output.text(&self.lines(output.colours)),
        }
    }

    fn add(&mut self, check: &'static str, verdict: Verdict, found: String, mend: Option<String>) {
        self.verdict = self.verdict.max(verdict);
        self.checks.push(Check { subject: check, verdict, found, mend });
    }

    fn lines(&self, colours: bool) -> String {
        let width = self.checks.iter().map(|check| check.subject.len()).max().unwrap_or_default();
        let margin = " ".repeat(6 + width + 2);
        let line = |check: &Check| {
            let verdict = paint(check.verdict, colours);
            let line = format!("{verdict}{:<width$}  {}\n", check.subject, below(&check.found, &margin));
            let mend = check.mend.as_ref().map(|mend| format!("{margin}-> {}\n", below(mend, &format!("{margin}   "))));
            line + &mend.unwrap_or_default()
        };
        self.checks.iter().map(line).collect()
    }
}

/// Text whose later lines begin below its first one.
fn below(text: &str, margin: &str) -> String {
    text::plain(text).replace('\n', &format!("\n{margin}"))
}

fn paint(verdict: Verdict, colours: bool) -> String {
    let (word, colour) = match verdict {
        Verdict::Ok => ("ok    ", AnsiColor::Green),
        Verdict::Warn => ("warn  ", AnsiColor::Yellow),
        Verdict::Fail => ("fail  ", AnsiColor::Red),
    };
    if !colours {
        return word.to_owned();
    }
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{word}{style:#}")
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn the_worst_line_is_the_verdict_and_mending_is_below_its_line() {
        let mut report = Report::default();
        report.ok("Helm", "v4.3.1");
        assert!(!report.is_bad());
        report.fail("database", "is not one", "correct it\nor move it");
        report.warn("images", "are not there", "import them");
        assert!(report.is_bad());
        let expected = "ok    Helm      v4.3.1\n\
                        fail  database  is not one\n                -> correct it\n                   or move it\n\
                        warn  images    are not there\n                -> import them\n";
        assert_eq!(report.lines(false), expected);
    }
}
