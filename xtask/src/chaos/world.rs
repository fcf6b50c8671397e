//! What was asked of the server, store by store, and what its own answers say of it after a round.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::check::{Finding, judge_history};
use crate::server::api::{Api, Method};

/// A store that was asked for.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) name: String,
    pub(super) id: String,
    /// How often it was asked to be brought up.
    pub(super) attempt: u64,
    pub(super) wanted: Wanted,
    history: Vec<Value>,
}

/// What became of a store when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Ready,
    Deleted,
}

impl Wanted {
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Deleted => "DELETED",
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct World {
    shops: Vec<Shop>,
    /// A name that was used and is free again.
    free_name: Option<String>,
    asked: u32,
}

impl World {
    /// A wish for a store under a name that nobody had.
    pub(super) fn create(&mut self) -> Request {
        let name = format!("chaos-{}", self.asked + 1);
        self.create_named(name)
    }

    /// A wish for a store under the name of one that was deleted.
    pub(super) fn create_again(&mut self) -> Result<Request> {
        let name = self.free_name.take().context("no name is free again")?;
        Ok(self.create_named(name))
    }

    fn create_named(&mut self, name: String) -> Request {
        self.asked += 1;
        Request::Create { name, key: format!("chaos-{}", self.asked) }
    }

    /// A store was accepted.
    pub(super) fn add(&mut self, name: String, id: String) {
        self.shops.push(Shop { name, id, attempt: 1, wanted: Wanted::Ready, history: Vec::new() });
    }

    /// The store that was accepted last.
    pub(super) fn last(&mut self) -> Result<&mut Shop> {
        self.shops.last_mut().context("no store was asked for")
    }

    /// From now on every store is to be gone; gives their ids.
    pub(super) fn want_all_deleted(&mut self) -> Vec<String> {
        let living = self.shops.iter_mut().filter(|shop| shop.wanted == Wanted::Ready);
        let mut ids = Vec::new();
        for shop in living {
            shop.wanted = Wanted::Deleted;
            self.free_name = Some(shop.name.clone());
            ids.push(shop.id.clone());
        }
        ids
    }

    /// The store of this id.
    pub(super) fn shop(&self, id: &str) -> Option<&Shop> {
        self.shops.iter().find(|shop| shop.id == id)
    }

    /// The namespaces that are to be there.
    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        self.living().map(|shop| format!("store-{}", shop.id)).collect()
    }

    fn living(&self) -> impl Iterator<Item = &Shop> {
        self.shops.iter().filter(|shop| shop.wanted == Wanted::Ready)
    }

    /// Compares what the server says with what was asked of it. Only the stores of these ids are looked at closely.
    pub(super) fn judge(&mut self, api: &Api, touched: &[String]) -> Result<Vec<Finding>> {
        let listed = ids(&api.stores()?);
        let expected: BTreeSet<String> = self.living().map(|shop| shop.id.clone()).collect();
        let mut findings: Vec<Finding> = Vec::new();
        for id in listed.symmetric_difference(&expected) {
            findings.push(Finding::lost(id, "the server lists another set of stores than was asked for"));
        }
        for shop in self.shops.iter_mut().filter(|shop| touched.contains(&shop.id)) {
            findings.extend(shop.judge(api)?);
        }
        Ok(findings)
    }

    /// Looks closely at every store there ever was.
    pub(super) fn judge_all(&mut self, api: &Api) -> Result<Vec<Finding>> {
        let all: Vec<String> = self.shops.iter().map(|shop| shop.id.clone()).collect();
        self.judge(api, &all)
    }
}

impl Shop {
    fn judge(&mut self, api: &Api) -> Result<Vec<Finding>> {
        let store = api.store(&self.id)?;
        let mut findings = Vec::new();
        let status = self.wanted.status();
        if store["status"] != status {
            findings.push(Finding::lost(&self.name, format!("it is {}, not {status}", store["status"])));
        }
        if store["attempt"] != self.attempt {
            let what = format!("attempt {} was asked for, it made {}", self.attempt, store["attempt"]);
            findings.push(Finding::lost(&self.name, what));
        }
        let history = api.history(&self.id)?;
        findings.extend(judge_history(&self.name, &self.history, &history));
        self.history = history;
        Ok(findings)
    }
}

fn ids(stores: &[Value]) -> BTreeSet<String> {
    stores.iter().filter_map(|store| store["id"].as_str().map(str::to_owned)).collect()
}

/// A request that can be sent again until it is answered, and counts once.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// The key is this wish's own: a name may have been another store's before.
    Create {
        name: String,
        key: String,
    },
    Delete {
        ids: Vec<String>,
    },
    Retry {
        id: String,
        attempt: u64,
    },
}

impl Request {
    /// Sends it. `None` is no answer, as from a server that was killed; a refusal is an error.
    pub(super) fn send(&self, api: &Api) -> Result<Option<Accepted>> {
        match self {
            Self::Create { name, key } => {
                let Ok(answer) = api.call(Method::Create { body: &create(name), key }) else { return Ok(None) };
                let store = accepted(&answer).with_context(|| format!("create {name}"))?;
                Ok(Some(Accepted::Store(store["id"].as_str().context("a store without an id")?.to_owned())))
            }
            Self::Delete { ids } => {
                for id in ids {
                    let Ok(answer) = api.call(Method::Delete { id }) else { return Ok(None) };
                    accepted(&answer).with_context(|| format!("delete {id}"))?;
                }
                Ok(Some(Accepted::Change))
            }
            Self::Retry { id, attempt } => {
                let Ok(answer) = api.call(Method::Retry { id }) else { return Ok(None) };
                if answer.0 == CONFLICT && api.store(id).is_ok_and(|store| store["attempt"] == *attempt) {
                    // An earlier try was durable before its answer was lost.
                    return Ok(Some(Accepted::Change));
                }
                accepted(&answer).with_context(|| format!("retry {id}"))?;
                Ok(Some(Accepted::Change))
            }
        }
    }
}

/// What the server took on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Accepted {
    /// A store of this id.
    Store(String),
    /// A change of stores that are known.
    Change,
}

const ACCEPTED: u16 = 202;
const CONFLICT: u16 = 409;

fn create(name: &str) -> Value {
    json!({
        "name": name, "engine": "medusa", "admin_username": "chaos",
        "admin_email": "chaos@example.com", "admin_password": "not-a-secret-1",
    })
}

fn accepted((status, body): &(u16, Value)) -> Result<&Value> {
    if *status != ACCEPTED {
        bail!("the server answered {status}: {}", body["detail"].as_str().unwrap_or_default());
    }
    Ok(body)
}
