//! The committed OpenAPI document is the one that the server has.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use boon::{Compiler, Schemas};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

#[test]
fn the_committed_document_is_current() {
    let file = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).join("openapi.json");
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    let is_current = committed == store_http::openapi_text();
    assert!(
        is_current,
        "store-http/openapi.json is out of date: cargo run -p store-http -- openapi > store-http/openapi.json"
    );
}

fn document() -> Value {
    serde_json::from_str(&store_http::openapi_text()).unwrap()
}

/// The schema of the specification's authors (Apache-2.0), as it is published at its own address. It leaves the schemas
/// within a document to JSON Schema.
const OPENAPI: (&str, &str) =
    ("https://spec.openapis.org/oas/3.1/schema/2022-10-07", include_str!("openapi-3.1.schema.json"));
const JSON_SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";

#[test]
fn the_document_is_valid_openapi() {
    let (address, text) = OPENAPI;
    let (mut rules, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource(address, serde_json::from_str(text).unwrap()).unwrap();
    let openapi = compiler.compile(address, &mut rules).unwrap();
    let json_schema = compiler.compile(JSON_SCHEMA, &mut rules).unwrap();

    let document = document();
    rules.validate(&document, openapi).unwrap_or_else(|wrong| panic!("{wrong:#}"));
    let mut schemas = Vec::new();
    collect_schemas(&document, &mut schemas);
    assert!(schemas.len() > 100, "{}", schemas.len());
    for schema in schemas {
        rules.validate(schema, json_schema).unwrap_or_else(|wrong| panic!("{schema}: {wrong:#}"));
    }

    let mut broken = document;
    broken["paths"]["/livez"]["get"]["responses"]["200"] = json!({ "content": {} });
    assert!(rules.validate(&broken, openapi).is_err(), "an answer needs a description");
    assert!(rules.validate(&json!({ "type": "text" }), json_schema).is_err(), "there is no such type");
}

/// Those of parameters, headers and bodies, and those that have names.
fn collect_schemas<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            into.extend(members.get("schema"));
            into.extend(members.get("schemas").and_then(Value::as_object).into_iter().flat_map(|named| named.values()));
            members.values().for_each(|member| collect_schemas(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_schemas(item, into)),
        _ => {}
    }
}

#[test]
fn every_route_is_documented_with_its_answers() {
    let document = document();
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let answers: Vec<_> = operation["responses"].as_object().unwrap().keys().cloned().collect();
            found.push(format!("{} {path} {}", method.to_uppercase(), answers.join(" ")));
            assert!(operation["summary"].is_string() || operation["description"].is_string(), "{method} {path}");
            assert!(operation["operationId"].is_string(), "{method} {path}");
        }
    }
    found.sort();
    let expected = [
        "DELETE /api/v1/stores/{id} 202 400 401 403 404 409 412 421 500 503 504",
        "GET /api/v1/events 200 400 401 403 404 421 500 503 504",
        "GET /api/v1/health 200 403 421 503",
        "GET /api/v1/me 200 401 403 421 503",
        "GET /api/v1/platform 200 401 403 421 503",
        "GET /api/v1/stores 200 400 401 403 421 500 503 504",
        "GET /api/v1/stores/{id} 200 401 403 404 421 500 503 504",
        "GET /api/v1/stores/{id}/events 200 400 401 403 404 421 500 503 504",
        "GET /api/v1/stores/{id}/logs 200 400 401 403 404 421 500 503 504",
        "GET /api/v1/stores/{id}/pods 200 401 403 404 421 500 503 504",
        "GET /livez 200 403 421 503",
        "GET /metrics 200 401 403 404 421 503 504",
        "GET /openapi.json 200 401 403 421 503",
        "GET /readyz 200 403 421 503 504",
        "PATCH /api/v1/stores/{id} 200 400 401 403 404 408 409 412 413 415 421 422 500 503 504",
        "POST /api/v1/stores 202 400 401 403 408 409 413 415 421 422 500 503 504",
        "POST /api/v1/stores/{id}/retry 202 400 401 403 404 408 409 412 413 415 421 422 500 503 504",
    ];
    assert_eq!(found, expected);
}

#[test]
fn errors_are_documented_as_problems() {
    let document = document();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            let errors =
                operation["responses"].as_object().unwrap().iter().filter(|(code, _)| code.starts_with(['4', '5']));
            for (code, answer) in errors {
                let content = answer["content"].as_object().unwrap();
                assert!(content.contains_key("application/problem+json"), "{} {code}", operation["operationId"]);
            }
        }
    }
}

#[test]
fn the_request_says_what_is_required_and_what_is_secret() {
    let document = document();
    let request = &document["components"]["schemas"]["CreateStore"];
    let mut required: Vec<_> =
        request["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    required.sort_unstable();
    assert_eq!(required, ["admin_email", "admin_password", "admin_username", "engine", "name"]);
    assert_eq!(request["additionalProperties"], false);
    assert_eq!(request["properties"]["admin_password"]["format"], "password");
    assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
}
