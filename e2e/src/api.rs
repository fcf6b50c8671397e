//! The HTTP API as a client sees it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::until;

/// The admin password of the store that the tests create under this name: a canary, looked for everywhere it must not
/// be, in other stores too.
pub fn password(name: &str) -> String {
    format!("Canary-7f3a9c-{name}-Admin!")
}

/// How long a store may take on a busy machine.
const STORE_DEADLINE: Duration = Duration::from_mins(4);

/// A request for a Medusa store of this name.
pub fn request(name: &str) -> Value {
    request_of(name, "medusa")
}

/// A request for a store of this name and engine.
pub fn request_of(name: &str, engine: &str) -> Value {
    json!({
        "name": name,
        "engine": engine,
        "admin_username": "Shopkeeper",
        "admin_email": format!("owner@{name}.example"),
        "admin_password": password(name),
    })
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: Client,
}

/// Below the 30 s after which the server closes an idle connection: a test that waited for a browser must not send its
/// next request on one that is just being closed.
const IDLE_CONNECTIONS_FOR: Duration = Duration::from_secs(10);

impl Api {
    /// A client of the server at `base`.
    pub fn new(base: &str) -> Self {
        let client = Client::builder()
            .timeout(Duration::from_secs(20))
            .pool_idle_timeout(IDLE_CONNECTIONS_FOR)
            .no_proxy()
            .build()
            .expect("a client");
        Self { base: base.to_owned(), client }
    }

    /// The server's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether it answers at all.
    pub async fn is_live(&self) -> bool {
        matches!(self.send(Method::GET, "/livez", None).await, Ok(response) if response.status() == StatusCode::OK)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::Result<Response> {
        self.build(method, path, body).send().await
    }

    fn build(&self, method: Method, path: &str, body: Option<&Value>) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// Status and body of any request.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let response = self.send(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// `GET`, which must succeed.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "GET {path}: {body:#}");
        body
    }

    /// Asks for a store; it must be accepted. Returns its id.
    pub async fn create(&self, name: &str) -> String {
        self.create_of(name, "medusa").await
    }

    /// Asks for a store of this engine; it must be accepted. Returns its id.
    pub async fn create_of(&self, name: &str, engine: &str) -> String {
        self.ask(&request_of(name, engine)).await
    }

    /// Asks for a store; it must be accepted. Returns its id.
    pub async fn ask(&self, request: &Value) -> String {
        let (status, body) = self.call(Method::POST, "/stores", Some(request)).await;
        assert_eq!(status, 202, "POST /stores: {body:#}");
        body["id"].as_str().expect("an id").to_owned()
    }

    /// Asks for a store's deletion; it must be accepted.
    pub async fn delete(&self, id: &str) -> Value {
        let (status, body) = self.call(Method::DELETE, &format!("/stores/{id}"), None).await;
        assert_eq!(status, 202, "DELETE /stores/{id}: {body:#}");
        body
    }

    /// The store as it is.
    pub async fn store(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/stores/{id}")).await
    }

    /// Waits until the store has this status; FAILED ends the test unless it is waited for.
    pub async fn until_status(&self, id: &str, status: &str) -> Value {
        until(&format!("store {id} becomes {status}"), STORE_DEADLINE, || async {
            let store = self.store(id).await;
            let now = store["status"].as_str().unwrap_or_default().to_owned();
            assert!(now != "FAILED" || status == "FAILED", "store {id} failed: {}", store["failure_reason"]);
            if now == status { Ok(store) } else { Err(format!("{now}, step {}, {}", store["step"], store["parked"])) }
        })
        .await
    }

    /// Waits until the store's release is installed, and what it needs comes up.
    pub async fn until_installed(&self, id: &str) {
        let before = ["queued", "namespace", "credentials", "release"];
        until(&format!("the release of store {id} is installed"), Duration::from_mins(1), || async {
            let store = self.store(id).await;
            let is_before = before.iter().any(|step| store["step"] == *step);
            if is_before { Err(store["step"].to_string()) } else { Ok(()) }
        })
        .await;
    }

    /// Waits until a READY store has this condition.
    pub async fn until_condition(&self, id: &str, condition: &str) -> Value {
        until(&format!("store {id} is {condition}"), STORE_DEADLINE, || async {
            let store = self.store(id).await;
            if store["condition"] == condition { Ok(store) } else { Err(store["condition"].to_string()) }
        })
        .await
    }

    /// Follows `GET /events` from a position.
    pub async fn follow(&self, position: u64) -> Stream {
        let request = self.build(Method::GET, &format!("/events?position={position}"), None);
        Self::stream(request).await
    }

    /// Goes on following after the event with this id, as a browser does that lost its connection (`Last-Event-ID`).
    pub async fn resume(&self, last: u64) -> Stream {
        Self::stream(self.build(Method::GET, "/events", None).header("Last-Event-ID", last)).await
    }

    async fn stream(request: RequestBuilder) -> Stream {
        let response = request.timeout(STORE_DEADLINE).send().await.expect("the stream begins");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Stream { response, buffer: String::new() }
    }
}

/// Server-sent events (WHATWG HTML, section 9.2).
pub struct Stream {
    response: Response,
    buffer: String,
}

impl Stream {
    /// The data of the next event; `None` at the end of the stream. Messages without an id are no events.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let block = self.buffer.drain(..end + 2).collect::<String>();
                if !block.lines().any(|line| line.starts_with("id:")) {
                    continue;
                }
                let data: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                let event = serde_json::from_str(data.join("\n").trim());
                if let Ok(event) = event {
                    return Some(event);
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.buffer.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}
