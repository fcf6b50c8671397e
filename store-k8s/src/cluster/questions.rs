//! When the events of which mute object are asked: soon at first, then less and less, so that stores that wait for
//! long cost next to nothing. Pure; the time is handed in.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use store_core::store::StoreId;

use super::record::Mute;

/// How long an object must have been mute before it is asked, and how long until it is asked for the second time.
pub(crate) const FIRST: SignedDuration = SignedDuration::from_secs(5);
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// Which objects were asked, by store and UID.
#[derive(Debug, Default)]
pub(crate) struct Questions(HashMap<(StoreId, String), Asked>);

#[derive(Debug)]
struct Asked {
    version: u64,
    pause: SignedDuration,
    next: Timestamp,
}

impl Questions {
    /// Those of `mutes` that are to be asked now; they count as asked. Objects that are not mute any more are
    /// forgotten, and one that has changed is asked anew.
    pub(crate) fn due(&mut self, mutes: Vec<(StoreId, Mute)>, now: Timestamp) -> Vec<(StoreId, Mute)> {
        let mut before = std::mem::take(&mut self.0);
        let mut due = Vec::new();
        for (store, mute) in mutes {
            let key = (store.clone(), mute.uid.clone());
            let asked = before.remove(&key).filter(|asked| asked.version == mute.version);
            let asked = match asked {
                Some(asked) if now < asked.next => asked,
                asked => {
                    let pause = asked.map_or(FIRST, |asked| (asked.pause * 2).min(LONGEST));
                    let version = mute.version;
                    due.push((store, mute));
                    Asked { version, pause, next: now + pause }
                }
            };
            self.0.insert(key, asked);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use store_core::store::Component;

    use super::*;
    use crate::cluster::facts::Kind;
    use crate::testing::{at, store};

    fn mute(version: u64) -> Vec<(StoreId, Mute)> {
        let (name, uid, component) = ("data".to_owned(), "u".to_owned(), Component::Database);
        vec![(store().id, Mute { kind: Kind::Claim, name, uid, component, since: at(0), version })]
    }

    /// When an object is asked that has this version at each look, every 5 s until the end.
    fn asked(questions: &mut Questions, seconds: std::ops::Range<i64>, version: u64) -> Vec<i64> {
        seconds.step_by(5).filter(|second| !questions.due(mute(version), at(*second)).is_empty()).collect()
    }

    #[test]
    fn an_object_that_stays_mute_is_asked_less_and_less() {
        let mut questions = Questions::default();
        assert_eq!(asked(&mut questions, 5..1300, 1), [5, 10, 20, 40, 80, 160, 320, 620, 920, 1220]);
    }

    #[test]
    fn an_object_that_changes_or_comes_back_is_asked_anew() {
        let mut questions = Questions::default();
        assert_eq!(asked(&mut questions, 0..100, 1), [0, 5, 15, 35, 75]);
        assert_eq!(asked(&mut questions, 100..120, 2), [100, 105, 115]);
        assert_eq!(questions.due(Vec::new(), at(120)), []);
        assert_eq!(asked(&mut questions, 125..140, 2), [125, 130]);
    }
}
