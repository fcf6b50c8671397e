//! Reads what `cargo test` prints: how many tests passed, which failed, which were ignored and why.

use std::collections::BTreeMap;

/// A test that was not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ignored {
    /// The test binary and the test's path.
    pub(crate) name: String,
    pub(crate) why: String,
}

/// What has been read so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: Vec<String>,
    pub(crate) ignored: Vec<Ignored>,
    /// What passed or failed, by name.
    pub(crate) run: Vec<String>,
    target: String,
    open: bool,
    counted: usize,
}

impl Tally {
    /// Reads one line.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_start();
        if let Some(target) = line.strip_prefix("Running ").or_else(|| line.strip_prefix("Doc-tests ")) {
            self.begin(&target_name(target));
        } else if let Some(rest) = line.strip_prefix("test result: ") {
            self.end(rest);
        } else if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            self.test(name, outcome);
        }
    }

    /// A test binary starts: the one before must have told its result.
    pub(crate) fn begin(&mut self, target: &str) {
        self.close();
        target.clone_into(&mut self.target);
    }

    /// Nothing more comes; a binary that said nothing at its end crashed.
    pub(crate) fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.failed.push(format!("{}: ended without a result", self.target));
        }
    }

    /// How many test binaries told their result.
    pub(crate) fn results(&self) -> usize {
        self.counted
    }

    fn test(&mut self, name: &str, outcome: &str) {
        self.open = true;
        let name = format!("{} {}", self.target, name.split(" - should panic").next().unwrap_or(name));
        let outcome = outcome.trim();
        if outcome.starts_with("FAILED") {
            self.failed.push(name.clone());
            self.run.push(name);
        } else if let Some(why) = outcome.strip_prefix("ignored") {
            self.ignored.push(Ignored { name, why: why.trim_start_matches([',', ' ']).to_owned() });
        } else if outcome.starts_with("ok") {
            self.run.push(name);
        }
    }

    fn end(&mut self, result: &str) {
        let counts = counts(result);
        let count = |word: &str| counts.get(word).copied().unwrap_or_default();
        self.passed += count("passed");
        // Names can be lost in a test's own output; the counts cannot.
        let named = self.failed.iter().filter(|name| name.starts_with(&format!("{} ", self.target))).count();
        for _ in named..count("failed") {
            self.failed.push(format!("{} (a failed test, not named)", self.target));
        }
        self.open = false;
        self.counted += 1;
    }
}

/// `3 passed; 1 failed; …` as a map.
fn counts(result: &str) -> BTreeMap<&str, usize> {
    let after_verdict = result.split_once(". ").map_or(result, |(_, rest)| rest);
    let pairs = after_verdict.split(';').filter_map(|part| part.trim().split_once(' '));
    pairs.filter_map(|(count, word)| Some((word, count.parse().ok()?))).collect()
}

/// `unittests src/lib.rs (target/debug/deps/store_core-0123)` is `store_core src/lib.rs`.
fn target_name(text: &str) -> String {
    let Some((source, program)) = text.split_once(" (") else { return format!("{} docs", text.trim()) };
    let file = program.trim_end_matches(')').rsplit('/').next().unwrap_or_default();
    let krate = file.rsplit_once('-').map_or(file, |(name, _)| name);
    format!("{krate} {}", source.trim_start_matches("unittests "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Tally {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.line(line));
        tally.close();
        tally
    }

    #[test]
    fn counts_and_names_are_read() {
        let tally = read(
            "     Running unittests src/lib.rs (target/debug/deps/store_core-0123)\n\n\
             running 3 tests\n\
             test a::one ... ok\n\
             test a::two ... FAILED\n\
             test a::three ... ignored, needs the local cluster\n\n\
             test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
             \x20  Doc-tests store_core\n\
             test store-core/src/lib.rs - foo (line 3) ... ok\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n",
        );
        assert_eq!(tally.passed, 2);
        assert_eq!(tally.failed, ["store_core src/lib.rs a::two"]);
        let ignored = Ignored { name: "store_core src/lib.rs a::three".into(), why: "needs the local cluster".into() };
        assert_eq!(tally.ignored, [ignored]);
        assert_eq!(tally.results(), 2);
        assert_eq!(tally.run.len(), 3);
    }

    #[test]
    fn a_crashed_binary_is_a_failure() {
        let tally = read("Running tests/x.rs (t/deps/x-1)\ntest a ... ok\nRunning tests/y.rs (t/deps/y-1)\n");
        assert_eq!(tally.failed, ["x tests/x.rs: ended without a result"]);
    }

    #[test]
    fn a_failure_whose_name_was_lost_still_counts() {
        let tally =
            read("Running tests/x.rs (t/deps/x-1)\ntest result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured\n");
        assert_eq!(tally.failed.len(), 2);
    }
}
