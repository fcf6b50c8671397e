//! The headers that an answer has because of its status, whatever its route: written into the document once.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema};
use utoipa::openapi::{Header, HeaderBuilder, OpenApi, Ref, RefOr, Type};

/// A header, the status that has it (every one if there is none), and what it says.
struct Common {
    name: &'static str,
    status: Option<&'static str>,
    description: &'static str,
    schema: fn() -> Object,
}

const COMMON: [Common; 3] = [
    Common {
        name: "X-Request-Id",
        status: None,
        description: "The request's id, as the log has it: the caller's own, if it sent one of at most 128 letters, digits \
            and `-_.:`",
        schema: || ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[-A-Za-z0-9_.:]{1,128}$")).build(),
    },
    Common {
        name: "WWW-Authenticate",
        status: Some("401"),
        description: "`Bearer`, with what was wrong with the token if there was one (RFC 6750)",
        schema: || ObjectBuilder::new().schema_type(Type::String).pattern(Some("^Bearer")).build(),
    },
    Common {
        name: "Retry-After",
        status: Some("503"),
        description: "When to come again, in seconds",
        schema: || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build(),
    },
];

/// Adds them to every answer of every route.
pub(super) fn document(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    for common in &COMMON {
        components.headers.insert(common.name.to_owned(), RefOr::T(common.header()));
    }
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            for common in COMMON.iter().filter(|common| common.status.is_none_or(|only| only == status)) {
                let reference = Ref::new(format!("#/components/headers/{}", common.name));
                response.headers.insert(common.name.to_owned(), RefOr::Ref(reference));
            }
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, post, patch, delete, put, .. } = path;
    [get, post, patch, delete, put].into_iter().flatten()
}

impl Common {
    fn header(&self) -> Header {
        let schema = Schema::Object((self.schema)());
        HeaderBuilder::new().schema(Some(schema)).description(Some(self.description)).build()
    }
}
