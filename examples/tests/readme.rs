//! The README's table of settings is complete: what a reader does not find there does not exist for them.

use store_platform::configuration::SETTINGS;

#[test]
fn every_setting_is_in_the_readme() {
    let readme = include_str!("../../README.md");
    for setting in SETTINGS {
        assert!(readme.contains(&format!("`{}`", setting.variable)), "{} is not in README.md", setting.variable);
    }
}
