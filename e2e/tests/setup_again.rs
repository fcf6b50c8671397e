//! The setup job runs once more in a shop that its keeper has changed: the changes stay.

use std::time::Duration;

use e2e::{Customer, Kubectl, Lab, Server, own_name, text, until};
use serde_json::{Value, json};

/// The hash of the admin's password, as Medusa's own table has it.
const PASSWORD: &str = "provider_metadata->>'password' FROM provider_identity WHERE provider = 'emailpass'";
const NEW_TITLE: &str = "Renamed by the shopkeeper";

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_setup_job_that_runs_again_keeps_what_the_shopkeeper_changed() {
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
    let token = customer.log_in(&text(&store["admin_email"])).await;
    customer.rename_product(&token, &text(&before[0]["id"]), NEW_TITLE).await;
    // What the password was changed to is nobody's business; that it was is seen by its hash.
    let changed = "UPDATE provider_identity SET provider_metadata = jsonb_build_object('password', 'changed')";
    sql(&kubectl, &namespace, &format!("{changed} WHERE provider = 'emailpass'"));

    run_again(&kubectl, &namespace, &id, dir.path()).await;
    let after = customer.products().await;
    assert_eq!(after.len(), before.len(), "nothing was added or taken away");
    assert!(after.iter().any(|product| product["title"] == NEW_TITLE), "{after:#?}");
    assert_eq!(sql(&kubectl, &namespace, &format!("SELECT {PASSWORD}")), "changed");
    assert_eq!(api.store(&id).await["status"], "READY");

    api.delete(&id).await;
    api.until_status(&id, "DELETED").await;
    kubectl.until_nothing_is_left(&namespace).await;
    assert!(server.terminate().await.success());
}

fn sql(kubectl: &Kubectl, namespace: &str, statement: &str) -> String {
    let psql = format!("psql -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -tAqc \"{statement}\"");
    kubectl.run(&["exec", "-n", namespace, "database-0", "--", "sh", "-c", &psql]).trim().to_owned()
}

/// Runs a copy of the store's setup job to its end.
async fn run_again(kubectl: &Kubectl, namespace: &str, id: &str, dir: &std::path::Path) {
    let name = format!("{id}-setup-job");
    let job: Value = serde_json::from_str(&kubectl.run(&["get", "job", &name, "-n", namespace, "-o", "json"]))
        .expect("kubectl prints JSON");
    let mut spec = job["spec"].clone();
    spec["selector"].take();
    if let Some(labels) = spec["template"]["metadata"]["labels"].as_object_mut() {
        // Those that the job's own controller gave.
        labels.retain(|label, _| !label.contains("controller-uid") && !label.contains("job-name"));
    }
    let again = format!("{id}-setup-again");
    let copy = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": again }, "spec": spec });
    let file = dir.join("setup-again.json");
    std::fs::write(&file, copy.to_string()).expect("a file");
    kubectl.run(&["create", "-n", namespace, "-f", &file.display().to_string()]);
    until("the setup job runs again", Duration::from_mins(3), || async {
        let jobs = kubectl.list(&["jobs", "-n", namespace]);
        let status = jobs.iter().find(|job| job["metadata"]["name"] == again.as_str()).map(|job| job["status"].clone());
        let status = status.unwrap_or_default();
        assert_ne!(status["failed"], 1, "{status:#}");
        if status["succeeded"] == 1 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
}
