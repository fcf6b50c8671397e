//! The door to a server: `/api/v1` over HTTP.

mod address;
mod client;
mod problem;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store_core::lifecycle::{Event, Position};
use store_core::ports::LogRequest;
use store_core::service::{PodComponent, StoreDocument, StoreList, StoreRef};

use super::{Door, Filter, Hands, Lines, NewStore};
use crate::failure::Failure;
use crate::terminal::Terminal;
use client::{Call, Client};

/// How often somebody who waits looks: a server may be behind a proxy that holds streams back, so we ask.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A log that is followed ends after a while; the server says when, and we a little later.
const FOLLOWED_FOR: Duration = Duration::from_mins(61);
/// A log that is not followed is read within this time.
const LOG_WITHIN: Duration = Duration::from_secs(40);

/// A server.
pub(crate) struct Remote {
    client: Client,
}

#[derive(Serialize)]
struct CreateBody<'a> {
    name: &'a str,
    engine: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a str>,
    admin_username: &'a str,
    admin_email: &'a str,
    admin_password: &'a str,
}

#[derive(Serialize)]
struct RetryBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_password: Option<&'a str>,
}

#[derive(Serialize)]
struct PatchBody {
    protected: bool,
}

/// A page of a history.
#[derive(Deserialize)]
struct EventPage {
    events: Vec<Event>,
}

/// What a server is.
#[derive(Deserialize)]
struct Platform {
    simulated: bool,
}

/// Whom a server takes us for.
#[derive(Deserialize)]
pub(crate) struct Caller {
    /// The token's name; absent where the server asks for none.
    pub(crate) name: Option<String>,
    /// What it may do there.
    pub(crate) role: String,
}

impl Remote {
    /// The server at this address, to which this token is shown. Asks it nothing yet.
    pub(crate) fn with_token(server: &str, terminal: Terminal, token: Option<&SecretString>) -> Result<Self, Failure> {
        let address = address::parse(server)?;
        if address::sends_in_the_clear(&address) {
            let host = address.host_str().unwrap_or_default();
            let what = if token.is_some() { "passwords and your token travel" } else { "passwords travel" };
            terminal.warn(&format!("the connection to {host} is not encrypted (http): {what} in the clear"));
        }
        Ok(Self { client: Client::new(address, token)? })
    }

    /// The address of a server as it is kept and compared.
    pub(crate) fn normal_address(server: &str) -> Result<String, Failure> {
        let address = address::parse(server)?;
        if !address.username().is_empty() || address.password().is_some() {
            return Err(Failure::usage("an address with a user name or a password in it is not kept")
                .hint("Log in with a token instead: store login --server URL"));
        }
        Ok(address.as_str().trim_end_matches('/').to_owned())
    }

    /// Whom the server takes us for.
    pub(crate) async fn me(&self) -> Result<Caller, Failure> {
        self.client.send(Call::get(&["me"])).await
    }

    /// What a path outside the API answers, and with which status: for the doctor.
    pub(crate) async fn probe(&self, path: &str) -> Result<(StatusCode, serde_json::Value), Failure> {
        self.client.probe(path).await
    }

    async fn by_id(&self, id: &str) -> Result<Option<StoreDocument>, Failure> {
        self.client.send_if_found(Call::get(&["stores", id])).await
    }

    async fn by_name(&self, name: &str) -> Result<Option<StoreDocument>, Failure> {
        let list: StoreList = self.client.send(Call::get(&["stores"]).query("name", name)).await?;
        Ok(list.stores.into_iter().find(|store| store.name == name))
    }
}

#[async_trait]
impl Door for Remote {
    async fn create(&self, request: &NewStore) -> Result<StoreDocument, Failure> {
        let body = CreateBody {
            name: request.name.as_str(),
            engine: &request.engine,
            plan: request.plan.as_deref(),
            admin_username: request.admin_username.as_str(),
            admin_email: request.admin_email.as_str(),
            admin_password: request.admin_password.expose_secret(),
        };
        // With a key, a request whose answer got lost can be sent again without making a second store.
        let key = uuid::Uuid::new_v4().to_string();
        let call = Call::new(Method::POST, &["stores"]).json(&body)?.header("Idempotency-Key", &key).repeatable();
        self.client.send(call).await
    }

    async fn list(&self, filter: &Filter) -> Result<StoreList, Failure> {
        let mut call = Call::get(&["stores"]);
        for status in &filter.statuses {
            call = call.query("status", status.as_str());
        }
        if let Some(engine) = &filter.engine {
            call = call.query("engine", engine);
        }
        let mut list: StoreList = self.client.send(call.clone()).await?;
        while let Some(token) = list.next_page_token.take() {
            let page: StoreList = self.client.send(call.clone().query("page_token", &token)).await?;
            list.stores.extend(page.stores);
            list.next_page_token = page.next_page_token;
        }
        Ok(list)
    }

    async fn get(&self, which: &StoreRef) -> Result<StoreDocument, Failure> {
        let found = match which {
            StoreRef::Id(id) => self.by_id(id.as_str()).await?,
            StoreRef::Name(name) => self.by_name(name.as_str()).await?,
            StoreRef::Either(id, name) => match self.by_id(id.as_str()).await? {
                Some(store) => Some(store),
                None => self.by_name(name.as_str()).await?,
            },
        };
        found.ok_or_else(|| {
            Failure::new(format!("there is no store {which}"))
                .hint("One that was deleted is found by its id: store list --all -o wide")
        })
    }

    async fn delete(&self, id: &str) -> Result<StoreDocument, Failure> {
        self.client.send(Call::new(Method::DELETE, &["stores", id]).repeatable()).await
    }

    async fn retry(&self, id: &str, password: Option<SecretString>) -> Result<StoreDocument, Failure> {
        let body = RetryBody { admin_password: password.as_ref().map(ExposeSecret::expose_secret) };
        self.client.send(Call::new(Method::POST, &["stores", id, "retry"]).json(&body)?).await
    }

    async fn protect(&self, id: &str, protected: bool) -> Result<StoreDocument, Failure> {
        let call = Call::new(Method::PATCH, &["stores", id]).json(&PatchBody { protected })?.repeatable();
        self.client.send(call).await
    }

    async fn events(&self, id: &str, after: Position) -> Result<Vec<Event>, Failure> {
        let call = Call::get(&["stores", id, "events"]).query("after", &after.to_string());
        let page: EventPage = self.client.send(call).await?;
        Ok(page.events)
    }

    async fn logs(&self, id: &str, request: LogRequest) -> Result<Lines, Failure> {
        let (component, follow) = (PodComponent::from(request.component), request.follow);
        let call = Call::get(&["stores", id, "logs"])
            .query("component", component.as_str())
            .query("tail", &request.tail.to_string())
            .query("follow", &follow.to_string())
            .patient_for(if follow { FOLLOWED_FOR } else { LOG_WITHIN });
        self.client.lines(call).await
    }

    async fn is_simulated(&self) -> Result<bool, Failure> {
        let platform: Option<Platform> = self.client.send_if_found(Call::get(&["platform"])).await?;
        Ok(platform.is_some_and(|platform| platform.simulated))
    }

    async fn engage(&self, _id: &str) -> Result<Hands, Failure> {
        Ok(Hands::Others)
    }

    async fn next_look(&self) {
        tokio::time::sleep(LOOK_EVERY).await;
    }

    fn unattended(&self, _name: &str) -> String {
        "The server goes on with it.".to_owned()
    }

    async fn close(self: Box<Self>) {}
}
