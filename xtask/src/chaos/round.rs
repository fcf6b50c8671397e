//! One round: an operation is asked for, somebody is killed while it is under way, the server is started again, and
//! everything has to come to where it was meant to go.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    check::{self, Finding, Listing},
    lab::Lab,
    schedule::{Moment, Operation, Plan, Strike},
    strike::{self, Struck},
    tally::Tally,
    world::{Accepted, Request, Wanted, World},
};
use crate::server::{Server, api::Api};

/// How long what was asked for may take, kills and restarts included.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);

/// The round that runs.
pub(super) struct Round<'a> {
    pub(super) lab: &'a Lab,
    pub(super) world: &'a mut World,
    pub(super) tally: &'a mut Tally,
    pub(super) plan: &'a Plan,
}

impl Round<'_> {
    /// Runs it; gives what is wrong afterwards.
    pub(super) fn run(mut self) -> Result<Vec<Finding>> {
        let mut server = self.lab.server(self.plan.helm)?;
        let request = self.request(server)?;
        let mut findings = Vec::new();
        let (first, later) = self.plan.strikes.split_first().context("a round without a strike")?;
        // The first strike may come before there is an answer; then nobody knows the store yet.
        let (accepted, struck) = self.ask_under_fire(*first, &request, server)?;
        findings.extend(survivors(&struck));
        server = self.lab.server(self.plan.helm)?;
        let accepted = match accepted {
            Some(accepted) => accepted,
            None => request.send(&server.api())?.context("the server does not answer")?,
        };
        let touched = self.note(&request, accepted);
        for strike in later {
            strike::wait_for(strike.moment, server.process);
            findings.extend(survivors(&self.strike(*strike, &touched, server)?));
            server = self.lab.server(self.plan.helm)?;
        }
        findings.extend(self.settle(server, &touched)?);
        findings.extend(Listing::of(&self.lab.cluster)?.judge(&self.world.namespaces()));
        findings.extend(self.world.judge(&server.api(), &touched)?);
        Ok(findings)
    }

    /// What is asked for; for another attempt, a store that failed comes first.
    fn request(&mut self, server: Server) -> Result<Request> {
        Ok(match self.plan.operation {
            Operation::Create => self.world.create(),
            Operation::CreateAgain => self.world.create_again()?,
            Operation::Delete => Request::Delete { ids: self.world.want_all_deleted() },
            Operation::Retry => self.fail_a_store(server)?,
        })
    }

    fn fail_a_store(&mut self, server: Server) -> Result<Request> {
        self.lab.let_setup_jobs_pass(false)?;
        let request = self.world.create();
        let Some(Accepted::Store(id)) = request.send(&server.api())? else { bail!("the server does not answer") };
        self.note(&request, Accepted::Store(id.clone()));
        wait_for_status(&server.api(), &id, "FAILED")?;
        self.lab.let_setup_jobs_pass(true)?;
        let shop = self.world.last()?;
        shop.attempt += 1;
        Ok(Request::Retry { id, attempt: shop.attempt })
    }

    fn ask_under_fire(
        &mut self,
        first: Strike,
        request: &Request,
        server: Server,
    ) -> Result<(Option<Accepted>, Struck)> {
        if !matches!(first.moment, Moment::InRequest(_)) {
            let accepted = request.send(&server.api())?.context("the server does not answer")?;
            let touched = self.note(request, accepted.clone());
            strike::wait_for(first.moment, server.process);
            let struck = self.strike(first, &touched, server)?;
            return Ok((Some(accepted), struck));
        }
        let (sent, struck) = thread::scope(|scope| {
            let striking = scope.spawn(|| {
                strike::wait_for(first.moment, server.process);
                strike::kill(first, server.process)
            });
            let sent = request.send(&server.api());
            (sent, striking.join())
        });
        let struck = struck.map_err(|_| anyhow::anyhow!("the striking thread panicked"))?;
        // Answered, the request is over; whether the store had settled nobody can be asked any more.
        let sent = sent?;
        self.count(&struck, sent.is_none())?;
        Ok((sent, struck))
    }

    fn strike(&mut self, strike: Strike, touched: &[String], server: Server) -> Result<Struck> {
        let under_way = touched.iter().any(|id| !self.is_settled(&server.api(), id));
        let struck = strike::kill(strike, server.process);
        self.count(&struck, under_way)?;
        Ok(struck)
    }

    fn count(&mut self, struck: &Struck, under_way: bool) -> Result<()> {
        self.tally.kill(self.plan.operation, struck.had_helm(), under_way);
        check::must_see(&self.lab.cluster, &struck.helms)
    }

    fn is_settled(&self, api: &Api, id: &str) -> bool {
        let wanted = self.world.shop(id).map_or(Wanted::Ready, |shop| shop.wanted);
        api.store(id).is_ok_and(|store| store["status"] == wanted.status())
    }

    /// Remembers a store that is new; gives the stores that the request concerns.
    fn note(&mut self, request: &Request, accepted: Accepted) -> Vec<String> {
        match (request, accepted) {
            (Request::Create { name, .. }, Accepted::Store(id)) => {
                if self.world.shop(&id).is_none() {
                    self.world.add(name.clone(), id.clone());
                }
                vec![id]
            }
            (Request::Delete { ids }, _) => ids.clone(),
            (Request::Retry { id, .. }, _) => vec![id.clone()],
            (Request::Create { .. }, Accepted::Change) => Vec::new(),
        }
    }

    fn settle(&self, server: Server, touched: &[String]) -> Result<Option<Finding>> {
        let api = server.api();
        let end = Instant::now() + PATIENCE;
        for id in touched {
            while !self.is_settled(&api, id) {
                let store = api.store(id)?;
                let is_failed = store["status"] == "FAILED";
                if is_failed || Instant::now() >= end {
                    let name = store["name"].as_str().unwrap_or_default();
                    let what = format!(
                        "it is {} at {} after {} s: {}",
                        store["status"],
                        store["step"],
                        PATIENCE.saturating_sub(end.saturating_duration_since(Instant::now())).as_secs(),
                        store["failure_reason"].as_str().or(store["parked"].as_str()).unwrap_or("no reason is given")
                    );
                    return Ok(Some(Finding::lost(name, what)));
                }
                thread::sleep(POLL);
            }
        }
        Ok(None)
    }
}

fn survivors(struck: &Struck) -> Vec<Finding> {
    let outlived = |line: &String| Finding::orphaned("a Helm process", format!("outlived its server: {line}"));
    struck.survivors.iter().map(outlived).collect()
}

fn wait_for_status(api: &Api, id: &str, status: &str) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let store = api.store(id)?;
        if store["status"] == status {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("the store {id} is {} after {} s, not {status}", store["status"], PATIENCE.as_secs());
        }
        thread::sleep(POLL);
    }
}
