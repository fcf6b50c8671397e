//! Errors of the Kubernetes API in our classes, decided here and nowhere else.

use kube::Error;
use kube::client::AuthError;
use kube::core::Status;
use store_core::ports::{ErrorClass, PortError};

/// What `error` means for whoever was `doing` this, such as "create namespace store-x". `plugin` is the program of the
/// kubeconfig's credential plugin.
///
/// Missing rights and credentials that are not accepted are a class of their own: they park work until somebody mends
/// them, and fail no store.
pub(crate) fn classify(doing: &str, plugin: Option<&str>, error: Error) -> PortError {
    if let Some(auth) = auth_error(&error) {
        // Without its source: that prints the plugin's environment and output, and so tokens.
        return PortError::new(ErrorClass::Denied, format!("cannot {doing}: {}", auth_words(plugin, auth)));
    }
    let (class, said) = match &error {
        Error::Api(status) => (class_of(status), api_words(status)),
        Error::BuildRequest(_) | Error::HttpError(_) => {
            (ErrorClass::Permanent, "the request has an unexpected form".to_owned())
        }
        // A proxy on the way may answer with a page of its own.
        Error::SerdeError(_) => (ErrorClass::Transient, "the answer has an unexpected form".to_owned()),
        other => (ErrorClass::Transient, format!("the cluster cannot be reached ({})", innermost(other))),
    };
    PortError::new(class, format!("cannot {doing}: {said}")).because(error)
}

/// An error of the credentials, wherever it is in the chain: a plugin that fails when a token is renewed comes wrapped
/// by the client's layers.
pub(crate) fn auth_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a AuthError> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// Whether the credentials were refused: they may have been renewed since they were read.
pub(crate) fn is_unauthorized(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 401)
}

fn class_of(status: &Status) -> ErrorClass {
    match status.code {
        404 => ErrorClass::NotFound,
        409 => ErrorClass::Conflict,
        400 | 405 | 413 | 415 | 422 => ErrorClass::Permanent,
        401 => ErrorClass::Denied,
        403 if is_missing_right(&status.message) => ErrorClass::Denied,
        _ => ErrorClass::Transient,
    }
}

/// Whether a refusal is the authorizer's own: admission (quotas, Pod Security, a namespace that goes) answers 403 too.
/// The sentence is the one of k8s.io/apiserver, `ForbiddenErrorMessage`.
pub(crate) fn is_missing_right(message: &str) -> bool {
    message.contains("forbidden: User \"") && message.contains(" cannot ")
}

fn api_words(status: &Status) -> String {
    let said = shorten(&status.message);
    match status.code {
        401 => format!("the API server does not accept the credentials ({said})"),
        403 => format!("not allowed ({said})"),
        429 => format!("the API server is too busy ({said})"),
        _ => said,
    }
}

/// A credential plugin's arguments, environment and output may hold secrets, so only the program is named.
fn auth_words(plugin: Option<&str>, error: &AuthError) -> String {
    let plugin = plugin.map_or_else(
        || "the credential plugin of the kubeconfig".to_owned(),
        |program| format!("the kubeconfig's credential plugin {}", shorten(program)),
    );
    match error {
        AuthError::AuthExecRun { out, .. } => {
            format!("{plugin} failed with {}; run it by hand to see what it says", out.status)
        }
        AuthError::AuthExecStart(cause) => format!("{plugin} cannot be started ({})", cause.kind()),
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed | AuthError::MalformedTokenExpirationDate(_) => {
            format!("{plugin} did not answer with credentials")
        }
        AuthError::ReadTokenFile(cause, file) => {
            format!("the token file {} cannot be read ({})", file.display(), cause.kind())
        }
        _ => "the kubeconfig's credentials cannot be used".to_owned(),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    match shorten(&current.to_string()) {
        // What a timer says of itself says nothing to people.
        text if text == "deadline has elapsed" => "no connection in time".to_owned(),
        text => text,
    }
}

/// One line of at most 400 characters.
pub(crate) fn shorten(text: &str) -> String {
    const MAX: usize = 400;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn api(code: u16, message: &str) -> Error {
        Error::Api(Status::failure(message, "").with_code(code).boxed())
    }

    #[rstest]
    #[case(401, ErrorClass::Denied)]
    #[case(403, ErrorClass::Transient)]
    #[case(404, ErrorClass::NotFound)]
    #[case(409, ErrorClass::Conflict)]
    #[case(422, ErrorClass::Permanent)]
    #[case(429, ErrorClass::Transient)]
    #[case(500, ErrorClass::Transient)]
    #[case(503, ErrorClass::Transient)]
    #[case(504, ErrorClass::Transient)]
    fn codes_have_classes(#[case] code: u16, #[case] class: ErrorClass) {
        assert_eq!(classify("read it", None, api(code, "because")).class(), class);
    }

    #[rstest]
    #[case(
        "namespaces is forbidden: User \"platform\" cannot create resource \"namespaces\" in API group \"\" at the cluster \
         scope",
        ErrorClass::Denied
    )]
    #[case("pods \"web\" is forbidden: exceeded quota: store, requested: pods=1", ErrorClass::Transient)]
    #[case("pods \"web\" is forbidden: violates PodSecurity \"restricted:latest\"", ErrorClass::Transient)]
    #[case(
        "secrets \"x\" is forbidden: unable to create new content because it is being terminated",
        ErrorClass::Transient
    )]
    fn only_a_missing_right_is_denied(#[case] message: &str, #[case] class: ErrorClass) {
        assert_eq!(classify("create it", None, api(403, message)).class(), class);
    }

    #[test]
    fn messages_name_the_act_and_the_reason_on_one_line() {
        let error = classify("create namespace store-x", None, api(422, "it is\n  invalid"));
        assert_eq!(error.to_string(), "cannot create namespace store-x: it is invalid");
        assert_eq!(shorten(&"x ".repeat(500)).chars().count(), 401);
    }
}
