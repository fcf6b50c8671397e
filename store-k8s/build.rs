//! Compiles the crate again when a file of the embedded chart is added or removed.

fn main() {
    println!("cargo::rerun-if-changed=../charts/store");
}
