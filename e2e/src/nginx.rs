//! nginx as an operator would have it, with the configuration that comes with the dashboard.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::lab::variable;
use crate::{free_port, until};

/// A running nginx.
pub struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    /// Starts it with the built dashboard and this API behind it, and waits until it answers.
    pub async fn start(dir: &Path, api: &str) -> Self {
        let (port, root) = (free_port(), dir.join("www"));
        let dashboard = PathBuf::from(variable("STORE_TEST_DASHBOARD_DIR"));
        copy(&dashboard.join("dist"), &root.join("ui"));
        let site = fs::read_to_string(dashboard.join("nginx.conf")).expect("the dashboard's nginx.conf");
        // Only where things are differs.
        let mut here = site;
        for (theirs, ours) in [
            ("listen 80;", format!("listen 127.0.0.1:{port};")),
            ("root /srv/store-dashboard;", format!("root {};", root.display())),
            ("proxy_pass http://127.0.0.1:5000;", format!("proxy_pass {api};")),
        ] {
            assert!(here.contains(theirs), "nginx.conf has no {theirs}");
            here = here.replace(theirs, &ours);
        }
        fs::write(dir.join("site.conf"), here).expect("it can be written");
        let work = dir.join("nginx");
        fs::create_dir_all(&work).expect("a folder");
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
            reqwest::get(format!("{}/ui/", nginx.url())).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        nginx
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What is at this path; it must be there.
    pub async fn download(&self, path: &str) -> String {
        let response = reqwest::get(format!("{}{path}", self.url())).await.expect("nginx answers");
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

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the dashboard is built").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}
