//! A customer and a shopkeeper of a Medusa store, over HTTP through the ingress, by the documented store and admin APIs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Lab, Site, password, text};

/// An order that was placed.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// The number that people see.
    pub display_id: u64,
    /// The customer's e-mail address.
    pub email: String,
    /// What was to be paid.
    pub total: f64,
}

/// Somebody who visits a store.
#[derive(Debug, Clone)]
pub struct Customer {
    site: Site,
    name: String,
    key: String,
}

impl Customer {
    /// A visitor of the store that this API answer describes.
    pub fn of(lab: &Lab, store: &Value) -> Self {
        Self {
            site: Site::of(lab, store),
            name: text(&store["name"]),
            key: store["details"]["publishable_api_key"].as_str().expect("a publishable API key").to_owned(),
        }
    }

    async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let mut request = self.site.request(method, path);
        request = match token {
            Some(token) => request.bearer_auth(token),
            None => request.header("x-publishable-api-key", &self.key),
        };
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None, None).await;
        assert_eq!(status, 200, "GET {path}: {body:#}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, None, Some(body)).await;
        assert_eq!(status, 200, "POST {path}: {answer:#}");
        answer
    }

    /// The storefront page, as text.
    pub async fn page(&self) -> String {
        self.site.page("/").await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The products, with their prices in the store's region.
    pub async fn products(&self) -> Vec<Value> {
        let region = self.region().await;
        let path = format!("/store/products?region_id={region}&fields=*variants.calculated_price");
        self.get(&path).await["products"].as_array().cloned().unwrap_or_default()
    }

    async fn region(&self) -> String {
        text(&self.get("/store/regions").await["regions"][0]["id"])
    }

    /// Buys one of the first product's first variant, with everything that Medusa asks for.
    pub async fn place_order(&self) -> Order {
        let region = self.get("/store/regions").await["regions"][0].clone();
        let country = text(&region["countries"][0]["iso_2"]);
        let product = self.products().await.first().cloned().expect("a product");
        let cart = self.post("/store/carts", json!({ "region_id": region["id"] })).await;
        let cart = format!("/store/carts/{}", text(&cart["cart"]["id"]));
        let item = json!({ "variant_id": product["variants"][0]["id"], "quantity": 1 });
        self.post(&format!("{cart}/line-items"), item).await;
        let email = "test@example.com";
        let address = json!({
            "first_name": "Test", "last_name": "User", "address_1": "123 Test St", "city": "Test City",
            "postal_code": "12345", "country_code": country, "phone": "1234567890",
        });
        self.post(&cart, json!({ "email": email, "shipping_address": address, "billing_address": address })).await;
        let cart_id = cart.trim_start_matches("/store/carts/");
        let options = self.get(&format!("/store/shipping-options?cart_id={cart_id}")).await;
        let option = json!({ "option_id": options["shipping_options"][0]["id"] });
        self.post(&format!("{cart}/shipping-methods"), option).await;
        let collection = self.post("/store/payment-collections", json!({ "cart_id": cart_id })).await;
        let collection = text(&collection["payment_collection"]["id"]);
        let provider = json!({ "provider_id": "pp_system_default" });
        self.post(&format!("/store/payment-collections/{collection}/payment-sessions"), provider).await;
        let done = self.post(&format!("{cart}/complete"), json!({})).await;
        assert_eq!(done["type"], "order", "{done:#}");
        let order = &done["order"];
        Order {
            id: text(&order["id"]),
            display_id: order["display_id"].as_u64().expect("a number"),
            email: email.to_owned(),
            total: order["total"].as_f64().expect("a total"),
        }
    }

    /// Logs the shopkeeper in and returns the token.
    pub async fn log_in(&self, email: &str) -> String {
        let body = json!({ "email": email, "password": password(&self.name) });
        let (status, answer) = self.call(Method::POST, "/auth/user/emailpass", None, Some(body)).await;
        assert_eq!(status, 200, "the login is refused: {answer:#}");
        text(&answer["token"])
    }

    /// Who the token belongs to.
    pub async fn me(&self, token: &str) -> Value {
        self.call(Method::GET, "/admin/users/me", Some(token), None).await.1["user"].clone()
    }

    /// Gives a product another title.
    pub async fn rename_product(&self, token: &str, product: &str, title: &str) {
        let change = json!({ "title": title });
        let (status, body) =
            self.call(Method::POST, &format!("/admin/products/{product}"), Some(token), Some(change)).await;
        assert_eq!(status, 200, "{body:#}");
    }

    /// Gives a product's first variant another price, in the currency of the price that it has.
    pub async fn change_price(&self, token: &str, product: &str, amount: u32) {
        let path = format!("/admin/products/{product}?fields=*variants,*variants.prices");
        let (status, body) = self.call(Method::GET, &path, Some(token), None).await;
        assert_eq!(status, 200, "{body:#}");
        let variant = &body["product"]["variants"][0];
        let currency = &variant["prices"][0]["currency_code"];
        let change = json!({ "prices": [{ "currency_code": currency, "amount": amount }] });
        let path = format!("/admin/products/{product}/variants/{}", text(&variant["id"]));
        let (status, body) = self.call(Method::POST, &path, Some(token), Some(change)).await;
        assert_eq!(status, 200, "{body:#}");
    }

    /// The order, as the admin API has it.
    pub async fn order_in_admin(&self, token: &str, order: &Order) -> Value {
        let (status, body) = self.call(Method::GET, &format!("/admin/orders/{}", order.id), Some(token), None).await;
        assert_eq!(status, 200, "{body:#}");
        body["order"].clone()
    }

    /// Uploads a picture and makes it the first product's thumbnail. Returns its path.
    pub async fn upload_picture(&self, token: &str, bytes: &[u8]) -> String {
        let boundary = "a-boundary-that-is-not-in-the-picture";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"new.png\"\r\n\
             Content-Type: image/png\r\n\r\n"
        )
        .into_bytes();
        body.extend(bytes);
        body.extend(format!("\r\n--{boundary}--\r\n").bytes());
        let request = self.site.request(Method::POST, "/admin/uploads");
        let request =
            request.bearer_auth(token).header("content-type", format!("multipart/form-data; boundary={boundary}"));
        let response = request.body(body).send().await.expect("the upload is answered");
        assert_eq!(response.status().as_u16(), 200);
        let answer: Value = response.json().await.expect("JSON");
        let url = text(&answer["files"][0]["url"]);
        let product = text(&self.products().await[0]["id"]);
        let change = json!({ "thumbnail": url });
        let (status, body) =
            self.call(Method::POST, &format!("/admin/products/{product}"), Some(token), Some(change)).await;
        assert_eq!(status, 200, "{body:#}");
        let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
        format!("/{}", path.unwrap_or_else(|| panic!("the picture's URL is {url}")))
    }

    /// The bytes at a path of the store.
    pub async fn download(&self, path: &str) -> Result<Vec<u8>, String> {
        self.site.download(path).await
    }
}
