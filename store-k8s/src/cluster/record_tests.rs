//! How a record follows what happens: order, relists, reads that overtake each other, and how long things last.

use pretty_assertions::assert_eq;
use rstest::rstest;
use store_core::lifecycle::FailureCode;
use store_core::ports::SetupReport;

use super::*;
use crate::cluster::diagnosis;
use crate::cluster::facts::{ClaimFact, IngressFact, WorkloadFact};
use crate::testing::{at, store};

fn workload(ready: bool) -> Fact {
    let (uid, component) = ("u".to_owned(), Component::Server);
    Fact::Workload(WorkloadFact { uid, component, ready, mute: false, trouble: None })
}

fn claim(pending: bool) -> Fact {
    let (uid, component) = ("u".to_owned(), Component::Database);
    let volume = (!pending).then(|| "pv-1".to_owned());
    Fact::Claim(ClaimFact { uid, component, volume, pending, node_chosen: false, trouble: None })
}

fn pod(troubles: &[(FailureCode, u32)]) -> Fact {
    let trouble = |&(code, times): &(FailureCode, u32)| Trouble {
        code,
        component: Component::Server,
        kind: Kind::Pod,
        name: "server-1".into(),
        what: "x".into(),
        said: String::new(),
        times,
        since: None,
    };
    Fact::Pod(PodFact { troubles: troubles.iter().map(trouble).collect(), ..PodFact::default() })
}

/// A record that is told of one object after the other, in listing 1.
#[derive(Default)]
struct Told(Record);

impl Told {
    fn apply(&mut self, kind: Kind, name: &str, fact: Fact, version: u64, second: i64) -> bool {
        self.0.apply(kind, name.into(), fact, version, 1, at(second))
    }

    fn seen(&self) -> Observation {
        self.0.observation(&store())
    }
}

#[test]
fn only_what_is_kept_counts_as_a_change_and_readiness_has_a_beginning() {
    let mut told = Told::default();
    assert!(told.apply(Kind::Deployment, "server", workload(false), 1, 0));
    assert!(!told.apply(Kind::Deployment, "server", workload(false), 2, 5));
    assert_eq!(told.seen().workloads[0].since, at(0));
    assert!(told.apply(Kind::Deployment, "server", workload(true), 3, 9));
    assert_eq!(told.seen().workloads[0], WorkloadSeen { component: Component::Server, ready: true, since: at(9) });
}

#[test]
fn older_news_is_no_news() {
    let mut told = Told::default();
    told.apply(Kind::Deployment, "server", workload(true), 7, 0);
    assert!(!told.apply(Kind::Deployment, "server", workload(false), 6, 1));
    assert!(!told.0.remove(Kind::Deployment, "server", 6, at(1)));
    assert!(told.seen().is_workload_ready(Component::Server));
    assert!(told.0.remove(Kind::Deployment, "server", 8, at(1)));
    assert_eq!(told.seen().workloads, []);
}

#[test]
fn what_a_fresh_read_did_not_find_does_not_come_back_with_older_news() {
    let mut told = Told::default();
    told.apply(Kind::Pod, "old", pod(&[]), 3, 0);
    assert!(told.0.replace(Kind::Pod, vec![("new".into(), pod(&[]), 9)], 10, 1, at(1)));
    assert_eq!(told.seen().leftovers, 1);
    assert!(!told.apply(Kind::Pod, "old", pod(&[]), 4, 2));
    assert_eq!(told.seen().leftovers, 1);
    // But what a watch knows from after the read stays, and a read that was overtaken changes nothing.
    assert!(told.apply(Kind::Pod, "newest", pod(&[]), 12, 3));
    assert!(!told.0.replace(Kind::Pod, vec![], 5, 1, at(4)));
    told.0.replace(Kind::Pod, vec![("new".into(), pod(&[]), 9)], 11, 1, at(4));
    assert_eq!(told.seen().leftovers, 2);
}

#[test]
fn a_fresh_read_takes_what_is_older_than_an_earlier_one() {
    let mut told = Told::default();
    told.0.replace(Kind::Ingress, vec![], 10, 1, at(0));
    let ingress = Fact::Ingress(IngressFact { addressed: true, class: None });
    // Made before the first read of another kind's version, yet listed now: it is there.
    told.0.replace(Kind::Ingress, vec![("i".into(), ingress, 9)], 11, 1, at(1));
    assert_eq!(told.seen().published, Published::Yes);
}

#[test]
fn what_keeps_a_url_from_answering_is_named() {
    let mut told = Told::default();
    told.apply(Kind::Namespace, "n", namespace("n"), 1, 0);
    let code = |told: &Told| told.seen().unpublished.map(|failure| failure.code);
    assert_eq!(code(&told), Some(FailureCode::Drift));
    let ingress = |addressed| Fact::Ingress(IngressFact { addressed, class: Some("nginx".into()) });
    told.apply(Kind::Ingress, "storefront", ingress(false), 2, 1);
    assert_eq!(code(&told), Some(FailureCode::IngressNoAddress));
    assert_eq!(told.0.waiting_classes().collect::<Vec<_>>(), ["nginx"]);
    told.0.class_exists = Some(false);
    let failure = told.seen().unpublished.unwrap();
    assert_eq!(failure.code, FailureCode::IngressClassMissing);
    assert_eq!(failure.reason().split(" [").next(), Some("The cluster has no ingress class \"nginx\""));
    told.apply(Kind::Ingress, "storefront", ingress(true), 3, 2);
    assert_eq!((told.seen().published, code(&told)), (Published::Yes, None));
}

#[test]
fn what_is_left_of_a_kind_that_holds_up_a_teardown_is_named() {
    let mut told = Told::default();
    let message = "deployments.apps has 1 resource instances".to_owned();
    let blocker = Some(Blocker { message, object: None, hint: String::new() });
    let namespace = Fact::Namespace(NamespaceFact { uid: "n".into(), terminating: true, blocker });
    told.apply(Kind::Namespace, "n", namespace, 1, 0);
    told.apply(Kind::Pod, "server-1", pod(&[]), 2, 0);
    let object = |told: &Told| match told.seen().namespace {
        NamespaceSeen::Terminating { blocker: Some(blocker), .. } => blocker.object,
        other => panic!("{other:?}"),
    };
    assert_eq!(object(&told), None);
    told.apply(Kind::Deployment, "server", workload(false), 3, 0);
    assert_eq!(object(&told), Some(ObjectRef::new("Deployment", "server")));
}

#[test]
fn a_setup_job_of_a_later_revision_is_the_attempts() {
    let mut told = Told::default();
    let job = || {
        let uid = "u".to_owned();
        Fact::Job(JobFact { uid, complete: false, failed: None, failures: 0, mute: false })
    };
    let name = store().id.setup_job(1);
    assert_eq!(told.0.setup_job(&name), name);
    told.apply(Kind::Job, &format!("{name}-2"), job(), 1, 0);
    assert_eq!(told.0.setup_job(&name), name, "another attempt's");
    told.apply(Kind::Job, &format!("{name}-r2"), job(), 2, 0);
    assert_eq!(told.0.setup_job(&name), format!("{name}-r2"));
}

#[test]
fn what_events_tell_is_as_old_as_they_say_but_no_older_than_its_object() {
    let mut told = Told::default();
    let crashing = pod(&[(FailureCode::CrashLoop, 3)]);
    told.apply(Kind::Pod, "server-1", crashing, 1, 100);
    let mute = told.0.probed().pop().expect("it may be a probe");
    assert!(mute.crashes);
    let since = |told: &Told| told.seen().suspicions.iter().map(|s| (s.failure.code, s.since)).collect::<Vec<_>>();
    assert_eq!(since(&told), [(FailureCode::CrashLoop, at(100))]);
    let trouble = |seconds| Trouble {
        since: Some(at(seconds)),
        ..diagnosis::failing_probe(Component::Server, "server-1", "HTTP 500")
    };
    told.0.tell(&mute, Some(trouble(130)), at(200));
    assert_eq!(since(&told), [(FailureCode::ProbeFailing, at(130))]);

    let mut another = Told::default();
    another.apply(Kind::Pod, "server-1", pod(&[(FailureCode::ProbeFailing, 1)]), 1, 100);
    another.0.tell(&mute, Some(trouble(5)), at(200));
    assert_eq!(since(&another), [(FailureCode::ProbeFailing, at(100))], "a clock that is off makes nothing older");
}

#[test]
fn a_read_that_comes_back_late_brings_back_nothing_that_was_deleted_meanwhile() {
    let mut told = Told::default();
    told.apply(Kind::Namespace, "n", namespace("n"), 5, 0);
    // The read is made at version 7, the namespace goes at version 9, and only then the read comes back.
    assert!(told.0.remove(Kind::Namespace, "n", 9, at(1)));
    told.0.replace(Kind::Namespace, vec![("n".into(), namespace("n"), 5)], 7, 1, at(2));
    assert_eq!(told.seen().namespace, NamespaceSeen::Absent);
    // One that was made later finds what is there.
    told.0.replace(Kind::Namespace, vec![("n".into(), namespace("m"), 11)], 12, 1, at(3));
    assert_eq!(told.seen().namespace, NamespaceSeen::Active { uid: "m".into() });
    told.0.remove(Kind::Namespace, "n", 13, at(4));
    assert!(!told.0.is_empty());
    told.0.sweep(Kind::Namespace, 2, at(5));
    assert!(told.0.is_empty(), "a complete listing is as new as anything");
}

#[test]
fn a_listing_forgets_what_it_did_not_have() {
    let mut told = Told::default();
    told.apply(Kind::Pod, "gone", pod(&[]), 1, 0);
    told.0.apply(Kind::Pod, "there".into(), pod(&[]), 2, 2, at(1));
    told.apply(Kind::Deployment, "server", workload(true), 3, 0);
    assert!(told.0.sweep(Kind::Pod, 2, at(2)));
    assert!(!told.0.sweep(Kind::Pod, 2, at(2)));
    assert_eq!(told.seen().leftovers, 2);
}

#[test]
fn a_suspicion_lasts_while_it_is_seen_and_begins_anew_after_a_break() {
    let mut told = Told::default();
    let crash = |times| pod(&[(FailureCode::CrashLoop, times)]);
    told.apply(Kind::Pod, "server-1", crash(1), 1, 0);
    told.apply(Kind::Pod, "server-1", crash(2), 2, 20);
    // Another pod of the same component with the same trouble takes its place: it goes on.
    told.apply(Kind::Pod, "server-2", crash(1), 3, 25);
    told.0.remove(Kind::Pod, "server-1", 4, at(30));
    let seen = told.seen().suspicions;
    assert_eq!((seen.len(), seen[0].since, seen[0].times), (1, at(0), 1));
    told.apply(Kind::Pod, "server-2", pod(&[]), 5, 40);
    assert_eq!(told.seen().suspicions, []);
    told.apply(Kind::Pod, "server-2", crash(2), 6, 50);
    assert_eq!(told.seen().suspicions[0].since, at(50));
}

#[test]
fn a_short_break_does_not_end_a_suspicion() {
    let mut told = Told::default();
    let crash = |times| pod(&[(FailureCode::CrashLoop, times)]);
    told.apply(Kind::Pod, "server-1", crash(1), 1, 0);
    // It runs for a moment, as each time before it ends, and counts as ready meanwhile.
    told.apply(Kind::Pod, "server-1", pod(&[]), 2, 20);
    assert_eq!(told.seen().suspicions, []);
    told.apply(Kind::Pod, "server-1", crash(2), 3, 22);
    assert_eq!(told.seen().suspicions[0].since, at(0));
    // Each break counts by itself.
    told.apply(Kind::Pod, "server-1", pod(&[]), 4, 25);
    told.apply(Kind::Pod, "server-1", crash(3), 5, 31);
    assert_eq!(told.seen().suspicions[0].since, at(0));
}

#[test]
fn what_events_told_lasts_until_the_object_speaks_for_itself() {
    let mut told = Told::default();
    told.apply(Kind::Claim, "data", claim(true), 1, 0);
    let mutes = told.0.mutes();
    assert_eq!((mutes.len(), mutes[0].since), (1, at(0)));
    let trouble = diagnosis::claim_unbound(Component::Database, "data", "no such class");
    assert!(told.0.tell(&mutes[0], Some(trouble.clone()), at(5)));
    assert!(!told.0.tell(&mutes[0], Some(trouble), at(9)));
    assert_eq!(told.seen().suspicions[0].since, at(5));
    told.apply(Kind::Claim, "data", claim(false), 2, 10);
    assert_eq!(told.seen().suspicions, []);
    assert_eq!(told.0.bound_volumes(), [("pv-1".to_owned(), "data".to_owned())]);
}

#[test]
fn a_claim_that_waits_for_its_pod_is_not_asked() {
    let mut told = Told::default();
    told.apply(Kind::Claim, "data-database-0", claim(true), 1, 0);
    let waiting = Fact::Pod(PodFact { holds_up: vec!["data-database-0".into()], ..PodFact::default() });
    told.apply(Kind::Pod, "database-0", waiting, 2, 1);
    assert_eq!(told.0.mutes(), []);
    // A node was found: now it is for the provisioner to make a volume.
    let Fact::Claim(pending) = claim(true) else { panic!() };
    let chosen = Fact::Claim(ClaimFact { node_chosen: true, ..pending });
    told.apply(Kind::Claim, "data-database-0", chosen, 3, 2);
    assert_eq!(told.0.mutes().len(), 1);
    told.apply(Kind::Claim, "data-database-0", claim(true), 4, 3);
    told.apply(Kind::Pod, "database-0", pod(&[]), 5, 3);
    assert_eq!(told.0.mutes().len(), 1);
}

#[test]
fn a_setup_jobs_report_outlives_its_pod_but_not_its_job() {
    let job = |uid: &str, complete| {
        let uid = uid.to_owned();
        Fact::Job(JobFact { uid, complete, failed: None, failures: 0, mute: false })
    };
    let name = store().id.setup_job(1);
    let details = BTreeMap::from([("publishable_api_key".to_owned(), "pk_1".to_owned())]);
    let done = Fact::Pod(PodFact {
        job: Some(name.clone()),
        job_uid: Some("first".into()),
        ended: Some(true),
        report: Some(details.clone()),
        ..PodFact::default()
    });
    let mut told = Told::default();
    told.apply(Kind::Job, &name, job("first", false), 1, 0);
    told.apply(Kind::Pod, "setup-1", done, 2, 1);
    told.0.remove(Kind::Pod, "setup-1", 3, at(2));
    told.apply(Kind::Job, &name, job("first", true), 4, 3);
    assert_eq!(told.seen().setup, SetupSeen::Succeeded(SetupReport { details }));
    told.apply(Kind::Job, &name, job("second", true), 5, 4);
    assert!(matches!(told.seen().setup, SetupSeen::Failed(_)), "{:?}", told.seen().setup);
}

#[test]
fn the_namespace_is_seen_in_all_its_states() {
    let mut told = Told::default();
    assert_eq!(told.seen().namespace, NamespaceSeen::Absent);
    told.0.foreign_namespace = true;
    assert_eq!(told.seen().namespace, NamespaceSeen::Foreign);
    let namespace = |terminating| Fact::Namespace(NamespaceFact { uid: "u".into(), terminating, blocker: None });
    told.apply(Kind::Namespace, "store-abcdefghij", namespace(false), 1, 0);
    assert_eq!(told.seen().namespace, NamespaceSeen::Active { uid: "u".into() });
    told.apply(Kind::Namespace, "store-abcdefghij", namespace(true), 2, 0);
    assert_eq!(told.seen().namespace, NamespaceSeen::Terminating { uid: "u".into(), blocker: None });
}

#[rstest]
#[case::it_is_deleted_and_made_again(|told: &mut Told| told.0.remove(Kind::Namespace, "n", 2, at(1)))]
#[case::only_the_new_one_is_noticed(|told: &mut Told| told.apply(Kind::Namespace, "n", namespace("v"), 2, 1))]
#[case::a_list_does_not_have_it(|told: &mut Told| told.0.sweep(Kind::Namespace, 2, at(1)))]
fn what_was_read_of_a_namespace_says_nothing_of_the_next(#[case] goes: fn(&mut Told) -> bool) {
    let mut told = Told::default();
    told.apply(Kind::Namespace, "n", namespace("u"), 1, 0);
    (told.0.release, told.0.credentials) = (ReleaseSeen::Deployed { revisions: vec![1] }, CredentialsSeen::Ours);
    told.apply(Kind::Namespace, "n", namespace("u"), 1, 0);
    assert_eq!(told.seen().credentials, CredentialsSeen::Ours);
    assert!(goes(&mut told));
    assert_eq!((told.seen().release, told.seen().credentials), (ReleaseSeen::Unknown, CredentialsSeen::Unknown));
}

fn namespace(uid: &str) -> Fact {
    Fact::Namespace(NamespaceFact { uid: uid.into(), terminating: false, blocker: None })
}
