//! Logs that are followed, and how they end.

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use predicates::str::contains;
use rstest::rstest;
use serde_json::Value;

use support::{Cli, id_of, problem, store};

/// A server that breaks every log off after a line, and answers `then` to what is asked for after that.
fn that_breaks_off(then: (u16, Value)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        let mut answer = (200, store("demo", "READY"));
        for connection in listener.incoming() {
            let mut connection = connection.expect("a connection");
            let request = BufReader::new(connection.try_clone().expect("the same again")).lines().next();
            let head = |status, kind| format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-type: {kind}\r\n");
            let text = if request.expect("a request").expect("a line").contains("/logs?") {
                answer = then.clone();
                format!("{}transfer-encoding: chunked\r\n\r\n4\r\none\n\r\n", head(200, "text/plain"))
            } else {
                let (status, body) = (answer.0, answer.1.to_string());
                let kind = if status < 400 { "application/json" } else { "application/problem+json" };
                format!("{}content-length: {}\r\n\r\n{body}", head(status, kind), body.len())
            };
            connection.write_all(text.as_bytes()).expect("it is read");
        }
    });
    url
}

#[rstest]
#[case::for_whoever_is_not_let_in_any_more((401, problem(401, "it carries no token")), 4, "no token")]
#[case::for_reasons_of_the_network((200, store("demo", "READY")), 1, "begins with its last lines")]
fn a_followed_log_that_breaks_off(#[case] then: (u16, Value), #[case] code: i32, #[case] said: &str) {
    let url = that_breaks_off(then);
    let arguments = ["--server", &url, "logs", &id_of("demo"), "--follow"];
    Cli::new().command(&arguments).assert().code(code).stdout("one\n").stderr(contains(said));
}
