//! A customer in Chromium buys in the shop front that a Medusa store serves at its address.

use e2e::{Lab, Order, Server, own_name, run_script, see_order_in_admin, text};
use serde_json::json;

use crate::common::is_gone;

const CUSTOMER: &str = "test@example.com";

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn an_order_from_medusas_shop_front_is_in_its_admin() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let id = api.create(&own_name("shop-front")).await;
    let store = api.until_status(&id, "READY").await;

    let pictures = std::env::temp_dir().join("store-shop-front");
    std::fs::create_dir_all(&pictures).expect("a folder for the pictures");
    let input = json!({ "storeUrl": store["store_url"], "email": CUSTOMER, "screenshots": pictures });
    let bought = run_script(&lab, "shopfront-order.mjs", &input);
    assert_eq!(bought["email"], CUSTOMER, "{bought}");
    let order = Order {
        id: text(&bought["id"]),
        display_id: bought["display_id"].as_u64().expect("a number"),
        email: CUSTOMER.to_owned(),
        total: bought["total"].as_f64().expect("a total"),
    };
    assert!(order.total > 0.0, "{bought}");

    let customer = e2e::Customer::of(&lab, &store);
    let token = customer.log_in(&text(&store["admin_email"])).await;
    let known = customer.order_in_admin(&token, &order).await;
    assert_eq!(known["display_id"], order.display_id);
    let total = known["total"].as_f64().expect("a total");
    assert!((total - order.total).abs() < 0.005, "the customer was told {}, the admin {total}", order.total);
    let seen = see_order_in_admin(&lab, &store, &order);
    assert!(text(&seen["list"]).contains(&format!("#{}", order.display_id)), "{seen}");

    is_gone(&api, &lab.kubectl(), &store).await;
    assert!(server.terminate().await.success());
}
