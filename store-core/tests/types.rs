//! The types that cannot be wrong: what they take, what they refuse, and that they never show a secret.

mod common;

use std::time::Duration;

use common::{ago, now, store};
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use rstest::rstest;
use store_core::lifecycle::{Desired, Failure, FailureCode, Gate, Gates, ObjectRef, Progress, Provisioning, Status};
use store_core::ports::{Entropy, ErrorClass, PortError};
use store_core::service::{CreateStore, StoreRef};
use store_core::store::{
    AdminEmail, AdminPassword, AdminUsername, CipherError, CredentialsCipher, CredentialsKey, Engine, Plan,
    PublicUrlTemplate, ReservedNames, StoreCredentials, StoreId, StoreName,
};
use store_core::testing::SeededEntropy;

#[rstest]
#[case::short("abc")]
#[case::digits("123")]
#[case::hyphens("my-first-shop-2")]
#[case::forty("a234567890123456789012345678901234567890")]
fn a_name_that_is_one(#[case] name: &str) {
    assert_eq!(StoreName::parse(name).map(|name| name.to_string()), Ok(name.to_owned()));
}

#[rstest]
#[case::empty("", "3 to 40")]
#[case::too_short("ab", "3 to 40")]
#[case::too_long("a2345678901234567890123456789012345678901", "3 to 40")]
#[case::upper_case("MyShop", "'M'")]
#[case::leading_hyphen("-shop", "begin and end")]
#[case::trailing_hyphen("shop-", "begin and end")]
#[case::dots("a..b", "'.'")]
#[case::internationalised("xn--shop", "third and fourth")]
#[case::template("{{name}}", "'{'")]
#[case::helm_values("a,b=c", "','")]
#[case::option("--post-renderer", "begin and end")]
#[case::path("../etc", "'.'")]
#[case::line_break("shop\nname", "'\\n'")]
#[case::umlaut("shöp", "'ö'")]
fn a_name_that_is_none(#[case] name: &str, #[case] says: &str) {
    let error = StoreName::parse(name).expect_err("it is refused");
    assert!(error.message().contains(says), "{}", error.message());
}

proptest! {
    #[test]
    fn every_name_that_is_taken_is_a_dns_label(text in "\\PC{0,45}") {
        if let Ok(name) = StoreName::parse(&text) {
            let name = name.as_str();
            prop_assert!((3..=40).contains(&name.len()));
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'));
        }
    }

    #[test]
    fn names_in_the_cluster_stay_within_their_limits(seed: u64, attempt in 1u32..=u32::MAX) {
        let entropy = SeededEntropy::new(seed);
        let id = StoreId::random(|| entropy.next_u64());
        prop_assert!(StoreId::parse(id.as_str()).is_ok());
        prop_assert!(id.release().len() <= 53, "Helm's limit");
        prop_assert!(id.setup_job(attempt).len() <= 63, "a label's limit");
    }
}

#[test]
fn reserved_names_are_refused_and_named() {
    let name = StoreName::parse("admin").expect("a well-formed name");
    let error = ReservedNames::default().check(&name).expect_err("it is reserved");
    assert!(error.message().contains("admin is reserved"), "{}", error.message());
}

#[rstest]
#[case("owner@example.com", true)]
#[case("owner+shop@mail.example.com", true)]
#[case("owner@localhost", true)]
#[case("owner", false)]
#[case("owner@", false)]
#[case("owner@example", false)]
#[case("Owner <owner@example.com>", false)]
#[case("a b@example.com", false)]
fn e_mail_addresses(#[case] text: &str, #[case] is_one: bool) {
    assert_eq!(AdminEmail::parse(text).is_ok(), is_one);
}

#[rstest]
#[case("storeadmin", true)]
#[case("Ada Lovelace", true)]
#[case("", false)]
#[case(" storeadmin", false)]
#[case("a\tb", false)]
fn user_names(#[case] text: &str, #[case] is_one: bool) {
    assert_eq!(AdminUsername::parse(text).is_ok(), is_one);
}

#[test]
fn a_password_is_never_shown() {
    let password = AdminPassword::parse("SecurePass123!").expect("a password");
    assert!(!format!("{password:?}").contains("SecurePass"));
    let refused = AdminPassword::parse("secret\n-with-a-line").expect_err("it is refused");
    assert!(!refused.message().contains("secret"));
    assert!(AdminPassword::parse("1234567").is_err());
    let request: CreateStore = serde_json::from_str(r#"{"admin_password":"SecurePass123!"}"#).expect("a request");
    assert!(!format!("{request:?}").contains("SecurePass"));
    let credentials = StoreCredentials::new([("admin-password".to_owned(), "SecurePass123!".into())]);
    assert_eq!(format!("{credentials:?}"), r#"{"admin-password"}"#);
}

#[test]
fn a_sealed_password_opens_only_for_its_store_and_its_installation() {
    let (old, new) = (CredentialsKey::new([1; 32]), CredentialsKey::new([2; 32]));
    let cipher = CredentialsCipher::new(old.clone(), Vec::new());
    let installation = uuid::Uuid::from_u128(1);
    let (mine, other) = (StoreId::parse("aaaaaaaaaa").expect("an id"), StoreId::parse("bbbbbbbbbb").expect("an id"));
    let password = AdminPassword::parse("SecurePass123!").expect("a password");
    let sealed = cipher.seal([3; 12], installation, &mine, &password);
    assert!(!sealed.sealed.windows(6).any(|window| window == b"Secure"));

    let open = |cipher: &CredentialsCipher, installation, id| {
        cipher.open(installation, id, &sealed).map(|password| password.expose().to_owned())
    };
    assert_eq!(open(&cipher, installation, &mine), Ok("SecurePass123!".to_owned()));
    assert_eq!(open(&cipher, installation, &other), Err(CipherError::NotAuthentic));
    assert_eq!(open(&cipher, uuid::Uuid::from_u128(2), &mine), Err(CipherError::NotAuthentic));
    let rotated = CredentialsCipher::new(new.clone(), vec![old.clone()]);
    assert_eq!(open(&rotated, installation, &mine), Ok("SecurePass123!".to_owned()));
    let lost = CredentialsCipher::new(new, Vec::new());
    assert_eq!(open(&lost, installation, &mine), Err(CipherError::KeyMissing { key_id: old.id() }));
}

#[rstest]
#[case("http://{name}.localhost", "http://demo.localhost", "demo.localhost")]
#[case("http://{name}.localhost:8080/", "http://demo.localhost:8080", "demo.localhost")]
#[case("https://{name}.stores.example.com", "https://demo.stores.example.com", "demo.stores.example.com")]
fn public_addresses(#[case] template: &str, #[case] url: &str, #[case] host: &str) {
    let template = PublicUrlTemplate::parse(template).expect("a template");
    let address = template.address(&StoreName::parse("demo").expect("a name"), Engine::Medusa);
    assert_eq!((address.store_url.as_str(), address.host.as_str()), (url, host));
    assert_eq!(address.admin_url, format!("{url}/app"));
}

#[rstest]
#[case::no_scheme("{name}.localhost")]
#[case::no_name("http://localhost")]
#[case::name_in_the_path("http://localhost/{name}")]
#[case::a_path("http://{name}.localhost/shop")]
#[case::a_port_that_is_none("http://{name}.localhost:http")]
#[case::credentials("http://user:pw@{name}.localhost")]
fn templates_that_are_none(#[case] template: &str) {
    assert!(PublicUrlTemplate::parse(template).is_err());
}

#[test]
fn unknown_words_name_what_is_allowed() {
    assert_eq!(
        "shopify".parse::<Engine>().expect_err("unknown").message(),
        r#"unknown engine "shopify"; allowed: medusa, woocommerce"#
    );
    assert_eq!(
        "huge".parse::<Plan>().expect_err("unknown").message(),
        r#"unknown plan "huge"; allowed: small, medium, large"#
    );
    assert!("ready".parse::<Status>().expect_err("unknown").message().contains("PROVISIONING, READY"));
}

#[test]
fn a_word_is_an_id_a_name_or_either() {
    assert!(matches!(StoreRef::parse("demo"), Ok(StoreRef::Name(_))));
    assert!(matches!(StoreRef::parse("a123456789"), Ok(StoreRef::Either(..))));
    assert!(StoreRef::parse("No Store").is_err());
}

#[test]
fn gates_are_met_in_order_and_stay_met() {
    let mut gates = Gates::begin(Engine::Medusa, ago(10));
    assert_eq!(gates.step(), Some(Gate::Queued));
    assert_eq!(gates.advance(3, ago(8)), [Gate::Queued, Gate::Namespace, Gate::Credentials]);
    assert_eq!(gates.step(), Some(Gate::Release));
    assert_eq!(gates.advance(2, ago(7)), [], "a gate that is met stays met");
    assert_eq!(gates.advance(4, ago(6)), [Gate::Release]);
    let release = gates.records()[3];
    assert_eq!((release.started_at, release.ended_at), (Some(ago(8)), Some(ago(6))));
    gates.advance(usize::MAX, now());
    assert_eq!(gates.step(), None);
}

#[test]
fn each_engine_has_gates_in_its_own_order() {
    let between = |engine| Gate::of(engine)[5..7].to_vec();
    assert_eq!(between(Engine::Medusa), [Gate::Setup, Gate::Application]);
    assert_eq!(between(Engine::Woocommerce), [Gate::Application, Gate::Setup]);
    for engine in Engine::ALL {
        assert_eq!(Gate::of(engine).first(), Some(&Gate::Queued));
        assert_eq!(Gate::of(engine).last(), Some(&Gate::Storefront));
        assert_eq!(engine.as_str().parse(), Ok(engine));
    }
}

#[test]
fn only_time_in_which_the_cluster_was_seen_is_debited() {
    let mut provisioning = Provisioning::begin(1);
    let longest = Duration::from_secs(10);
    provisioning.debit(ago(100), longest);
    assert_eq!(provisioning.spent(), Duration::ZERO);
    provisioning.debit(ago(95), longest);
    assert_eq!(provisioning.spent(), Duration::from_secs(5));
    provisioning.debit(ago(20), longest);
    assert_eq!(provisioning.spent(), Duration::from_secs(15), "an hour out of sight counts as one look at most");
    provisioning.debit(ago(30), longest);
    assert_eq!(provisioning.spent(), Duration::from_secs(15), "a clock that goes back debits nothing");
}

#[test]
fn an_illegal_transition_names_state_and_event() {
    let ready = store().progress.become_ready(1, now()).expect("it may become ready");
    let failure = Failure::new(FailureCode::TimedOut, "late", "retry");
    let error = ready.clone().fail(failure, now()).expect_err("a READY store does not fail");
    assert_eq!(error.to_string(), "a store that is ready cannot fail");
    assert!(ready.begin_attempt(2).is_err());
    let deleted = Progress::Deleted(store_core::lifecycle::Deleted {
        at: now(),
        evidence: store_core::lifecycle::TeardownEvidence::default(),
        looked_again: false,
    });
    let error = deleted.begin_teardown(store_core::lifecycle::TeardownEvidence::default(), now());
    assert_eq!(error.expect_err("it is gone").to_string(), "a store that is deleted cannot begin its teardown");
}

#[test]
fn the_status_follows_the_intent_at_once() {
    let mut store = store();
    assert_eq!(store.status(), Status::Provisioning);
    store.intent.desired = Desired::Deleted;
    assert_eq!(store.status(), Status::Deleting);
}

#[test]
fn a_reason_is_one_line_with_culprit_and_hint() {
    let failure = Failure::new(FailureCode::ImagePull, "The image cannot be pulled", "Check its name")
        .blaming(ObjectRef::new("Pod", "server-0"))
        .quoting("Back-off\npulling   image");
    assert_eq!(failure.reason(), "The image cannot be pulled: Back-off pulling image [Pod server-0]. Check its name");
    let long = failure.quoting(&"x".repeat(5000));
    assert_eq!(long.event.expect("an event").len(), Failure::EVENT_MAX);
}

#[test]
fn an_error_of_a_port_never_prints_its_source() {
    let error = PortError::new(ErrorClass::Transient, "no answer").because("the source");
    assert_eq!(error.to_string(), "no answer");
}
