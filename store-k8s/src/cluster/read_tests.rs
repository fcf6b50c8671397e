//! What events tell, and what becomes of volumes.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::testing::{at, object};
use store_core::store::Component;

fn mute(kind: Kind) -> Mute {
    Mute {
        kind,
        name: "x".into(),
        uid: "u".into(),
        component: Component::Database,
        since: at(0),
        version: 1,
        crashes: false,
    }
}

fn event(reason: &str, message: &str, time: &str) -> Event {
    object(json!({
        "metadata": {}, "involvedObject": {"uid": "u"}, "reason": reason, "message": message, "type": "Warning",
        "lastTimestamp": time,
    }))
}

#[test]
fn the_latest_event_of_the_right_kind_explains() {
    let events = [
        event("FailedCreate", "newer", "2026-01-01T00:00:02Z"),
        event("FailedCreate", "older", "2026-01-01T00:00:01Z"),
        event("SuccessfulCreate", "newest", "2026-01-01T00:00:03Z"),
        event("ProvisioningFailed", "no class", "2026-01-01T00:00:00Z"),
        event("WaitForFirstConsumer", "waits", "2026-01-01T00:00:09Z"),
    ];
    assert_eq!(explanation(&mute(Kind::StatefulSet), &events).unwrap().said, "newer");
    assert_eq!(explanation(&mute(Kind::Claim), &events).unwrap().said, "no class");
    assert_eq!(explanation(&mute(Kind::Claim), &events[4..]), None);
    let another = Mute { uid: "v".into(), ..mute(Kind::Claim) };
    assert_eq!(explanation(&another, &events), None);
}

#[rstest]
#[case(json!("Delete"), VolumeFate::Deleted)]
#[case(json!("Retain"), VolumeFate::Retained)]
#[case(json!("Recycle"), VolumeFate::Retained)]
#[case(Value::Null, VolumeFate::Retained)]
fn volumes_share_their_claims_fate_or_not(#[case] policy: Value, #[case] expected: VolumeFate) {
    let claim = json!({"namespace": "store-abcdefghij", "name": "data"});
    let volume: PersistentVolume = object(json!({
        "metadata": {"name": "pv-1"}, "spec": {"persistentVolumeReclaimPolicy": policy, "claimRef": claim},
    }));
    assert_eq!(fate(&volume), expected);
    assert!(is_claimed_in(&volume, "store-abcdefghij"));
    assert!(!is_claimed_in(&volume, "store-abcdefghik"));
}
