//! When the events of which mute object are asked: soon at first, then less and less, and those of all objects of a
//! kind at once, so that many stores that wait for long cost next to nothing. Pure; the time is handed in.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use store_core::store::StoreId;

use super::facts::Kind;
use super::record::Mute;

/// How long an object must have been mute before it is asked, and how long until it is asked for the second time.
pub(crate) const FIRST: SignedDuration = SignedDuration::from_secs(5);
/// A store that is brought up has its culprit told while its time has not run out.
const LONGEST: SignedDuration = SignedDuration::from_secs(30);

/// Which objects were asked, by store and UID.
#[derive(Debug, Default)]
pub(crate) struct Questions(HashMap<(StoreId, String), Asked>);

#[derive(Debug, Clone, Copy)]
struct Asked {
    version: u64,
    pause: SignedDuration,
    next: Timestamp,
}

impl Questions {
    /// Those of `mutes` that are to be asked now: all of a kind of which one is due, as one answer serves them all.
    /// They count as asked. Objects that are not mute any more are forgotten, and one that has changed is asked anew.
    pub(crate) fn due(&mut self, mutes: Vec<(StoreId, Mute)>, now: Timestamp) -> Vec<(StoreId, Mute)> {
        let before = std::mem::take(&mut self.0);
        let asked = |(store, mute): &(StoreId, Mute)| {
            before.get(&(store.clone(), mute.uid.clone())).filter(|asked| asked.version == mute.version)
        };
        let is_due = |entry: &&(StoreId, Mute)| asked(entry).is_none_or(|asked| now >= asked.next);
        let kinds: HashSet<Kind> = mutes.iter().filter(is_due).map(|(_, mute)| mute.kind).collect();
        for entry in &mutes {
            let (store, mute) = entry;
            let next = match asked(entry) {
                Some(asked) if !kinds.contains(&mute.kind) => *asked,
                asked => {
                    let pause = asked.map_or(FIRST, |asked| (asked.pause * 2).min(LONGEST));
                    Asked { version: mute.version, pause, next: now + pause }
                }
            };
            self.0.insert((store.clone(), mute.uid.clone()), next);
        }
        mutes.into_iter().filter(|(_, mute)| kinds.contains(&mute.kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    use store_core::store::Component;

    use super::*;
    use crate::testing::{at, store};

    fn mute(version: u64) -> Vec<(StoreId, Mute)> {
        vec![(store().id, named(Kind::Claim, "u", version))]
    }

    fn named(kind: Kind, uid: &str, version: u64) -> Mute {
        let (name, uid, component) = ("data".to_owned(), uid.to_owned(), Component::Database);
        Mute { kind, name, uid, component, since: at(0), version, crashes: false }
    }

    /// When an object is asked that has this version at each look, every 5 s until the end.
    fn asked(questions: &mut Questions, seconds: std::ops::Range<i64>, version: u64) -> Vec<i64> {
        seconds.step_by(5).filter(|second| !questions.due(mute(version), at(*second)).is_empty()).collect()
    }

    #[test]
    fn an_object_that_stays_mute_is_asked_less_and_less() {
        let mut questions = Questions::default();
        assert_eq!(asked(&mut questions, 5..150, 1), [5, 10, 20, 40, 70, 100, 130]);
    }

    #[test]
    fn an_object_that_changes_or_comes_back_is_asked_anew() {
        let mut questions = Questions::default();
        assert_eq!(asked(&mut questions, 0..100, 1), [0, 5, 15, 35, 65, 95]);
        assert_eq!(asked(&mut questions, 100..120, 2), [100, 105, 115]);
        assert_eq!(questions.due(Vec::new(), at(120)), []);
        assert_eq!(asked(&mut questions, 125..140, 2), [125, 130]);
    }

    #[test]
    fn what_is_asked_for_one_is_asked_for_all_of_its_kind() {
        let id = store().id;
        let of = |uids: &[(Kind, &str)]| -> Vec<(StoreId, Mute)> {
            uids.iter().map(|(kind, uid)| (id.clone(), named(*kind, uid, 1))).collect()
        };
        let mut questions = Questions::default();
        let (first, workload) = ((Kind::Claim, "first"), (Kind::StatefulSet, "workload"));
        assert_eq!(questions.due(of(&[first, workload]), at(0)).len(), 2);
        let both = of(&[first, (Kind::Claim, "second"), workload]);
        assert_eq!(questions.due(both.clone(), at(3)), both[..2]);
        assert_eq!(questions.due(both.clone(), at(5)), both[2..], "the claims were asked");
        // As often as the younger one alone.
        assert_eq!(questions.due(both.clone(), at(8)), both[..2]);
        assert_eq!(questions.due(both, at(9)), []);
    }
}
