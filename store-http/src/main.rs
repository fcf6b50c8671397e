//! The server of the store provisioning platform. What it does is in `store_http::run`.

use std::process::ExitCode;

fn main() -> ExitCode {
    store_http::run::main(std::env::args_os(), std::env::vars_os().collect())
}
