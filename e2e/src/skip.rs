//! Checks that cannot be made here: told to `cargo xtask test`, which lists them in its table with the reason.

use std::fs::OpenOptions;
use std::io::Write as _;

/// The reason of whatever needs the WooCommerce plugin where nobody gave one.
pub const NO_PLUGIN: &str = "plugin not supplied";

/// The file to which they are appended, one a line: what, a tab, why.
const FILE: &str = "STORE_TEST_SKIPS";

/// Says that one check of a test is not made, and why.
pub fn skip(what: &str, why: &str) {
    println!("skipped: {what}: {why}");
    let file = std::env::var(FILE).unwrap_or_else(|_| panic!("{FILE} is not set: `cargo xtask test` sets it"));
    let mut file = OpenOptions::new().create(true).append(true).open(file).expect("the list of skips can be written");
    // One write, so that tests beside each other do not mix their lines.
    file.write_all(format!("{what}\t{why}\n").as_bytes()).expect("the list of skips can be written");
}

/// Says that the whole test that calls this is not made, and why. It is not counted as passed.
pub fn skip_test(why: &str) {
    // The test harness names each test's thread after it.
    let thread = std::thread::current();
    skip(thread.name().expect("a test runs in a thread of its name"), why);
}
