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
        let mut tags = Vec::new();
        for line in headers.get_all(header::IF_MATCH) {
            match line.to_str().ok().map(str::trim) {
                Some("*") => return Ok(Self::Anything),
                line => tags.extend(line.and_then(entity_tags).ok_or_else(no_entity_tag)?),
            }
        }
        if tags.is_empty() {
            return Err(no_entity_tag());
        }
        Ok(Self::Versions(tags.into_iter().filter_map(version).collect()))
    }
}

fn no_entity_tag() -> Refusal {
    Refusal::parameter("If-Match", "allowed are * and entity tags in their quotes, such as \"14\"")
}

/// The version of a tag that this server gives. Tags are compared character by character: `"014"` is another one.
fn version(tag: &str) -> Option<u64> {
    let version = tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    (tag_of(version) == tag).then_some(version)
}

fn tag_of(version: u64) -> String {
    format!("\"{version}\"")
}

/// The entity tags of a list. One may have commas in it, but no quotes (RFC 9110, 8.8.3).
fn entity_tags(line: &str) -> Option<Vec<&str>> {
    let mut tags = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return Some(tags);
        }
        let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (tag, behind) = rest.split_at(rest.len() - opaque.len() + opaque.find('"')? + 1);
        tags.push(tag);
        rest = behind.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// The entity tag of a store.
pub(crate) fn etag(store: &StoreDocument) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&tag_of(store.version));
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
    #[case(&["\"3,4\", \"5\""], IfMatch::Versions(vec![5]))]
    #[case(&["\"3\"", "*"], IfMatch::Anything)]
    #[case(&["\"03\"", "\"+4\"", "\"5\""], IfMatch::Versions(vec![5]))]
    fn headers_are_read(#[case] lines: &[&str], #[case] expected: IfMatch) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        assert_eq!(IfMatch::read(&headers).ok(), Some(expected));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::only_a_comma(",")]
    #[case::no_quotes("14")]
    #[case::half_a_tag("\"14")]
    #[case::one_of_several("\"14\", 15")]
    #[case::no_comma("\"14\" \"15\"")]
    #[case::anything_among_others("\"14\", *")]
    fn what_is_no_entity_tag_is_refused(#[case] line: &str) {
        let headers = [(header::IF_MATCH, line.parse().unwrap())].into_iter().collect();
        assert!(IfMatch::read(&headers).is_err());
    }
}
