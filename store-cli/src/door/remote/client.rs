//! HTTP with limits: every request has a deadline, and those that may be repeated are, a few times.

use std::time::Duration;

use futures::io::AsyncBufReadExt as _;
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem;
use crate::door::Lines;
use crate::failure::Failure;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Pauses before the second, third and fourth try.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_millis(2_500)];
/// A server that wants a longer pause than this is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A request under `/api/v1`.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    header: Option<(&'static str, String)>,
    body: Option<Vec<u8>>,
    repeatable: bool,
    patience: Duration,
}

impl Call {
    pub(super) fn new(method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        Self { method, path, query: Vec::new(), header: None, body: None, repeatable: false, patience: ANSWER_WITHIN }
    }

    pub(super) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path).repeatable()
    }

    pub(super) fn query(mut self, name: &'static str, value: &str) -> Self {
        self.query.push((name, value.to_owned()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.header = Some((name, value.to_owned()));
        self
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, Failure> {
        let bytes = serde_json::to_vec(body).map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
        self.body = Some(bytes);
        Ok(self)
    }

    /// The whole answer may take this long.
    pub(super) fn patient_for(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// It does no harm to send it twice.
    pub(super) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }
}

/// What a try gave that is no final answer.
struct Setback {
    failure: Failure,
    /// The request certainly did nothing.
    never_arrived: bool,
    retry_after: Option<Duration>,
}

/// A client of one server.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<HeaderValue>,
}

impl Client {
    pub(super) fn new(base: Url, token: Option<&SecretString>) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("store/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            // A redirected POST would become a GET, and a password would go where nobody sent it.
            .redirect(Policy::none())
            .build()
            .map_err(|error| Failure::new(format!("cannot use HTTP: {error}")))?;
        Ok(Self { http, base, token: token.map(bearer).transpose()? })
    }

    /// Sends, and reads the answer.
    pub(super) async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let response = self.attempt(&call).await?;
        if response.status().is_success() {
            return self.read(response).await;
        }
        Err(self.refused(response).await)
    }

    /// Sends, and reads the answer; 404 from the API is no failure.
    pub(super) async fn send_if_found<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>, Failure> {
        let response = self.attempt(&call).await?;
        let is_ours = is_json(&response);
        match response.status() {
            StatusCode::NOT_FOUND if is_ours => Ok(None),
            status if status.is_success() => self.read(response).await.map(Some),
            _ => Err(self.refused(response).await),
        }
    }

    /// Sends, and reads the answer line by line as it comes.
    pub(super) async fn lines(&self, call: Call) -> Result<Lines, Failure> {
        let response = self.attempt(&call).await?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let name = self.name();
        let broke_off = move |error| Failure::new(format!("the answer of {name} broke off: {error}")).transient();
        let body = response.bytes_stream().map_err(|error| std::io::Error::other(innermost(&error)));
        Ok(body.into_async_read().lines().map_err(broke_off).boxed())
    }

    /// What a path beside the API answers, whatever the status.
    pub(super) async fn probe(&self, path: &str) -> Result<(StatusCode, serde_json::Value), Failure> {
        let url = self.url(&[path]);
        let response = self.request(Method::GET, url).send().await.map_err(|error| self.unreachable(&error).failure)?;
        let status = response.status();
        Ok((status, response.json().await.unwrap_or_default()))
    }

    /// The last answer, or why there is none.
    async fn attempt(&self, call: &Call) -> Result<Response, Failure> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let setback = match self.once(call).await {
                Ok(response) => return Ok(response),
                Err(setback) => setback,
            };
            let may_repeat = call.repeatable || setback.never_arrived;
            let pause = pauses.next().map(|pause| setback.retry_after.unwrap_or(pause).max(pause));
            match pause {
                Some(pause) if may_repeat && pause <= LONGEST_PAUSE => tokio::time::sleep(pause).await,
                _ => return Err(setback.failure),
            }
        }
    }

    async fn once(&self, call: &Call) -> Result<Response, Setback> {
        let response = self.build(call).send().await.map_err(|error| self.unreachable(&error))?;
        if !problem::is_transient(response.status()) {
            return Ok(response);
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Err(Setback {
            failure: self.refused(response).await,
            never_arrived: false,
            retry_after: retry_after.map(Duration::from_secs),
        })
    }

    fn build(&self, call: &Call) -> RequestBuilder {
        let path: Vec<&str> = ["api", "v1"].into_iter().chain(call.path.iter().map(String::as_str)).collect();
        let mut request = self.request(call.method.clone(), self.url(&path)).query(&call.query).timeout(call.patience);
        if let Some((name, value)) = &call.header {
            request = request.header(*name, value);
        }
        match &call.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
            None => request,
        }
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url).header(ACCEPT, "application/json");
        match &self.token {
            Some(token) => request.header(reqwest::header::AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The server's address without what may be secret in it.
    fn name(&self) -> String {
        let mut url = self.base.clone();
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.as_str().trim_end_matches('/').to_owned()
    }

    fn unreachable(&self, error: &reqwest::Error) -> Setback {
        let why = if error.is_timeout() { "no answer in time".to_owned() } else { innermost(error) };
        let failure = Failure::new(format!("cannot reach {}: {why}", self.name())).transient();
        let failure = if error.is_connect() { failure.hint("Is the server running there?") } else { failure };
        Setback { failure, never_arrived: error.is_connect(), retry_after: None }
    }

    async fn refused(&self, response: Response) -> Failure {
        let status = response.status();
        if status.is_redirection() {
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
            return Failure::new(format!("{} sends its callers to {target}", self.name()))
                .hint("Use the address that it names as --server.");
        }
        let body = response.bytes().await.unwrap_or_default();
        problem::failure(status, &body, &self.name())
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        if !is_json(&response) {
            return Err(Failure::new(format!("the answer of {} is not JSON", self.name()))
                .hint("Is it the address of a store server?"));
        }
        let body = response.bytes().await.map_err(|error| self.unreachable(&error).failure)?;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::new(format!("cannot understand the answer of {}: {error}", self.name()))
                .hint("Are the server and this program of the same version?")
        })
    }
}

/// A token, for servers and proxies that want to know who asks.
fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| Failure::usage("the token holds characters that no token has"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json")
}

/// The cause that says something: the outer layers only repeat that the request failed.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
