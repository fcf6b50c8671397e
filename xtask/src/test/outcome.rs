//! What a part found, and the table at the end.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

/// Reasons are cut to this many characters in the table; the output above has them whole.
const LONGEST_REASON: usize = 160;

/// So many checks that were skipped for one reason are named each by itself.
const MOST_NAMED: usize = 12;

/// A check that could not be made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// What one part found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) passed: usize,
    pub(crate) failed: Vec<String>,
    pub(crate) skipped: Vec<Skip>,
    /// Figures for machines, printed at the very end of a run of this part.
    pub(crate) last_line: Option<String>,
}

impl Outcome {
    /// Everything is well; `count` checks were made.
    pub(crate) fn passed(count: usize) -> Self {
        Self { passed: count, ..Self::default() }
    }

    /// Nothing is well.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self { failed: vec![what.into()], ..Self::default() }
    }

    /// Counts one check: its error is told at once and kept.
    pub(crate) fn check(&mut self, what: &str, result: anyhow::Result<()>) {
        match result {
            Ok(()) => {
                println!("ok: {what}");
                self.passed += 1;
            }
            Err(error) => {
                println!("FAILED: {what}: {error:#}");
                self.failed.push(format!("{what}: {error:#}"));
            }
        }
    }

    /// Takes over what another one found.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
        self.last_line = other.last_line.or_else(|| self.last_line.take());
    }

    /// Counts one check that cannot be made here.
    pub(crate) fn skip(&mut self, what: &str, why: &str) {
        println!("skipped: {what}: {why}");
        self.skipped.push(Skip { what: what.to_owned(), why: why.to_owned() });
    }
}

/// A part that has ended.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) part: &'static str,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

/// Passed, failed and skipped of all parts together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Sum {
    /// Adds up the parts.
    pub(crate) fn of(rows: &[Row]) -> Self {
        let add = |count: fn(&Outcome) -> usize| rows.iter().map(|row| count(&row.outcome)).sum();
        Self { passed: add(|o| o.passed), failed: add(|o| o.failed.len()), skipped: add(|o| o.skipped.len()) }
    }
}

/// The table, with a line for each failure and for each reason why something was skipped.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<12}{:>8}{:>8}{:>8}{:>9}  why\n", "part", "minutes", "passed", "failed", "skipped");
    for Row { part, took, outcome } in rows {
        let minutes = took.as_secs_f64() / 60.0;
        let (failed, skipped) = (outcome.failed.len(), outcome.skipped.len());
        let mut notes = notes(outcome).into_iter();
        let first = notes.next().unwrap_or_default();
        let _ = writeln!(text, "{part:<12}{minutes:>8.1}{:>8}{failed:>8}{skipped:>9}  {first}", outcome.passed);
        for note in notes {
            let _ = writeln!(text, "{:<47}{note}", "");
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for skip in &outcome.skipped {
        by_reason.entry(&skip.why).or_default().push(&skip.what);
    }
    let failed = outcome.failed.iter().map(|what| shorten(&format!("failed: {what}")));
    let skipped = by_reason.into_iter().flat_map(|(why, whats)| match whats.as_slice() {
        few if few.len() <= MOST_NAMED => {
            few.iter().map(|what| shorten(&format!("skipped: {why}: {what}"))).collect::<Vec<_>>()
        }
        many => vec![shorten(&format!("skipped: {why}: {} tests", many.len()))],
    });
    failed.chain(skipped).collect()
}

fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST_REASON {
        return line;
    }
    line.chars().take(LONGEST_REASON - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_and_each_reason_has_its_line() {
        let skip = Skip { what: "advisories".into(), why: "no database".into() };
        let outcome = Outcome { passed: 3, failed: vec!["a".into(), "b".into()], skipped: vec![skip], last_line: None };
        let rows = [
            Row { part: "format", took: Duration::from_secs(30), outcome: Outcome::passed(1) },
            Row { part: "deny", took: Duration::from_secs(90), outcome },
        ];
        assert_eq!(Sum::of(&rows), Sum { passed: 4, failed: 2, skipped: 1 });
        let expected = "\
part         minutes  passed  failed  skipped  why
format           0.5       1       0        0
deny             1.5       3       2        1  failed: a
                                               failed: b
                                               skipped: no database: advisories
";
        assert_eq!(table(&rows), expected);
    }
}
