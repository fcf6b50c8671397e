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
#[case::postgres("postgres://stores:hunter22@db/stores", "PostgreSQL is not supported yet")]
#[case::postgresql("postgresql://stores:hunter22@db/stores", "PostgreSQL is not supported yet")]
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
