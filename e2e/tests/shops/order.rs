//! From one request to a placed order, and back to nothing; two stores side by side that know nothing of each other.

use std::time::{Duration, Instant};

use e2e::{
    Api, ArgumentWatch, Canaries, Customer, Kubectl, Lab, Server, own_name, password, sealed_passwords,
    see_order_in_admin, text, until,
};
use serde_json::Value;

use crate::common::{PICTURE, follow_until_ready, pods_come_back};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn an_order_is_placed_in_a_store_that_was_asked_for_and_survives_its_pods() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let watch = ArgumentWatch::start(server.pid());

    // Two at once; the answer does not wait for the cluster.
    let began = Instant::now();
    let name = own_name("first-shop");
    let first = api.create(&name).await;
    let answered = began.elapsed();
    assert!(answered < Duration::from_secs(1), "the answer took {answered:?}");
    let second = api.create(&own_name("second-shop")).await;
    let gates = follow_until_ready(&api, &first).await;
    assert_eq!(gates, ["namespace", "credentials", "release", "database", "setup", "application", "storefront"]);
    println!("post_to_ready_ms={} (two at once)", began.elapsed().as_millis());
    let first = api.until_status(&first, "READY").await;
    let second = api.until_status(&second, "READY").await;
    assert_eq!(sealed_passwords(dir.path()), 0, "both Secrets exist");
    for store in [&first, &second] {
        assert_eq!(kubectl.restarts(&text(&store["namespace"])), 0);
    }

    let customer = Customer::of(&lab, &first);
    let page = customer.page().await;
    let products = customer.products().await;
    assert!(products.len() >= 3, "{} products", products.len());
    for product in &products {
        let title = text(&product["title"]);
        assert!(page.contains(&title), "the storefront does not show {title}");
    }
    let order = customer.place_order().await;
    assert!(order.total > 0.0);
    let seen = see_order_in_admin(&lab, &first, &order);
    assert!(text(&seen["list"]).contains(&format!("#{}", order.display_id)), "{seen}");

    let token = customer.log_in(&text(&first["admin_email"])).await;
    assert_eq!(customer.me(&token).await["first_name"], first["admin_username"]);
    let picture = customer.upload_picture(&token, PICTURE).await;
    assert_eq!(customer.download(&picture).await.expect("the picture"), PICTURE);

    let secrets = both_secrets(&kubectl, &first, &second);
    pods_come_back(&api, &kubectl, &first).await;
    // The cluster's proxies learn a moment later than its API which pod is behind a Service.
    until("the store answers again", Duration::from_secs(20), || customer.download("/health")).await;
    let kept = customer.order_in_admin(&token, &order).await;
    assert_eq!(kept["display_id"], order.display_id);
    assert_eq!(customer.download(&picture).await.expect("the picture is still there"), PICTURE);

    no_secret_of_one_is_in_the_other(&kubectl, &first, &second, &secrets);
    let arguments = watch.stop();
    assert!(arguments.iter().any(|line| line.contains("helm")), "the watch saw no Helm: it watched nothing");
    let marked = arguments.iter().any(|line| line.contains("STORE_PLATFORM_ACTION="));
    assert!(marked, "the watch saw no environment of Helm");
    let mut canaries = all_canaries(&secrets);
    canaries.add_keys(&dir.path().join("stores.db.credentials-key"));
    canaries.assert_absent(
        "a process's arguments, or the environment of the server or of what it starts",
        join(&arguments).as_bytes(),
    );
    nothing_leaks(&lab, &api, &kubectl, &[&first, &second], &canaries).await;
    canaries.assert_absent_below(dir.path());
    canaries.assert_absent("the server's output", server.output().as_bytes());

    both_are_gone(&api, &kubectl, &[&first, &second]).await;
    canaries.assert_absent_below(dir.path());
    let again = api.create(&name).await;
    assert_ne!(again, text(&first["id"]));
    api.delete(&again).await;
    let again = api.until_status(&again, "DELETED").await;
    kubectl.until_nothing_is_left(&text(&again["namespace"])).await;
    assert!(server.terminate().await.success());
}

type Secrets = Vec<(String, String)>;

fn both_secrets(kubectl: &Kubectl, first: &Value, second: &Value) -> [Secrets; 2] {
    [first, second].map(|store| {
        let all = kubectl.secrets(&text(&store["namespace"]), &text(&store["credentials_secret"]));
        assert!(all.iter().any(|(key, value)| key == "admin-password" && *value == password(&text(&store["name"]))));
        all.into_iter()
            .filter(|(key, _)| !matches!(key.as_str(), "admin-username" | "admin-email"))
            .map(|(key, value)| (format!("{key} of {}", store["name"]), value))
            .collect()
    })
}

fn all_canaries(secrets: &[Secrets; 2]) -> Canaries {
    let canaries = Canaries::new(secrets.iter().flatten().cloned());
    assert!(canaries.len() >= 8, "only {} canaries", canaries.len());
    canaries
}

fn no_secret_of_one_is_in_the_other(kubectl: &Kubectl, first: &Value, second: &Value, secrets: &[Secrets; 2]) {
    for (store, foreign) in [(first, &secrets[1]), (second, &secrets[0])] {
        let canaries = Canaries::new(foreign.iter().cloned());
        assert!(!canaries.is_empty());
        let namespace = text(&store["namespace"]);
        let kinds =
            "secrets,configmaps,pods,jobs,deployments,statefulsets,services,ingresses,events,persistentvolumeclaims";
        let objects = kubectl.run(&["get", kinds, "-n", &namespace, "-o", "yaml"]);
        canaries.assert_absent(&namespace, objects.as_bytes());
        canaries.assert_absent(&format!("a Secret of {namespace}"), &kubectl.all_secrets(&namespace));
    }
    assert_ne!(first["details"]["publishable_api_key"], second["details"]["publishable_api_key"]);
}

/// Looks through everything that is kept or shown, the store's own Secret apart.
async fn nothing_leaks(lab: &Lab, api: &Api, kubectl: &Kubectl, stores: &[&Value], canaries: &Canaries) {
    for path in ["/stores", "/api/v1/stores?status=READY", "/health", "/readyz"] {
        canaries.assert_absent(path, api.get(path).await.to_string().as_bytes());
    }
    for store in stores {
        let (id, namespace) = (text(&store["id"]), text(&store["namespace"]));
        for path in [format!("/stores/{id}"), format!("/stores/{id}/events")] {
            canaries.assert_absent(&path, api.get(&path).await.to_string().as_bytes());
        }
        let kinds = "configmaps,pods,jobs,deployments,statefulsets,services,ingresses,events";
        canaries.assert_absent("the objects", kubectl.run(&["get", kinds, "-n", &namespace, "-o", "yaml"]).as_bytes());
        let record = kubectl.release_record(&namespace);
        canaries.assert_absent("the release record", &record);
        for what in ["values", "manifest", "notes", "hooks"] {
            let output = std::process::Command::new(&lab.helm)
                .args(["get", what, &namespace, "-n", &namespace, "--kubeconfig"])
                .arg(&lab.admin_kubeconfig)
                .output()
                .expect("helm runs");
            assert!(output.status.success(), "helm get {what}: {}", String::from_utf8_lossy(&output.stderr));
            canaries.assert_absent(&format!("helm get {what}"), &output.stdout);
        }
    }
}

async fn both_are_gone(api: &Api, kubectl: &Kubectl, stores: &[&Value]) {
    for store in stores {
        let answer = api.delete(&text(&store["id"])).await;
        assert_eq!(answer["status"], "DELETING");
    }
    for store in stores {
        let gone = api.until_status(&text(&store["id"]), "DELETED").await;
        kubectl.until_nothing_is_left(&text(&store["namespace"])).await;
        assert!(gone["teardown"]["namespace_uid"].is_string(), "{gone:#}");
        assert_eq!(gone["teardown"]["volumes"].as_array().map(Vec::len), Some(2), "{gone:#}");
    }
    until("no store is listed", Duration::from_secs(5), || async {
        let list = api.get("/stores").await;
        if list["stores"] == Value::Array(Vec::new()) { Ok(()) } else { Err(list.to_string()) }
    })
    .await;
}

fn join(lines: &std::collections::BTreeSet<String>) -> String {
    lines.iter().cloned().collect::<Vec<_>>().join("\n")
}
