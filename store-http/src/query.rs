//! Query parameters: each known, each at most once (but lists), and a wrong one is named with what is allowed.

use store_core::service::FieldError;

use crate::problem::{Kind, Refusal, not_known};

/// The parameters of one request, taken one by one; what is left at the end is unknown.
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Parameters {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self { pairs: pairs.into_owned().collect(), known: Vec::new(), errors: Vec::new() }
    }

    /// A parameter that may be there once. `parse` says what is allowed.
    pub(crate) fn one<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let values = self.take(name);
        match values.as_slice() {
            [] => None,
            [value] => parse(value).map_err(|message| self.refuse(name, message)).ok(),
            _ => {
                self.refuse(name, "may be there only once".to_owned());
                None
            }
        }
    }

    /// A parameter that may be repeated, or hold several values separated by commas.
    pub(crate) fn many<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let values = self.take(name);
        let mut parsed = Vec::new();
        for value in values.iter().flat_map(|value| value.split(',')) {
            match parse(value.trim()) {
                Ok(value) => parsed.push(value),
                Err(message) => self.refuse(name, message),
            }
        }
        parsed
    }

    /// Refuses the request if anything was wrong or unknown.
    pub(crate) fn finish(mut self) -> Result<(), Refusal> {
        for (name, _) in self.pairs.iter().take(10) {
            let field = name.chars().take(80).collect();
            self.errors.push(FieldError { field, message: not_known(&self.known) });
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Refusal::fields(Kind::InvalidParameter, self.errors)) }
    }

    fn take(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (taken, left) = std::mem::take(&mut self.pairs).into_iter().partition(|(key, _)| key == name);
        self.pairs = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    fn refuse(&mut self, name: &str, message: String) {
        self.errors.push(FieldError { field: name.to_owned(), message });
    }
}

/// Reads a whole number within limits.
pub(crate) fn number(text: &str, limits: std::ops::RangeInclusive<u64>) -> Result<u64, String> {
    let allowed = || format!("must be a whole number from {} to {}", limits.start(), limits.end());
    text.parse().ok().filter(|number| limits.contains(number)).ok_or_else(allowed)
}
