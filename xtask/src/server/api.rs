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

    fn get(&self, path: &str) -> Result<Value> {
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
