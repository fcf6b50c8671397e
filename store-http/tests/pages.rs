//! The pages for people: the dashboard and the documentation. Whether the dashboard was built does not matter here.

mod common;

use axum::http::StatusCode;
use common::{Api, Guarded};
use pretty_assertions::assert_eq;
use rstest::rstest;

#[rstest]
#[case("/")]
#[case("/ui")]
#[tokio::test]
async fn the_root_leads_to_the_dashboard(#[case] path: &str) {
    let answer = Api::new().get(path).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::TEMPORARY_REDIRECT, "/ui/"));
}

#[rstest]
#[case("/ui/")]
#[case("/ui/stores/a123456789")]
#[tokio::test]
async fn the_dashboard_is_there_or_says_why_not(#[case] path: &str) {
    // Its files ask for no token: they are the same for everybody.
    let answer = Guarded::new().api.get(path).await;
    if answer.status == StatusCode::OK {
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert!(answer.header("content-security-policy").contains("script-src 'self';"));
        assert_eq!(answer.header("cache-control"), "no-cache");
    } else {
        assert!(answer.problem(404)["detail"].as_str().is_some_and(|detail| detail.contains("without the dashboard")));
    }
}

#[rstest]
#[case("/ui/assets/gone.js")]
#[case("/ui/%ff.js")]
#[tokio::test]
async fn files_that_are_not_there_are_404(#[case] path: &str) {
    Api::new().get(path).await.problem(404);
}

#[tokio::test]
async fn no_other_path_is_a_page() {
    for path in ["/index.html", "/uix", "/ui2/", "/stores/x/", "/docs/", "/docs/other"] {
        assert_eq!(Api::new().get(path).await.problem(404)["instance"], path);
    }
}

#[rstest]
#[case("/docs", "text/html; charset=utf-8", "<script src=\"/docs/page.js\"")]
#[case("/docs/page.js", "text/javascript; charset=utf-8", "/openapi.json")]
#[case("/docs/page.css", "text/css; charset=utf-8", "details")]
#[tokio::test]
async fn the_documentation_comes_from_here_alone(#[case] path: &str, #[case] kind: &str, #[case] expected: &str) {
    // The page says where one logs in, so it cannot ask for a token itself.
    let answer = Guarded::new().api.get(path).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, kind));
    assert!(answer.text.contains(expected));
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
}
