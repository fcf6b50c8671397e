//! The setup job runs twice more in a shop that its keeper has changed: not a row changes, and so the changes stay.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use e2e::{Customer, Kubectl, Lab, NO_PLUGIN, Server, Shopkeeper, own_name, password, skip, text, until};
use serde_json::{Value, json};

use crate::common::is_gone;

/// The hash of the admin's password, as Medusa's own table has it.
const PASSWORD: &str = "provider_metadata->>'password' FROM provider_identity WHERE provider = 'emailpass'";
const NEW_TITLE: &str = "Renamed by the shopkeeper";
const NEW_PRICE: u32 = 77;

/// All of Medusa's rows, one a line. Those of the workflow engine's own log come and go with the server's timetable.
const MEDUSA_ROWS: &str = "pg_dump -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" --data-only --rows-per-insert=1 --no-comments \
                           --exclude-table-data='public.workflow_execution'";
/// All of WordPress's rows, one a line.
const WORDPRESS_ROWS: &str = "MYSQL_PWD=\"$(cat /secrets/database-password)\" mariadb-dump --host=127.0.0.1 \
                              --user=wordpress --no-create-info --skip-extended-insert --skip-comments --no-tablespaces \
                              --hex-blob wordpress";
/// What WordPress and WooCommerce themselves write all the time: caches that expire, and their timetables.
const RESTLESS: [&str; 6] =
    ["'_transient_", "'_site_transient_", "'cron'", "actionscheduler_", "'session_tokens'", "wp_woocommerce_sessions"];

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_setup_job_that_runs_again_changes_nothing_in_a_medusa_store() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let id = api.create(&own_name("changed-shop")).await;
    let store = api.until_status(&id, "READY").await;
    let namespace = text(&store["namespace"]);

    let customer = Customer::of(&lab, &store);
    let before = customer.products().await;
    let product = text(&before[0]["id"]);
    let token = customer.log_in(&text(&store["admin_email"])).await;
    customer.rename_product(&token, &product, NEW_TITLE).await;
    customer.change_price(&token, &product, NEW_PRICE).await;
    // What the password was changed to is nobody's business; that it was is seen by its hash.
    let changed = "UPDATE provider_identity SET provider_metadata = jsonb_build_object('password', 'changed')";
    sql(&kubectl, &namespace, &format!("{changed} WHERE provider = 'emailpass'"));

    run_twice_more(&kubectl, &store, dir.path(), || rows(&kubectl, &namespace, MEDUSA_ROWS)).await;
    let after = customer.products().await;
    assert_eq!(after.len(), before.len(), "nothing was added or taken away");
    let renamed = after.iter().find(|product| product["title"] == NEW_TITLE);
    let renamed = renamed.unwrap_or_else(|| panic!("it lost its new title: {after:#?}"));
    assert_eq!(renamed["variants"][0]["calculated_price"]["calculated_amount"], NEW_PRICE, "{renamed:#}");
    assert_eq!(sql(&kubectl, &namespace, &format!("SELECT {PASSWORD}")), "changed");
    assert_eq!(api.store(&id).await["status"], "READY");
    is_gone(&api, &kubectl, &store).await;
    assert!(server.terminate().await.success());
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_setup_job_that_runs_again_changes_nothing_in_a_wordpress_store() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let changes = lab.both_engines();
    let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start(&lab, dir.path(), &changes).await;
    let api = server.api();
    let id = api.create_of(&own_name("changed-woo"), "woocommerce").await;
    let store = api.until_status(&id, "READY").await;
    let namespace = text(&store["namespace"]);

    let given = password(&text(&store["name"]));
    let keeper = Shopkeeper::log_in(&lab, &store, &given).await.expect("the request's password");
    keeper.post("/wp/v2/settings", &json!({ "title": NEW_TITLE })).await;
    let product = change_woocommerce_price(&lab, &keeper).await;
    let chosen = format!("{given}-but-another");
    keeper.change_password(&chosen).await;
    // Logging in leaves traces of its own; all of it happens before the first look.
    let keeper = Shopkeeper::log_in(&lab, &store, &chosen).await.expect("the new password");

    run_twice_more(&kubectl, &store, dir.path(), || rows(&kubectl, &namespace, WORDPRESS_ROWS)).await;
    assert_eq!(keeper.get("/wp/v2/settings").await["title"], NEW_TITLE);
    if let Some(product) = product {
        assert_eq!(keeper.get(&product).await["regular_price"], NEW_PRICE.to_string());
    }
    Shopkeeper::log_in(&lab, &store, &chosen).await.expect("the new password is still the one");
    Shopkeeper::log_in(&lab, &store, &given).await.expect_err("the first password is not valid again");
    assert_eq!(api.store(&id).await["status"], "READY");
    is_gone(&api, &kubectl, &store).await;
    assert!(server.terminate().await.success());
}

/// Gives a product another price, where there are products. Returns its path in the API.
async fn change_woocommerce_price(lab: &Lab, keeper: &Shopkeeper) -> Option<String> {
    if !lab.has_plugin() {
        skip("a WooCommerce price that the shopkeeper changed survives the setup job", NO_PLUGIN);
        return None;
    }
    let products = keeper.get("/wc/v3/products").await;
    let path = format!("/wc/v3/products/{}", products[0]["id"]);
    keeper.post(&path, &json!({ "regular_price": NEW_PRICE.to_string() })).await;
    Some(path)
}

/// Runs copies of the store's setup job, and compares all rows before and after each.
async fn run_twice_more(kubectl: &Kubectl, store: &Value, dir: &Path, rows: impl Fn() -> BTreeSet<String>) {
    let before = rows();
    assert!(before.len() > 50, "only {} rows: the dump shows nothing", before.len());
    for round in 2..=3 {
        run_again(kubectl, store, round, dir).await;
        let after = rows();
        let changed: Vec<&String> = before.symmetric_difference(&after).collect();
        assert!(changed.is_empty(), "run {round} changed rows: {changed:#?}");
    }
}

/// The rows that a dump inside the store's database pod writes, those left out that change by themselves.
fn rows(kubectl: &Kubectl, namespace: &str, dump: &str) -> BTreeSet<String> {
    let dump = kubectl.run(&["exec", "-n", namespace, "database-0", "--", "sh", "-c", dump]);
    let rows = dump.lines().filter(|line| line.starts_with("INSERT INTO"));
    rows.filter(|row| !RESTLESS.iter().any(|restless| row.contains(restless))).map(str::to_owned).collect()
}

fn sql(kubectl: &Kubectl, namespace: &str, statement: &str) -> String {
    let psql = format!("psql -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -tAqc \"{statement}\"");
    kubectl.run(&["exec", "-n", namespace, "database-0", "--", "sh", "-c", &psql]).trim().to_owned()
}

/// Runs a copy of the store's setup job to its end.
async fn run_again(kubectl: &Kubectl, store: &Value, round: u32, dir: &Path) {
    let (id, namespace) = (text(&store["id"]), text(&store["namespace"]));
    let name = format!("{id}-setup-job");
    let job: Value = serde_json::from_str(&kubectl.run(&["get", "job", &name, "-n", &namespace, "-o", "json"]))
        .expect("kubectl prints JSON");
    let mut spec = job["spec"].clone();
    spec["selector"].take();
    if let Some(labels) = spec["template"]["metadata"]["labels"].as_object_mut() {
        // Those that the job's own controller gave.
        labels.retain(|label, _| !label.contains("controller-uid") && !label.contains("job-name"));
    }
    let again = format!("{id}-setup-{round}");
    let copy = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": again }, "spec": spec });
    let file = dir.join(format!("{again}.json"));
    std::fs::write(&file, copy.to_string()).expect("a file");
    kubectl.run(&["create", "-n", &namespace, "-f", &file.display().to_string()]);
    until(&format!("the setup job's run {round} ends"), Duration::from_mins(3), || async {
        let jobs = kubectl.list(&["jobs", "-n", &namespace]);
        let status = jobs.iter().find(|job| job["metadata"]["name"] == again.as_str()).map(|job| job["status"].clone());
        let status = status.unwrap_or_default();
        assert!(status["failed"].as_u64().unwrap_or_default() == 0, "{status:#}");
        if status["succeeded"] == 1 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
}
