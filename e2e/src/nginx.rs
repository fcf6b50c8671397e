//! nginx as an operator would have it, beside the API: with the site that comes with the dashboard, or with the one that
//! the platform's users write for themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Response;

use crate::lab::variable;
use crate::{free_port, until};

/// What the platform's users have, but for where things are; the folder is what `npm run build` leaves.
const USERS_SITE: &str = "\
server {
    listen 80;
    server_name dashboard.example.com;
    root /srv/store-dashboard;
    index index.html;

    location / {
        try_files $uri $uri/ /index.html;
    }

    location /api {
        proxy_pass http://127.0.0.1:5000;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection 'upgrade';
        proxy_set_header Host $host;
        proxy_cache_bypass $http_upgrade;
    }
}
";

/// A running nginx.
pub struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    /// Starts it with the site that comes with the dashboard and this API behind it, and waits until it answers.
    pub async fn start(dir: &Path, api: &str) -> Self {
        let file = PathBuf::from(variable("STORE_TEST_DASHBOARD_DIR")).join("nginx.conf");
        let site = fs::read_to_string(file).expect("the dashboard's nginx.conf");
        Self::serve(&site, "/ui/", dir, api).await
    }

    /// Starts it with the users' own site, where the dashboard is at the root.
    pub async fn of_users(dir: &Path, api: &str) -> Self {
        Self::serve(USERS_SITE, "/", dir, api).await
    }

    async fn serve(site: &str, page: &str, dir: &Path, api: &str) -> Self {
        let (port, work) = (free_port(), dir.join("nginx"));
        fs::create_dir_all(&work).expect("a folder");
        fs::write(dir.join("site.conf"), site_here(site, port, api)).expect("it can be written");
        fs::write(dir.join("nginx.conf"), around(dir, &work)).expect("it can be written");
        let child = Command::new(variable("STORE_TEST_NGINX"))
            .arg("-c")
            .arg(dir.join("nginx.conf"))
            .arg("-p")
            .arg(&work)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self { child, port };
        until("nginx answers", Duration::from_secs(20), || async {
            reqwest::get(format!("{}{page}", nginx.url())).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        nginx
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it answers to a request for this path.
    pub async fn get(&self, path: &str) -> Response {
        reqwest::get(format!("{}{path}", self.url())).await.expect("nginx answers")
    }

    /// What is at this path; it must be there.
    pub async fn download(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status().as_u16(), 200, "{path}");
        response.text().await.expect("text")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same site; only where things are differs.
fn site_here(site: &str, port: u16, api: &str) -> String {
    let root = variable("STORE_TEST_DASHBOARD_DIST");
    let mut here = site.to_owned();
    for (theirs, ours) in [
        ("listen 80;", format!("listen 127.0.0.1:{port};")),
        ("root /srv/store-dashboard;", format!("root {root};")),
        ("proxy_pass http://127.0.0.1:5000;", format!("proxy_pass {api};")),
    ] {
        assert!(here.contains(theirs), "the site has no {theirs}");
        here = here.replace(theirs, &ours);
    }
    here
}

/// One process that ends with its parent, and writes only into its own folder.
fn around(dir: &Path, work: &Path) -> String {
    let (site, work) = (dir.join("site.conf"), work.display());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|name| format!("    {name}_temp_path {work}/{name};\n")).concat();
    format!(
        "daemon off;\nmaster_process off;\npid {work}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n    include \
         /etc/nginx/mime.types;\n    access_log off;\n{temporary}    include {};\n}}\n",
        site.display()
    )
}
