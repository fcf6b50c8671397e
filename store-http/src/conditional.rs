//! `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1): an entity tag is the store's version.

use axum::http::{HeaderMap, HeaderValue, header};
use store_core::service::StoreDocument;

use crate::problem::Refusal;

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// The header is absent, or `*`: whatever there is.
    Anything,
    /// One of these versions. Tags that are none of ours, and weak ones, match nothing.
    Versions(Vec<u64>),
}

impl IfMatch {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        if !headers.contains_key(header::IF_MATCH) {
            return Ok(Self::Anything);
        }
        let lines = headers.get_all(header::IF_MATCH).iter().map(|value| value.to_str().unwrap_or("?"));
        let tags: Vec<_> =
            lines.flat_map(|line| line.split(',')).map(str::trim).filter(|tag| !tag.is_empty()).collect();
        if tags.contains(&"*") {
            return Ok(Self::Anything);
        }
        if !tags.iter().all(|tag| is_tag(tag)) {
            return Err(Refusal::parameter(
                "If-Match",
                "allowed are * and entity tags in their quotes, such as \"14\"",
            ));
        }
        let version = |tag: &str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
        Ok(Self::Versions(tags.into_iter().filter_map(version).collect()))
    }
}

fn is_tag(text: &str) -> bool {
    text.strip_prefix("W/").unwrap_or(text).strip_prefix('"').is_some_and(|rest| rest.ends_with('"'))
}

/// The entity tag of a store.
pub(crate) fn etag(store: &StoreDocument) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{}\"", store.version));
    [(header::ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"0\"")))]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], IfMatch::Anything)]
    #[case(&["*"], IfMatch::Anything)]
    #[case(&["\"3\""], IfMatch::Versions(vec![3]))]
    #[case(&["\"3\", \"4\"", "\"5\""], IfMatch::Versions(vec![3, 4, 5]))]
    #[case(&["W/\"3\""], IfMatch::Versions(vec![]))]
    #[case(&["\"abc\""], IfMatch::Versions(vec![]))]
    #[case(&[""], IfMatch::Versions(vec![]))]
    fn headers_are_read(#[case] lines: &[&str], #[case] expected: IfMatch) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        assert_eq!(IfMatch::read(&headers).ok(), Some(expected));
    }

    #[rstest]
    #[case::no_quotes("14")]
    #[case::half_a_tag("\"14")]
    #[case::one_of_several("\"14\", 15")]
    fn what_is_no_entity_tag_is_refused(#[case] line: &str) {
        let headers = [(header::IF_MATCH, line.parse().unwrap())].into_iter().collect();
        assert!(IfMatch::read(&headers).is_err());
    }
}
