//! A store's own web site, whatever runs it, through the ingress. `*.localhost` is never resolved: the connection goes to
//! the ingress, the host name into `Host`.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use serde_json::Value;

use crate::Lab;

/// One store's site.
#[derive(Debug, Clone)]
pub struct Site {
    client: Client,
    base: String,
    host: String,
    url: String,
}

impl Site {
    /// The site of the store that this API answer describes.
    pub fn of(lab: &Lab, store: &Value) -> Self {
        let url = store["store_url"].as_str().expect("a URL");
        let authority = url.split_once("://").expect("a scheme").1;
        let client = Client::builder().timeout(Duration::from_secs(30)).redirect(Policy::none()).no_proxy().build();
        Self {
            client: client.expect("a client"),
            base: format!("http://127.0.0.1:{}", lab.ingress_port),
            host: authority.to_owned(),
            url: url.to_owned(),
        }
    }

    /// A request for a path of the site. Redirects are not followed.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).header("host", &self.host)
    }

    /// The path of an address of this site.
    pub fn path_of(&self, address: &str) -> String {
        let path = address.strip_prefix(&self.url).unwrap_or_else(|| panic!("{address} is not of {}", self.url));
        if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    }

    /// The bytes at a path.
    pub async fn download(&self, path: &str) -> Result<Vec<u8>, String> {
        let response = self.request(Method::GET, path).send().await.map_err(|error| error.to_string())?;
        if response.status().as_u16() != 200 {
            return Err(format!("{path}: {}", response.status()));
        }
        Ok(response.bytes().await.map_err(|error| error.to_string())?.to_vec())
    }

    /// The page at a path.
    pub async fn page(&self, path: &str) -> Result<String, String> {
        self.download(path).await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}
