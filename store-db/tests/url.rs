//! What `DATABASE_URL` may be.

use std::path::Path;

use pretty_assertions::assert_eq;
use rstest::rstest;
use store_db::DatabaseUrl;

#[rstest]
#[case::relative("sqlite:///store_platform.db", "/base/store_platform.db")]
#[case::relative_in_a_directory("sqlite:///data/stores.db", "/base/data/stores.db")]
#[case::absolute("sqlite:////var/lib/stores.db", "/var/lib/stores.db")]
#[case::plain_relative("stores.db", "/base/stores.db")]
#[case::plain_dotted("./stores.db", "/base/./stores.db")]
#[case::plain_absolute("/var/lib/stores.db", "/var/lib/stores.db")]
#[case::colon_after_a_slash("./a:b.db", "/base/./a:b.db")]
#[case::percent_means_itself("sqlite:////tmp/100%20.db", "/tmp/100%20.db")]
#[case::hash_means_itself("sqlite:////tmp/a#b.db", "/tmp/a#b.db")]
fn names_a_file(#[case] url: &str, #[case] path: &str) {
    assert_eq!(DatabaseUrl::parse(url, Path::new("/base")), Ok(DatabaseUrl::Sqlite(path.into())));
}

#[rstest]
#[case::empty("", "names no file")]
#[case::no_path("sqlite:///", "names no file")]
#[case::directory("sqlite:////var/lib/", "names a directory")]
#[case::two_slashes("sqlite://stores.db", "not followed by three slashes")]
#[case::no_slashes("sqlite:stores.db", "not followed by three slashes")]
#[case::memory("sqlite://:memory:", "in memory")]
#[case::memory_with_three("sqlite:///:memory:", "in memory")]
#[case::plain_memory(":memory:", "in memory")]
#[case::options("sqlite:///stores.db?mode=ro", "options after ?")]
#[case::nul("sqlite:////tmp/a\0b", "NUL")]
#[case::postgres_without_a_user("postgres://db/stores", "names no user")]
#[case::postgres_without_a_host("postgres://stores:hunter22@/stores", "names no host")]
#[case::postgres_without_slashes("postgres:stores:hunter22@db/stores", "not followed by two slashes")]
#[case::several_hosts("postgres://stores:hunter22@one,two/stores", "several hosts")]
#[case::no_port("postgres://stores:hunter22@db:x/stores", "port is not a number from 1 to 65535")]
#[case::port_0("postgres://stores:hunter22@db:0/stores", "port is not a number from 1 to 65535")]
#[case::slash_in_the_password("postgres://stores:hunter22/x@db/stores", "written as %40 %3A %2F")]
#[case::at_and_slash_in_the_password("postgres://stores:p@x/hunter22@db/stores", "written as %40 %3A %2F")]
#[case::digits_and_slash_in_the_password("postgres://stores:12/hunter22@db/stores", "written as %40 %3A %2F")]
#[case::question_mark_in_the_password("postgres://stores:p@x?hunter22@db/stores", "written as %40 %3A %2F")]
#[case::at_in_a_parameter("postgres://stores:p@x/y?user=hunter22@db/stores", "written as %40 %3A %2F")]
#[case::not_utf8("postgres://stores:hunter22%ff@db/stores", "password is not UTF-8")]
#[case::postgres_nul("postgres://stores:hunter22@db/stores%00", "database has a NUL")]
#[case::open_bracket("postgres://stores:hunter22@[::1/stores", "no closing bracket")]
#[case::prefer("postgres://stores:hunter22@db/stores?sslmode=prefer", "without encryption unnoticed")]
#[case::allow("postgres://stores:hunter22@db/stores?sslmode=allow", "without encryption unnoticed")]
#[case::verify_ca("postgres://stores:hunter22@db/stores?sslmode=verify-ca", "does not check who the server is")]
#[case::unknown_mode(
    "postgres://stores:hunter22@db/stores?sslmode=hunter22",
    "none of disable, require and verify-full"
)]
#[case::socket_with_tls("postgres://stores@%2Frun/stores?sslmode=require", "no TLS on a Unix socket")]
#[case::password_as_parameter("postgres://stores@db/stores?password=hunter22", "between user and host")]
#[case::unknown_parameter("postgres://stores:hunter22@db/stores?sslkey=/hunter22", "a parameter is not supported")]
#[case::mistyped("postgre://stores:hunter22@db/stores", "\"postgre\" is no kind of database")]
#[case::mistyped_sqlite("sqlte:///stores.db", "\"sqlte\" is no kind of database")]
#[case::other_case("SQLITE:///stores.db", "\"SQLITE\" is no kind of database")]
#[case::file_uri("file:stores.db", "\"file\" is no kind of database")]
#[case::mysql("mysql://root:hunter22@db/stores", "\"mysql\" is no kind of database")]
fn is_refused(#[case] url: &str, #[case] why: &str) {
    let error = DatabaseUrl::parse(url, Path::new("/base")).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
    assert!(error.contains("write sqlite:///stores.db"), "it says what to do: {error}");
    assert!(!error.contains("hunter22"), "it repeats no password: {error}");
}

#[rstest]
#[case::whole("postgres://me:hunter22@db.example:5433/shops", "postgres://me@db.example:5433/shops", true)]
#[case::short("postgresql://me@db.example", "postgres://me@db.example:5432/me", true)]
#[case::encoded("postgres://m%40e:hunter22%2F%3F@db/shop%20s", "postgres://m@e@db:5432/shop s", true)]
#[case::at_in_the_password("postgres://me:hunter22@x@db/shops", "postgres://me@db:5432/shops", true)]
#[case::ipv6("postgres://me@[2001:db8::1]:5433/shops", "postgres://me@[2001:db8::1]:5433/shops", true)]
#[case::localhost("postgres://me@localhost/shops", "postgres://me@localhost:5432/shops", false)]
#[case::loopback("postgres://me@127.0.0.2/shops", "postgres://me@127.0.0.2:5432/shops", false)]
#[case::loopback_ipv6("postgres://me@[::1]/shops", "postgres://me@[::1]:5432/shops", false)]
#[case::local_but_asked_for(
    "postgres://me@localhost/shops?sslmode=require",
    "postgres://me@localhost:5432/shops",
    true
)]
#[case::local_with_authority("postgres://me@localhost/s?sslrootcert=ca.pem", "postgres://me@localhost:5432/s", true)]
#[case::socket("postgres://me@%2Frun%2Fpg/shops", "postgres://me@/run/pg:5432/shops", false)]
#[case::parameters(
    "postgres:///?host=/run/pg&user=me&dbname=shops&port=5433",
    "postgres://me@/run/pg:5433/shops",
    false
)]
#[case::disabled("postgres://me@db/shops?sslmode=disable", "postgres://me@db:5432/shops", false)]
fn names_a_server(#[case] url: &str, #[case] shown: &str, #[case] is_encrypted: bool) {
    let parsed = DatabaseUrl::parse(url, Path::new("/base")).unwrap();
    assert_eq!(parsed.to_string(), shown);
    let debug = format!("{parsed:?}");
    assert_eq!(debug.contains("Verified"), is_encrypted, "{debug}");
    assert!(!debug.contains("hunter22") && !parsed.to_string().contains("hunter22"), "no password: {debug}");
}

#[test]
fn a_relative_authority_belongs_to_the_file_that_names_it() {
    let url = DatabaseUrl::parse("postgres://me@db/shops?sslrootcert=ca.pem", Path::new("/base")).unwrap();
    assert!(format!("{url:?}").contains("/base/ca.pem"));
}
