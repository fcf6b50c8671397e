//! The demo: it says what it is, and nobody gets it by accident.

use rstest::rstest;

use crate::installation::Installation;

#[test]
fn it_says_that_it_is_simulated() {
    // The KUBECONFIG that every installation of these tests has in its environment is kubectl's own business.
    let installation = Installation::new();
    let server = installation.serve(|command| {
        command.args(["--demo", "--demo-stores", "20"]);
    });
    assert!(server.log().contains("SIMULATED"), "{}", server.log());
    let health = server.get("/health");
    assert!(health.contains(r#"{"status":"healthy","simulated":true}"#), "{health}");
    let stores = server.get("/api/v1/stores?name=shop-00020");
    assert!(stores.contains(r#""status":"READY""#), "{stores}");
    assert!(!installation.path(".local").exists(), "it wrote something");
}

#[rstest]
#[case::database(&[("DATABASE_URL", "sqlite:///stores.db")], &[], "DATABASE_URL (from the environment)")]
#[case::kubeconfig(&[], &["--kubeconfig", "k"], "KUBECONFIG=\"k\" (from --kubeconfig)")]
#[case::context(&[], &["--context", "prod"], "KUBE_CONTEXT=\"prod\" (from --context)")]
#[case::chart(&[("HELM_CHART_PATH", "chart")], &[], "HELM_CHART_PATH=\"chart\" (from the environment)")]
fn it_is_refused_together_with_anything_real(
    #[case] environment: &[(&str, &str)],
    #[case] flags: &[&str],
    #[case] expected: &str,
) {
    let output = Installation::new().run(|command| {
        command.envs(environment.iter().copied()).arg("--demo").args(flags);
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(expected) && said.contains("nothing together with --demo"), "{said}");
}
