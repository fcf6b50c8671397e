//! The keeper of a WordPress store, logged in as a browser is: by cookies, and with a nonce for the REST API.

use reqwest::{Method, Response, header::SET_COOKIE};
use serde_json::{Value, json};

use crate::{Lab, Site, text};

/// Without this cookie, WordPress says that the browser refuses cookies.
const TEST_COOKIE: &str = "wordpress_test_cookie=WP%20Cookie%20check";

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub struct Shopkeeper {
    site: Site,
    cookies: String,
    nonce: String,
}

impl Shopkeeper {
    /// Logs in with the store's user name; the error is what WordPress answers.
    pub async fn log_in(lab: &Lab, store: &Value, password: &str) -> Result<Self, String> {
        let site = Site::of(lab, store);
        let form = [("log", text(&store["admin_username"])), ("pwd", password.to_owned())];
        let form = form.map(|(name, value)| format!("{name}={}", encoded(&value))).join("&");
        let request = site.request(Method::POST, "/wp-login.php").header("cookie", TEST_COOKIE);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(form).send().await.map_err(|error| error.to_string())?;
        let cookies = cookies(&response);
        if response.status().as_u16() != 302 || !cookies.contains("wordpress_logged_in_") {
            return Err(format!("the login is refused: {}", response.status()));
        }
        let nonce = site.request(Method::GET, "/wp-admin/admin-ajax.php?action=rest-nonce").header("cookie", &cookies);
        let nonce = nonce.send().await.map_err(|error| error.to_string())?.text().await.unwrap_or_default();
        Ok(Self { site, cookies, nonce })
    }

    /// `GET` of the REST API.
    pub async fn get(&self, path: &str) -> Value {
        answer(path, self.request(Method::GET, path).send().await).await
    }

    /// `POST` to the REST API.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        answer(path, self.request(Method::POST, path).json(body).send().await).await
    }

    /// Publishes a page. Returns its path.
    pub async fn publish_page(&self, title: &str, content: &str) -> String {
        let page = json!({ "title": title, "content": content, "status": "publish" });
        let page = self.post("/wp/v2/pages", &page).await;
        self.site.path_of(&text(&page["link"]))
    }

    /// Uploads a picture to the media library. Returns its path.
    pub async fn upload_picture(&self, name: &str, bytes: &[u8]) -> String {
        let path = "/wp/v2/media";
        let request = self.request(Method::POST, path).header("content-type", "image/png");
        let request = request.header("content-disposition", format!("attachment; filename=\"{name}\""));
        let media = answer(path, request.body(bytes.to_vec()).send().await).await;
        self.site.path_of(&text(&media["source_url"]))
    }

    /// Chooses another password.
    pub async fn change_password(&self, password: &str) {
        self.post("/wp/v2/users/me", &json!({ "password": password })).await;
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.site.request(method, &format!("/wp-json{path}"));
        request.header("cookie", &self.cookies).header("x-wp-nonce", &self.nonce)
    }
}

async fn answer(path: &str, response: reqwest::Result<Response>) -> Value {
    let response = response.unwrap_or_else(|error| panic!("{path}: {error}"));
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    assert!(status.is_success(), "{path}: {status}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

fn cookies(response: &Response) -> String {
    let all = response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ")
}

/// Percent-encoded for a form.
fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_is_encoded() {
        assert_eq!(encoded("A-z_0.9 !&=ä"), "A-z_0.9%20%21%26%3D%C3%A4");
    }
}
