//! Requests that nobody thought of: Schemathesis makes them from `openapi.json` and judges every answer, on a demo with
//! tokens and on one without. Then the command `store` as it is, on a demo with tokens.
//!
//! Streams are left out, since they do not end: `GET /api/v1/events`, and `follow` of a log. Tests of `store-http` read them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::{outcome::Outcome, session::Session, unit};
use crate::{
    cargo::{self, Profile, Programs},
    digest, exec, paths,
    progress::say,
    server::demo::{Demo, admin_token},
};

/// Schemathesis and what it needs, each in one version.
const PACKAGES: &str = "xtask/schemathesis.txt";
/// For each operation and phase.
const EXAMPLES: &str = "200";
/// Python before 3.11.8 and 3.12.2 fails at random when two threads parse (<https://github.com/python/cpython/issues/106905>).
const WORKERS: &str = "1";
/// Over both runs.
const CASES_MIN: u64 = 5_000;
/// No server error, and every answer as the document says.
const CHECKS: [&str; 7] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
];
/// No way in without a token, or with one that is none; and what the document forbids is refused. A server without tokens
/// takes requests without one, which the document forbids, so the second is no question for it.
const WITH_TOKENS: [&str; 2] = ["ignored_auth", "negative_data_rejection"];
/// 412 is no acceptance: preconditions are judged before the content is looked at (RFC 9110, 13.2.1).
const REFUSALS: &str = "[checks.negative_data_rejection]\nexpected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, \
    413, 415, 422]\n";

/// Runs all phases twice.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    session.must("building the programs", cargo::build_programs(Profile::Debug)?, deadline)?;
    let program = schemathesis()?;
    // Either keeps one core busy.
    let trials = [Trial::prepare(&program, false)?, Trial::prepare(&program, true)?];
    let judged = thread::scope(|scope| {
        let running = trials.map(|trial| (trial.what, scope.spawn(move || trial.judge(deadline))));
        running.map(|(what, count)| (what, count.join().unwrap_or_else(|_| Err(anyhow!("its thread ended")))))
    });
    let mut outcome = Outcome::default();
    let mut cases = 0;
    for (what, judged) in judged {
        let judged = judged.map(|count| {
            say(format!("{count} cases {what}"));
            cases += count;
        });
        outcome.check(&format!("every answer is as documented, {what}"), judged);
    }
    let enough = if cases >= CASES_MIN { Ok(()) } else { Err(anyhow!("{cases} cases")) };
    outcome.check(&format!("at least {CASES_MIN} cases"), enough);
    outcome.add(terminal(session, deadline)?);
    Ok(outcome)
}

fn terminal(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let Programs { server, cli } = cargo::programs(Profile::Debug)?;
    let programs: [(&str, &Path); 2] = [("STORE_TEST_SERVER_BIN", &server), ("STORE_TEST_CLI_BIN", &cli)];
    unit::run_ignored(session, "e2e", &["at_a_terminal"], &programs, deadline)
}

/// Schemathesis and the demo that it judges.
struct Trial {
    what: &'static str,
    schemathesis: Command,
    log: PathBuf,
    /// Ends with it.
    _demo: Demo,
}

impl Trial {
    fn prepare(schemathesis: &Path, with_tokens: bool) -> Result<Self> {
        let (what, home) =
            if with_tokens { ("with tokens", "test-api-tokens") } else { ("without tokens", "test-api") };
        let home = paths::state()?.join(home);
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        let server = cargo::server(Profile::Debug)?;
        let mut arguments = Vec::new();
        let mut checks = CHECKS.to_vec();
        let (tokens, token) = admin_token(&server, &home)?;
        let tokens = tokens.display().to_string();
        if with_tokens {
            arguments = vec!["--api-tokens-file", &tokens];
            checks.extend(WITH_TOKENS);
            // In a file: arguments are for everybody to see.
            let settings = format!("headers = {{ Authorization = \"Bearer {token}\" }}\n{REFUSALS}");
            fs::write(home.join("schemathesis.toml"), settings)?;
        }
        let demo = Demo::start(&server, &home, &arguments)?;
        let document = home.join("openapi.json");
        fs::write(&document, without_streams()?.to_string())?;
        let mut command = Command::new(schemathesis);
        command.arg("run").arg(&document).args(["--url", &demo.url(), "--checks", &checks.join(",")]);
        command.args(["--workers", WORKERS, "--request-timeout", "40", "--seed", "1", "--max-examples", EXAMPLES]);
        command.args(["--continue-on-failure", "--no-color"]).current_dir(&home);
        Ok(Self { what, schemathesis: command, log: home.join("schemathesis.log"), _demo: demo })
    }

    /// How many cases were judged, and all of them good.
    fn judge(mut self, deadline: Instant) -> Result<u64> {
        let what = format!("Schemathesis {}", self.what);
        exec::logged_until(&mut self.schemathesis, &what, &self.log, Some(deadline), String::new)?;
        let text = fs::read_to_string(&self.log)?;
        generated(&text).with_context(|| format!("it does not say how many cases there were:\n{text}"))
    }
}

/// The number in `1841 generated, 1841 passed`.
fn generated(log: &str) -> Option<u64> {
    log.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse().ok())
}

/// The document without what never ends.
fn without_streams() -> Result<Value> {
    let text = fs::read_to_string(paths::workspace().join("store-http/openapi.json"))?;
    let mut document: Value = serde_json::from_str(&text)?;
    let all = document["paths"].as_object_mut().context("a document without paths")?;
    all.remove("/api/v1/events").context("there is no stream of events")?;
    let logs = &mut document["paths"]["/api/v1/stores/{id}/logs"]["get"]["parameters"];
    let parameters = logs.as_array_mut().context("logs without parameters")?;
    let before = parameters.len();
    parameters.retain(|parameter| parameter["name"] != "follow");
    if parameters.len() == before {
        bail!("logs cannot be followed any more");
    }
    Ok(document)
}

/// Schemathesis in a Python environment of its own, in the cache.
fn schemathesis() -> Result<PathBuf> {
    let packages = paths::workspace().join(PACKAGES);
    let wanted = fs::read(&packages).with_context(|| format!("cannot read {}", packages.display()))?;
    let place = paths::cache()?.join("schemathesis").join(digest::of(&wanted));
    fs::create_dir_all(&place)?;
    let lock = File::create(place.join(".lock"))?;
    lock.lock().with_context(|| format!("cannot lock {}", place.display()))?;
    let done = place.join(".installed");
    if !done.exists() {
        say(format!("installing Schemathesis into {}", place.display()));
        exec::capture(Command::new("python3").args(["-m", "venv", "--clear"]).arg(place.join("environment")))?;
        let pip = place.join("environment/bin/pip");
        exec::capture(Command::new(pip).args(["install", "--quiet", "--requirement"]).arg(&packages))?;
        fs::write(done, "")?;
    }
    Ok(place.join("environment/bin/schemathesis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_are_counted() {
        assert_eq!(generated("Test cases:\n  1841 generated, 1841 passed, 24 skipped\n"), Some(1841));
        assert_eq!(generated("nothing was generated"), None);
    }

    #[test]
    fn what_never_ends_is_left_out() {
        let document = without_streams().unwrap();
        assert!(document["paths"]["/api/v1/events"].is_null());
        let parameters = document["paths"]["/api/v1/stores/{id}/logs"]["get"]["parameters"].as_array().unwrap();
        let names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].clone()).collect();
        assert_eq!(names, ["id", "component", "tail"]);
    }
}
