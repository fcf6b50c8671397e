//! A real browser: Chromium, driven by the scripts in `browser/`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{Lab, Order, password, text};

/// Logs in to the store's admin in Chromium with the request's e-mail and password, opens the orders and looks for
/// this one. Returns what the page says of it.
pub fn see_order_in_admin(lab: &Lab, store: &Value, order: &Order) -> Value {
    let input = json!({
        "adminUrl": store["admin_url"],
        "email": store["admin_email"],
        "password": password(&text(&store["name"])),
        "orderNumber": order.display_id,
        "customer": order.email,
        "screenshot": std::env::temp_dir().join("store-admin-order.png"),
    });
    run_script(lab, "admin-order.mjs", &input)
}

/// Runs one of the scripts in `browser/` with this input; it must end well. Returns what it printed.
pub fn run_script(lab: &Lab, script: &str, input: &Value) -> Value {
    run_script_in(&lab.browser_dir, script, input)
}

/// The same, with the scripts in this folder.
pub(crate) fn run_script_in(directory: &Path, script: &str, input: &Value) -> Value {
    // Passwords go through standard input: arguments are for everybody to see.
    let mut child = Command::new("node")
        .arg(script)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node runs");
    child.stdin.take().expect("its input").write_all(input.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} in the browser: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
}
