//! Stores: create, list, read, delete, retry.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use store_core::lifecycle::Status;
use store_core::ports::ListQuery;
use store_core::service::{CreateStore, PatchStore, RetryStore, StoreDocument, StoreList, StoreRef};
use store_core::store::{Engine, StoreId, StoreName};

use super::{location, store_id};
use crate::answers::{BodyProblems, CommonProblems, ConditionalProblems, StoreProblems};
use crate::app::{App, Shared};
use crate::body::{Presence, flags, texts};
use crate::conditional::{IfMatch, etag};
use crate::problem::{Kind, Problem, Refusal};
use crate::query::{Parameters, number};

const PAGE_SIZE_MAX: u64 = 1000;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Lists stores, oldest first.
///
/// Deleted ones only when asked for by `status=DELETED`.
#[utoipa::path(
    get,
    path = "/stores",
    tag = "stores",
    operation_id = "listStores",
    params(
        ("status" = Option<Vec<Status>>, Query, description = "Only these; repeated, or separated by commas"),
        ("engine" = Option<Engine>, Query, description = "Only this engine"),
        ("name" = Option<String>, Query, description = "Only the store of this name"),
        ("page_size" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "1,000 if absent"),
        ("page_token" = Option<String>, Query, description = "The last answer's `next_page_token`"),
    ),
    responses(
        (status = 200, description = "A page of stores", body = StoreList),
        (status = 400, description = "A parameter is wrong; `errors` names it", body = Problem,
            content_type = "application/problem+json"),
        CommonProblems,
    )
)]
pub(super) async fn list(State(app): State<Shared>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let page = app.lists.page(&app.service, &app.conditions, &list_query(query.as_deref())?).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], page).into_response())
}

fn list_query(query: Option<&str>) -> Result<ListQuery, Refusal> {
    let mut parameters = Parameters::parse(query);
    let statuses = parameters
        .many("status", |text| text.to_ascii_uppercase().parse::<Status>().map_err(|error| error.to_string()));
    let engine = parameters.one("engine", |text| text.parse::<Engine>().map_err(|error| error.to_string()));
    let name = parameters.one("name", |text| StoreName::parse(text).map_err(|error| error.to_string()));
    let limit = parameters.one("page_size", |text| number(text, 1..=PAGE_SIZE_MAX));
    let after = parameters.one("page_token", |text| Ok(text.to_owned()));
    parameters.finish()?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or_default();
    Ok(ListQuery { statuses, engine, name, limit, after })
}

/// Asks for a store.
///
/// Answers as soon as the wish is durable; provisioning takes minutes.
#[utoipa::path(
    post,
    path = "/stores",
    tag = "stores",
    operation_id = "createStore",
    params(
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
            description = "The same request with the same key answers with the same store, for 24 hours at least. Up to \
                255 visible ASCII characters"),
    ),
    request_body(content = CreateStore, content_type = "application/json"),
    responses(
        (status = 202, description = "The wish is durable", body = StoreDocument, headers(
            ("Location" = String, description = "Where the store is found"),
            ("ETag" = String, description = "The store's version, for If-Match"),
            ("Idempotency-Replayed" = String, description = "`true` if this key had made the store before"),
        )),
        (status = 409, description = "The name is taken; `existing_id` and Location name the store that has it",
            body = Problem, content_type = "application/problem+json",
            headers(("Location" = String, description = "Where the store that has the name is found"))),
        BodyProblems,
        CommonProblems,
    )
)]
pub(super) async fn create(State(app): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let key = idempotency_key(request.headers())?;
    let known = ["name", "engine", "admin_username", "admin_email", "admin_password", "plan"];
    let mut texts = texts(request, &known, Presence::Required).await?;
    let mut take = |name: &str| texts.remove(name);
    let wanted = CreateStore {
        name: take("name"),
        engine: take("engine"),
        admin_username: take("admin_username"),
        admin_email: take("admin_email"),
        admin_password: take("admin_password").map(Into::into),
        plan: take("plan"),
    };
    let answer = app.service.create(wanted, key.as_deref()).await?;
    let mut response = accepted(answer.store);
    if answer.replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The key, if there is one. What is no text becomes one that the service refuses by name.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = keys.next().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if keys.next().is_some() {
        return Err(Refusal::parameter("Idempotency-Key", "may be there only once"));
    }
    Ok(key)
}

/// Reads one store, deleted or not.
#[utoipa::path(
    get,
    path = "/stores/{id}",
    tag = "stores",
    operation_id = "getStore",
    params(("id" = String, Path, description = "The store's id")),
    responses(
        (status = 200, description = "The store", body = StoreDocument, headers(
            ("ETag" = String, description = "The store's version, for If-Match"),
        )),
        StoreProblems,
        CommonProblems,
    )
)]
pub(super) async fn get(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let store = app.service.get(&StoreRef::Id(store_id(path)?)).await?;
    Ok((etag(&store), Json(store)).into_response())
}

/// Protects a store from deletion, or takes that back.
///
/// Repeated, it answers the same. Whatever runs for the store goes on.
#[utoipa::path(
    patch,
    path = "/stores/{id}",
    tag = "stores",
    operation_id = "patchStore",
    params(
        ("id" = String, Path, description = "The store's id"),
        ("If-Match" = Option<String>, Header, description = "Only if the store is still at this ETag"),
    ),
    request_body(content = PatchStore, content_type = "application/json"),
    responses(
        (status = 200, description = "The store", body = StoreDocument, headers(
            ("ETag" = String, description = "The store's version, for If-Match"),
        )),
        (status = 409, description = "The store is DELETING or DELETED and cannot be protected", body = Problem,
            content_type = "application/problem+json"),
        BodyProblems,
        ConditionalProblems,
        StoreProblems,
        CommonProblems,
    )
)]
pub(super) async fn patch(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refusal> {
    let id = store_id(path)?;
    let mut flags = flags(request, &["protected"]).await?;
    let wanted = PatchStore { protected: flags.remove("protected") };
    let expected = expected_version(&app, &id, &headers).await?;
    let store = app.service.patch(&StoreRef::Id(id), wanted, expected).await?;
    Ok((etag(&store), Json(store)).into_response())
}

/// Asks for a store's deletion, with all its data.
///
/// Repeated, it answers the same. A protected store is not deleted: PATCH takes its protection away.
#[utoipa::path(
    delete,
    path = "/stores/{id}",
    tag = "stores",
    operation_id = "deleteStore",
    params(
        ("id" = String, Path, description = "The store's id"),
        ("If-Match" = Option<String>, Header, description = "Only if the store is still at this ETag"),
    ),
    responses(
        (status = 202, description = "The wish is durable; the store is DELETING or DELETED", body = StoreDocument, headers(
            ("Location" = String, description = "Where the store is found"),
            ("ETag" = String, description = "The store's version, for If-Match"),
        )),
        (status = 400, description = "`If-Match` has something that is no entity tag", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The store is protected", body = Problem,
            content_type = "application/problem+json"),
        ConditionalProblems,
        StoreProblems,
        CommonProblems,
    )
)]
pub(super) async fn delete(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id = store_id(path)?;
    let expected = expected_version(&app, &id, &headers).await?;
    Ok(accepted(app.service.delete(&StoreRef::Id(id), expected).await?))
}

/// Asks for another attempt of a FAILED store.
#[utoipa::path(
    post,
    path = "/stores/{id}/retry",
    tag = "stores",
    operation_id = "retryStore",
    params(
        ("id" = String, Path, description = "The store's id"),
        ("If-Match" = Option<String>, Header, description = "Only if the store is still at this ETag"),
    ),
    request_body(content = Option<RetryStore>, content_type = "application/json",
        description = "Needed only where the admin password is lost (`credentials_lost`)"),
    responses(
        (status = 202, description = "The wish is durable; the store is PROVISIONING", body = StoreDocument, headers(
            ("Location" = String, description = "Where the store is found"),
            ("ETag" = String, description = "The store's version, for If-Match"),
        )),
        (status = 409, description = "The store is not FAILED", body = Problem,
            content_type = "application/problem+json"),
        BodyProblems,
        ConditionalProblems,
        StoreProblems,
        CommonProblems,
    )
)]
pub(super) async fn retry(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refusal> {
    let id = store_id(path)?;
    let mut texts = texts(request, &["admin_password"], Presence::Optional).await?;
    let wanted = RetryStore { admin_password: texts.remove("admin_password").map(Into::into) };
    let expected = expected_version(&app, &id, &headers).await?;
    Ok(accepted(app.service.retry(&StoreRef::Id(id), wanted, expected).await?))
}

fn accepted(store: StoreDocument) -> Response {
    let place = [(header::LOCATION, location(&store.id))];
    (StatusCode::ACCEPTED, etag(&store), place, Json(store)).into_response()
}

/// The version that `If-Match` names. Of several, the one that the store has now.
async fn expected_version(app: &App, id: &StoreId, headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let versions = match IfMatch::read(headers)? {
        IfMatch::Anything => return Ok(None),
        IfMatch::Versions(versions) => versions,
    };
    if let [version] = versions.as_slice() {
        return Ok(Some(*version));
    }
    let current = app.service.get(&StoreRef::Id(id.clone())).await?.version;
    if versions.contains(&current) {
        return Ok(Some(current));
    }
    let detail =
        format!("the store is at version {current}, and If-Match names no such tag (a weak one matches nothing)");
    Err(Refusal::new(Kind::VersionMismatch, detail).with_header(header::ETAG, &format!("\"{current}\"")))
}
