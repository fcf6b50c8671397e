//! `docs/faults.md` names every fault once, and every test and kind of fault that it names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROWS: usize = 68;

#[test]
fn every_fault_is_there_and_everything_that_is_named_exists() {
    let catalogue = fs::read_to_string(root().join("docs/faults.md")).unwrap();
    let rows: Vec<Vec<&str>> = catalogue.lines().filter_map(row).collect();
    let numbers: Vec<usize> = rows.iter().map(|cells| cells[0].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>(), "each row once and in order");

    let sources = sources(&root());
    let contract = fs::read_to_string(root().join("store-core/src/testing/repository_contract.rs")).unwrap();
    let tests: BTreeSet<&str> = sources.iter().flat_map(|source| tests(source)).chain(checks(&contract)).collect();
    let faults = fs::read_to_string(root().join("store-core/src/testing/simulation/faults.rs")).unwrap();
    let faults = faults.split("pub enum Fault {").nth(1).unwrap().split('}').next().unwrap();
    for cells in rows {
        let (number, shown_by) = (cells[0], cells[2]);
        assert!(shown_by.contains('`') || shown_by.contains("not yet: "), "row {number} names nothing");
        let shown = shown_by.split("not yet: ").next().unwrap().trim_end_matches(". ");
        for layer in shown.split("; ").filter(|layer| !layer.is_empty()) {
            let Some((layer, names)) = layer.split_once(": ") else { panic!("row {number}: {layer:?} names no layer") };
            for name in names.split('`').skip(1).step_by(2) {
                let is_there = match layer {
                    "simulation" => faults.contains(&format!("\n    {name},")),
                    "adapter" | "real" => tests.contains(name) || (layer == "real" && name == "chaos"),
                    other => panic!("row {number}: {other:?} is no layer"),
                };
                assert!(is_there, "row {number}: there is no {name} in the layer {layer}");
            }
        }
    }
}

fn row(line: &str) -> Option<Vec<&str>> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    cells[0].parse::<usize>().is_ok().then_some(cells)
}

/// Names of functions that are marked as tests, whichever crate's mark it is.
fn tests(source: &str) -> Vec<&str> {
    let mut is_marked = false;
    let mut found = Vec::new();
    for line in source.lines().map(str::trim_start) {
        let mark = line.strip_prefix("#[").unwrap_or_default();
        is_marked |= ["test]", "rstest]", "tokio::test", "case"].iter().any(|test| mark.starts_with(test));
        if let Some((_, name)) = line.split_once("fn ").filter(|_| is_marked && !line.starts_with("//")) {
            found.push(name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default());
            is_marked = false;
        }
    }
    found
}

/// Names of the contract suite's checks, which its macro makes tests of.
fn checks(contract: &str) -> impl Iterator<Item = &str> {
    let list = contract.split("(@tests $attributes").next().unwrap_or_default();
    list.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// All Rust sources of the workspace.
fn sources(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory of the workspace").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_ours = !name.to_string_lossy().starts_with('.') && name != "target" && name != "node_modules";
        if path.is_dir() && is_ours {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).expect("a source"));
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).parent().expect("the workspace").to_owned()
}
