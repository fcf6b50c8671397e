//! `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1): an entity tag is the store's version.

use axum::http::{HeaderMap, HeaderValue, header};
use store_core::service::StoreDocument;

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// The header is absent, or `*`: whatever there is.
    Anything,
    /// One of these versions. Tags that are none of ours, and weak ones, match nothing.
    Versions(Vec<u64>),
}

impl IfMatch {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        if !headers.contains_key(header::IF_MATCH) {
            return Self::Anything;
        }
        let lines = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
        let tags: Vec<_> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        if tags.contains(&"*") {
            return Self::Anything;
        }
        let version = |tag: &str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
        Self::Versions(tags.into_iter().filter_map(version).collect())
    }
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
    #[case(&["\"abc\"", "3"], IfMatch::Versions(vec![]))]
    #[case(&[""], IfMatch::Versions(vec![]))]
    fn headers_are_read(#[case] lines: &[&str], #[case] expected: IfMatch) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        assert_eq!(IfMatch::read(&headers), expected);
    }
}
