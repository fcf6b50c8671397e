//! The address of a server, as people write it.

use reqwest::Url;

use crate::failure::Failure;

/// Reads an address; the API's own path at its end is forgiven.
pub(super) fn parse(text: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| {
        // Not the text itself: it may hold a password.
        Failure::usage(format!("the server's address {why}")).hint("Expected something like http://localhost:5000")
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("must begin with http:// or https://"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("names no host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with its path, without ? or #"));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/api/v1").unwrap_or(path).to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Whether others on the way could read what is sent.
pub(super) fn sends_in_the_clear(url: &Url) -> bool {
    if url.scheme() != "http" {
        return false;
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    };
    !is_loopback
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://localhost:5000", "http://localhost:5000/")]
    #[case("http://localhost:5000/", "http://localhost:5000/")]
    #[case("https://shops.example.com/platform/api/v1/", "https://shops.example.com/platform")]
    fn addresses(#[case] text: &str, #[case] url: &str) {
        assert_eq!(parse(text).unwrap().as_str(), url);
    }

    #[rstest]
    #[case::no_scheme("localhost:5000")]
    #[case::words("my server")]
    #[case::no_host("http://")]
    #[case::query("http://localhost/?a=b")]
    fn no_addresses(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[rstest]
    #[case("http://localhost:5000", false)]
    #[case("http://127.0.0.3", false)]
    #[case("http://[::1]:5000", false)]
    #[case("http://api.localhost", false)]
    #[case("https://shops.example.com", false)]
    #[case("http://shops.example.com", true)]
    #[case("http://192.168.1.4:5000", true)]
    #[case("http://localhost.example.com", true)]
    fn what_others_could_read(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(sends_in_the_clear(&parse(text).unwrap()), expected);
    }
}
