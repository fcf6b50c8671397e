//! What test programs could not check here: they append it to a file, one a line, and the table lists it. A whole test
//! that says so of itself has passed for its harness, but for nobody else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{outcome::Skip, tally::Tally};
use crate::paths;

/// How the test programs learn of the file.
pub(crate) const VARIABLE: &str = "STORE_TEST_SKIPS";

/// The file of one run of test programs.
#[derive(Debug)]
pub(crate) struct Skips(PathBuf);

impl Skips {
    /// Nothing is skipped yet.
    pub(crate) fn begin() -> Result<Self> {
        let directory = paths::cache()?;
        fs::create_dir_all(&directory)?;
        let file = directory.join(format!("test-skips-{}", std::process::id()));
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("an old list of skips is left"),
            _ => Ok(Self(file)),
        }
    }

    /// Where it is.
    pub(crate) fn file(&self) -> &Path {
        &self.0
    }

    /// What was told; whole tests no longer count as passed.
    pub(crate) fn end(self, tally: &mut Tally) -> Result<Vec<Skip>> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).context("the list of skips cannot be read"),
        };
        fs::remove_file(&self.0)?;
        Ok(applied(&text, tally))
    }
}

fn applied(text: &str, tally: &mut Tally) -> Vec<Skip> {
    let mut skips = Vec::new();
    for line in text.lines() {
        let (what, why) = line.split_once('\t').unwrap_or((line, "no reason was given"));
        if tally.run.iter().any(|name| name.rsplit(' ').next() == Some(what)) {
            tally.passed = tally.passed.saturating_sub(1);
        }
        skips.push(Skip { what: what.to_owned(), why: why.to_owned() });
    }
    skips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_has_not_passed_and_a_skipped_check_is_listed_beside_its_test() {
        let mut tally = Tally::default();
        for line in ["test shops::whole ... ok", "test shops::part ... ok", "test result: ok. 2 passed; 0 failed"] {
            tally.line(line);
        }
        let skips = applied("shops::whole\tno plugin\nthe picture is seen\tno plugin\n", &mut tally);
        assert_eq!(tally.passed, 1);
        let whats: Vec<&str> = skips.iter().map(|skip| skip.what.as_str()).collect();
        assert_eq!(whats, ["shops::whole", "the picture is seen"]);
        assert!(skips.iter().all(|skip| skip.why == "no plugin"));
    }
}
