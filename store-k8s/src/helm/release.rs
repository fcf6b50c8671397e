//! The Helm release as its record has it: the labels of Helm's own Secrets, never their content.

use std::collections::BTreeMap;

use store_core::ports::{PendingKind, ReleaseSeen};

type Labels = BTreeMap<String, String>;

/// Selects the Secrets of a release.
pub(crate) fn selector(release: &str) -> String {
    format!("owner=helm,name={release}")
}

/// What the labels of a release's Secrets say, one map for each revision.
pub(crate) fn seen<'a>(revisions: impl IntoIterator<Item = &'a Labels>) -> ReleaseSeen {
    let revisions: BTreeMap<u32, &str> = revisions
        .into_iter()
        .filter_map(|labels| {
            let version = labels.get("version")?.parse().ok()?;
            Some((version, labels.get("status").map_or("unknown", String::as_str)))
        })
        .collect();
    let Some(status) = revisions.values().next_back().copied() else { return ReleaseSeen::Absent };
    let latest_with =
        |wanted| revisions.iter().rev().find(|(_, status)| **status == wanted).map(|(version, _)| *version);
    // A revision that is replaced while nobody wrote down the end of the next one may be `superseded` already.
    let last_deployed = latest_with("deployed").or_else(|| latest_with("superseded"));
    let revisions: Vec<u32> = revisions.into_keys().collect();
    let pending = |kind| ReleaseSeen::Pending { kind, revisions: revisions.clone(), last_deployed };
    match status {
        "deployed" => ReleaseSeen::Deployed { revisions },
        "pending-install" => pending(PendingKind::Install),
        "pending-upgrade" => pending(PendingKind::Upgrade),
        "pending-rollback" => pending(PendingKind::Rollback),
        // `uninstalled` is left only by somebody's own `--keep-history`; uninstalling again clears it.
        "uninstalling" | "uninstalled" => ReleaseSeen::Uninstalling { revisions },
        _ => ReleaseSeen::Failed { revisions },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pending(kind: PendingKind, revisions: &[u32], last_deployed: Option<u32>) -> ReleaseSeen {
        ReleaseSeen::Pending { kind, revisions: revisions.to_vec(), last_deployed }
    }

    #[rstest]
    #[case(&[], ReleaseSeen::Absent)]
    #[case(&[("1", "deployed")], ReleaseSeen::Deployed { revisions: vec![1] })]
    #[case(&[("1", "pending-install")], pending(PendingKind::Install, &[1], None))]
    #[case(
        &[("10", "pending-upgrade"), ("9", "deployed"), ("2", "superseded")],
        pending(PendingKind::Upgrade, &[2, 9, 10], Some(9))
    )]
    #[case(
        &[("1", "deployed"), ("2", "failed"), ("3", "pending-rollback")],
        pending(PendingKind::Rollback, &[1, 2, 3], Some(1))
    )]
    #[case(
        &[("1", "superseded"), ("2", "superseded"), ("3", "failed"), ("4", "pending-upgrade")],
        pending(PendingKind::Upgrade, &[1, 2, 3, 4], Some(2))
    )]
    #[case(&[("1", "superseded"), ("2", "failed")], ReleaseSeen::Failed { revisions: vec![1, 2] })]
    #[case(&[("1", "uninstalling")], ReleaseSeen::Uninstalling { revisions: vec![1] })]
    #[case(&[("1", "uninstalled")], ReleaseSeen::Uninstalling { revisions: vec![1] })]
    #[case(&[("x", "deployed")], ReleaseSeen::Absent)]
    fn the_latest_revision_counts(#[case] revisions: &[(&str, &str)], #[case] expected: ReleaseSeen) {
        let labels: Vec<Labels> = revisions
            .iter()
            .map(|(version, status)| {
                [("version", version), ("status", status)].map(|(key, value)| (key.into(), (*value).into())).into()
            })
            .collect();
        assert_eq!(seen(&labels), expected);
    }
}
