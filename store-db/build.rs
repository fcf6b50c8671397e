//! Builds again when a migration is added: those inside the program are read when it is compiled.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
