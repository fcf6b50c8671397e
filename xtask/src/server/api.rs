//! The little of the HTTP API that commands here use.

use std::{
    io::Read,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::{Agent, Body, http::Response};

const TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(500);

/// A request whose answer the caller judges.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Method<'a> {
    /// With a key under which it counts once.
    Create {
        body: &'a Value,
        key: &'a str,
    },
    Delete {
        id: &'a str,
    },
    Retry {
        id: &'a str,
    },
}

/// One server's API.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    agent: Agent,
    base: String,
}

impl Api {
    /// The API of the server on this port.
    pub(crate) fn new(port: u16) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).proxy(None);
        Self { agent: config.build().into(), base: format!("http://127.0.0.1:{port}") }
    }

    /// Its address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Whether it can work.
    pub(crate) fn is_ready(&self) -> bool {
        self.agent.get(format!("{}/readyz", self.base)).call().is_ok_and(|answer| answer.status().is_success())
    }

    /// What it says about itself and the cluster.
    pub(crate) fn readiness(&self) -> Result<Value> {
        let mut answer = self.agent.get(format!("{}/readyz", self.base)).call()?;
        Ok(answer.body_mut().read_json()?)
    }

    /// All stores that are not deleted.
    pub(crate) fn stores(&self) -> Result<Vec<Value>> {
        let list = self.get("/api/v1/stores")?;
        list["stores"].as_array().cloned().context("the API's answer has no stores")
    }

    /// One store.
    pub(crate) fn store(&self, id: &str) -> Result<Value> {
        self.get(&format!("/api/v1/stores/{id}"))
    }

    /// Asks for a store.
    pub(crate) fn create(&self, request: &Value) -> Result<Value> {
        read(self.agent.post(format!("{}/api/v1/stores", self.base)).send_json(request)?)
    }

    /// Asks for a store's end.
    pub(crate) fn delete(&self, id: &str) -> Result<Value> {
        read(self.agent.delete(format!("{}/api/v1/stores/{id}", self.base)).call()?)
    }

    /// Status and body of the answer to a request; an error where none came.
    pub(crate) fn call(&self, method: Method<'_>) -> Result<(u16, Value)> {
        let stores = format!("{}/api/v1/stores", self.base);
        let mut answer = match method {
            Method::Create { body, key } => self.agent.post(stores).header("Idempotency-Key", key).send_json(body)?,
            Method::Delete { id } => self.agent.delete(format!("{stores}/{id}")).call()?,
            Method::Retry { id } => self.agent.post(format!("{stores}/{id}/retry")).send_empty()?,
        };
        Ok((answer.status().as_u16(), answer.body_mut().read_json()?))
    }

    /// A store's history, oldest first.
    pub(crate) fn history(&self, id: &str) -> Result<Vec<Value>> {
        let history = self.get(&format!("/api/v1/stores/{id}/events"))?;
        history["events"].as_array().cloned().context("the API's answer has no events")
    }

    /// Waits until there is no store.
    pub(crate) fn wait_until_empty(&self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let left = self.stores()?;
            let Some(first) = left.first() else { return Ok(()) };
            if Instant::now() >= deadline {
                let blocker = first["blocker"]["message"].as_str().unwrap_or("no blocker is named");
                let name = first["name"].as_str().unwrap_or("?");
                bail!("{} stores are not gone after {} s; {name}: {blocker}", left.len(), limit.as_secs());
            }
            thread::sleep(POLL);
        }
    }

    /// The stream of what happens from now on.
    pub(crate) fn events(&self) -> Result<Box<dyn Read>> {
        let config = Agent::config_builder().timeout_connect(Some(TIMEOUT)).proxy(None);
        let agent: Agent = config.build().into();
        let answer = agent.get(format!("{}/api/v1/events", self.base)).call()?;
        Ok(Box::new(answer.into_body().into_reader()))
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        read(self.agent.get(format!("{}{path}", self.base)).call()?)
    }
}

fn read(mut answer: Response<Body>) -> Result<Value> {
    let status = answer.status();
    let body: Value = answer.body_mut().read_json().context("the API's answer is not JSON")?;
    if !status.is_success() {
        bail!("the API answered {status}: {}", body["detail"].as_str().unwrap_or_default());
    }
    Ok(body)
}
