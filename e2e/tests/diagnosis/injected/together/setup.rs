//! The setup job gives up, or is taken away; and what an earlier one said counts no more once there is another.

use std::time::Duration;

use e2e::{REST, SmallChart, Watch, until};
use reqwest::Method;

use crate::case::{SOON, Store};
use crate::expect::failure;
use crate::shown;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_setup_job_that_exceeds_its_backoff_limit_fails_the_store() {
    let mut case = case!(Fault);
    let store = case.store("gives-up", &SmallChart::new().setup("echo 'the catalogue is gone'; exit 3")).await;
    let jobs = Watch::start(&case.lab, &store.path("jobs"));
    let shown = jobs.until("the job fails", SOON, shown::job_failed).await;
    failure("setup_failed")
        .blaming("Job", &store.setup_job(1))
        .beginning("Setup job did not complete")
        .saying("the catalogue is gone")
        .of_failed(&store.failed().await);
    case.detected("setup_failed", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_setup_job_past_its_deadline_fails_the_store() {
    let mut case = case!(Fault);
    let deadline = serde_json::json!({ "spec": { "activeDeadlineSeconds": 10 } });
    let store = case.store("too-long", &SmallChart::new().setup(REST).object("setup", &deadline)).await;
    let jobs = Watch::start(&case.lab, &store.path("jobs"));
    let shown = jobs.until("the job fails", SOON, shown::job_failed).await;
    failure("setup_failed")
        .blaming("Job", &store.setup_job(1))
        .beginning("Setup job did not complete")
        .of_failed(&store.failed().await);
    case.detected("setup_failed", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_setup_job_that_is_removed_does_not_hang_the_store() {
    let mut case = case!(Fault);
    let store = case.store("removed", &SmallChart::new().verify(REST)).await;
    let jobs = Watch::start(&case.lab, &store.path("jobs"));
    let job = store.setup_job(1);
    store.shows("that only its storefront lacks", |store| store["step"] == "storefront").await;
    // As its `ttlSecondsAfterFinished` would.
    case.kubectl.run(&["delete", "job", &job, "-n", &store.namespace, "--wait=false"]);
    let shown = jobs.until("the job is gone", SOON, shown::deleted(&job)).await;
    failure("setup_failed")
        .blaming("Job", &job)
        .beginning("Setup job did not complete")
        .of_failed(&store.failed().await);
    case.detected("setup_failed", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn every_attempt_is_judged_by_its_own_setup_job() {
    let mut case = case!(Fault);
    let attempt = ".Values.platform.attempt";
    // The second attempt takes its time, so that the first one's evidence would be there to be mistaken for its own.
    let script = format!(
        "{{{{ if lt (int {attempt}) 3 }}}}sleep 5; echo 'trouble of attempt {{{{ {attempt} }}}}'; exit 1{{{{ else }}}}\
         exit 0{{{{ end }}}}"
    );
    let store = case.store("attempts", &SmallChart::new().setup(&script)).await;
    let jobs = Watch::start(&case.lab, &store.path("jobs"));
    for number in 1..3 {
        let shown = jobs.until("the job fails", SOON, failed_of(&store, number)).await;
        let failed = store.failed().await;
        assert_eq!(failed["attempt"], number, "{failed:#}");
        failure("setup_failed")
            .blaming("Job", &store.setup_job(number))
            .beginning("Setup job did not complete")
            .saying(&format!("trouble of attempt {number}"))
            .of_failed(&failed);
        case.detected("setup_failed", shown, store.told("failed", "").await);
        retry(&store).await;
    }
    assert_eq!(store.ready().await["attempt"], 3);
    case.ends_right();
}

fn failed_of(store: &Store, attempt: u32) -> impl Fn(&serde_json::Value) -> bool {
    let job = store.setup_job(attempt);
    move |event| event["object"]["metadata"]["name"] == job.as_str() && shown::job_failed(event)
}

/// Asks for another attempt and waits until it is under way.
async fn retry(store: &Store) {
    let (status, body) = store.api.call(Method::POST, &format!("/stores/{}/retry", store.id), None).await;
    assert_eq!(status, 202, "{body:#}");
    until("the next attempt is under way", Duration::from_secs(20), || async {
        let now = store.read().await["status"].clone();
        if now == "FAILED" { Err(now.to_string()) } else { Ok(()) }
    })
    .await;
}
