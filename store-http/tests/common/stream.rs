//! A reader of server-sent events.

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, StatusCode};
use futures::StreamExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Api, request};

/// A reader of the stream.
pub struct Reader {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: BodyDataStream,
    text: String,
}

/// A message; its id is empty where it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: String,
    pub event: String,
    pub data: Value,
}

impl Reader {
    pub async fn open(api: &Api, path: &str, last_event_id: Option<&str>) -> Self {
        let mut request = request("GET", path);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = api.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body: body.into_data_stream(), text: String::new() }
    }

    /// The next block: a message or a comment. `None` at the end of the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_string();
                return Some(block);
            }
            let chunk = self.body.next().await?.expect("a part");
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// The next message.
    pub async fn message(&mut self) -> Option<Message> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
            if let (Some(event), Some(data)) = (field("event:"), field("data:")) {
                let data = serde_json::from_str(&data).expect("JSON");
                return Some(Message { id: field("id:").unwrap_or_default(), event, data });
            }
        }
    }

    /// So many messages.
    pub async fn messages(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(self.message().await.expect("another message"));
        }
        messages
    }
}
