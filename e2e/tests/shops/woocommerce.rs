//! WooCommerce stores: WordPress with its shop plugin. Where nobody supplied the plugin, WordPress itself is brought up
//! for real, and each check that needs the plugin is reported as skipped.

use std::time::Duration;

use e2e::{
    Api, Kubectl, Lab, NO_PLUGIN, Server, Shopkeeper, Site, own_name, password, request_of, run_script, skip,
    skip_test, text, until,
};
use serde_json::{Value, json};

use crate::common::{PICTURE, follow_until_ready, is_gone, pods_come_back};

const GATES: [&str; 7] = ["namespace", "credentials", "release", "database", "application", "setup", "storefront"];
const CUSTOMER: &str = "test@example.com";

async fn start(lab: &Lab, dir: &std::path::Path) -> Server {
    let changes = lab.both_engines();
    let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::start(lab, dir, &changes).await
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_wordpress_store_beside_a_medusa_one_keeps_what_is_written_in_it_and_goes_without_a_trace() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(&lab, dir.path()).await;
    let api = server.api();
    let id = api.create_of(&own_name("word-press"), "woocommerce").await;
    let mut neighbour = request_of(&own_name("beside-it"), "medusa");
    neighbour["plan"] = json!("medium");
    let neighbour = api.ask(&neighbour).await;
    assert_eq!(follow_until_ready(&api, &id).await, GATES);
    let (store, neighbour) = (api.until_status(&id, "READY").await, api.until_status(&neighbour, "READY").await);
    for store in [&store, &neighbour] {
        is_under_pod_security(&kubectl, store);
        assert_eq!(kubectl.restarts(&text(&store["namespace"])), 0);
        has_the_sizes_of_its_plan(&lab, &kubectl, store);
    }
    answers_as_what_it_is(&lab, &store).await;

    let given = password(&text(&store["name"]));
    let keeper = Shopkeeper::log_in(&lab, &store, &given).await.expect("the request's user and password");
    let page = keeper.publish_page("Opening hours", "Open from nine to five, said the canary.").await;
    let picture = keeper.upload_picture("canary.png", PICTURE).await;
    let site = Site::of(&lab, &store);
    assert!(site.page(&page).await.expect("the page").contains("said the canary"));
    assert_eq!(site.download(&picture).await.expect("the picture"), PICTURE);

    pods_come_back(&api, &kubectl, &store).await;
    // The cluster's proxies learn a moment later than its API which pod is behind a Service.
    until("the store answers again", Duration::from_secs(20), || site.download("/")).await;
    assert!(site.page(&page).await.expect("the page is still there").contains("said the canary"));
    assert_eq!(site.download(&picture).await.expect("the picture is still there"), PICTURE);
    assert_eq!(api.store(&text(&neighbour["id"])).await["condition"], "healthy", "the neighbour noticed nothing");

    is_gone(&api, &kubectl, &store).await;
    is_gone(&api, &kubectl, &neighbour).await;
    assert!(server.terminate().await.success());
}

/// The API server refuses pods here that are not restricted, and has refused none.
fn is_under_pod_security(kubectl: &Kubectl, store: &Value) {
    let namespace = text(&store["namespace"]);
    let label = "jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
    assert_eq!(kubectl.run(&["get", "namespace", &namespace, "-o", label]), "restricted");
    for pod in kubectl.list(&["pods", "-n", &namespace]) {
        let spec = &pod["spec"];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{}", pod["metadata"]["name"]);
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{}", pod["metadata"]["name"]);
        assert_eq!(spec["automountServiceAccountToken"], false, "{}", pod["metadata"]["name"]);
        assert_ne!(spec["serviceAccountName"], "default", "{}", pod["metadata"]["name"]);
    }
}

/// What the chart says of the store's plan is what its pods got.
fn has_the_sizes_of_its_plan(lab: &Lab, kubectl: &Kubectl, store: &Value) {
    let namespace = text(&store["namespace"]);
    let output = std::process::Command::new(&lab.helm)
        .args(["get", "values", "--all", "-o", "json", "-n", &namespace, &namespace, "--kubeconfig"])
        .arg(&lab.kubeconfig)
        .output()
        .expect("helm runs");
    let values: Value = serde_json::from_slice(&output.stdout).expect("helm prints JSON");
    assert_eq!(values["platform"]["plan"], store["plan"], "{store:#}");
    let plan = &values["plans"][text(&store["plan"])];
    for component in ["database", "server"] {
        let expected = size_of(plan, &text(&store["engine"]), component);
        let selector = format!("app.kubernetes.io/component={component}");
        let pods = kubectl.list(&["pods", "-n", &namespace, "-l", &selector]);
        let container = &pods[0]["spec"]["containers"][0];
        for kind in ["requests", "limits"] {
            for what in ["cpu", "memory"] {
                assert_eq!(container["resources"][kind][what], expected[kind][what], "{component} {kind} {what}");
            }
        }
    }
    let quota = &kubectl.list(&["resourcequota", "-n", &namespace])[0];
    assert_eq!(quota["spec"]["hard"]["limits.memory"], plan["quota"]["limits.memory"]);
}

/// Sizes may be of one engine only.
fn size_of<'a>(plan: &'a Value, engine: &str, component: &str) -> &'a Value {
    match &plan[engine][component] {
        Value::Null => &plan[component],
        size => size,
    }
}

/// The front page, and what the store tells of its plugin.
async fn answers_as_what_it_is(lab: &Lab, store: &Value) {
    let page = Site::of(lab, store).page("/").await.expect("the front page");
    assert!(page.contains("wp-content"), "{page:.300}");
    let details = &store["details"];
    assert!(details["wordpress"].is_string(), "{details}");
    if lab.has_plugin() {
        assert!(details["woocommerce"].is_string(), "{details}");
        assert!(page.contains("Oak Desk Lamp"), "no sample product is on the front page");
    } else {
        assert_eq!(details["plugin"], "not supplied", "{details}");
        skip("the sample products are on a WooCommerce store's front page", NO_PLUGIN);
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_woocommerce_store_whose_image_lacks_the_plugin_fails_and_says_so() {
    let lab = Lab::open();
    if lab.has_plugin() {
        return skip_test("the image has the plugin");
    }
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    // As every user's server: nothing says that the store shall do without.
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let id = api.create_of(&own_name("no-plugin"), "woocommerce").await;
    let failed = api.until_status(&id, "FAILED").await;
    assert_eq!(failed["failure"]["code"], "setup_failed", "{failed:#}");
    let reason = text(&failed["failure_reason"]);
    assert!(reason.contains("Setup job did not complete"), "{reason}");
    assert!(reason.contains("The WooCommerce plugin is not in this image"), "{reason}");
    api.delete(&id).await;
    api.until_status(&id, "DELETED").await;
    kubectl.until_nothing_is_left(&text(&failed["namespace"])).await;
    assert!(server.terminate().await.success());
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_customer_orders_in_woocommerce_and_the_shopkeeper_sees_it_processing() {
    let lab = Lab::open();
    if !lab.has_plugin() {
        return skip_test(NO_PLUGIN);
    }
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let server = start(&lab, dir.path()).await;
    let api = server.api();
    let id = api.create_of(&own_name("woo-order"), "woocommerce").await;
    let store = api.until_status(&id, "READY").await;
    let order = order_in_shop(&lab, &store);
    is_processing(&lab, &store, &order);
    pods_come_back(&api, &kubectl, &store).await;
    let site = Site::of(&lab, &store);
    until("the store answers again", Duration::from_secs(20), || site.download("/")).await;
    is_processing(&lab, &store, &order);
    is_listed(&api, &store).await;
    is_gone(&api, &kubectl, &store).await;
    assert!(server.terminate().await.success());
}

/// Browses, fills the cart, and pays on delivery, with no more in the form than a customer is asked for.
fn order_in_shop(lab: &Lab, store: &Value) -> Value {
    let input = json!({
        "walk": "order",
        "storeUrl": store["store_url"],
        "billing": {
            "first_name": "Test", "last_name": "User", "email": CUSTOMER, "phone": "1234567890",
            "address_1": "123 Test St", "city": "Test City", "postcode": "12345",
        },
        "screenshot": std::env::temp_dir().join("store-woocommerce-order.png"),
    });
    let order = run_script(lab, "woocommerce-order.mjs", &input);
    assert!(order["number"].as_str().is_some_and(|number| !number.is_empty()), "{order}");
    order
}

/// Logs in to wp-admin with the request's user and password, and looks for the order.
fn is_processing(lab: &Lab, store: &Value, order: &Value) {
    let input = json!({
        "walk": "admin",
        "adminUrl": store["admin_url"],
        "username": store["admin_username"],
        "password": password(&text(&store["name"])),
        "number": order["number"],
        "screenshot": std::env::temp_dir().join("store-woocommerce-admin.png"),
    });
    let seen = run_script(lab, "woocommerce-order.mjs", &input);
    assert_eq!(seen["status"], "Processing", "{seen}");
}

/// The store is still what the list says.
async fn is_listed(api: &Api, store: &Value) {
    let list = api.get("/stores").await;
    let found = list["stores"].as_array().and_then(|stores| stores.iter().find(|found| found["id"] == store["id"]));
    assert_eq!(found.map(|found| found["status"].clone()), Some(json!("READY")), "{list:#}");
}
