//! The OpenAPI document as a judge of answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Answer;

/// Headers that say something of the answer, so that a client has to know of them.
const TELLING: [&str; 6] =
    ["etag", "idempotency-replayed", "location", "retry-after", "www-authenticate", "x-request-id"];

/// Not every answer that may have them does.
const SOMETIMES: [&str; 1] = ["Idempotency-Replayed"];

/// The document, and which of its answers and headers were seen.
pub struct Document {
    document: Value,
    seen: BTreeSet<String>,
}

impl Document {
    pub fn new() -> Self {
        let document = serde_json::from_str(&store_http::openapi_text()).expect("JSON");
        Self { document, seen: BTreeSet::new() }
    }

    /// Method, path and definition of every operation.
    pub fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.document["paths"].as_object().expect("paths");
        let of_path = |(path, operations): (&String, &Value)| {
            let operations = operations.as_object().expect("operations").clone();
            operations
                .into_iter()
                .map(|(method, operation)| (method.to_uppercase(), path.clone(), operation))
                .collect::<Vec<_>>()
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// Every documented answer, as operation and status, and every documented header of one.
    pub fn documented(&self) -> BTreeSet<String> {
        let mut documented = BTreeSet::new();
        for (method, path, operation) in self.operations() {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let answer = format!("{method} {path} {status}");
                let headers = response["headers"].as_object().into_iter().flat_map(|headers| headers.keys());
                documented.extend(headers.map(|name| format!("{answer} {name}")));
                documented.insert(answer);
            }
        }
        documented
    }

    /// Those that were seen.
    pub fn seen(&self) -> &BTreeSet<String> {
        &self.seen
    }

    /// Checks an answer: its status, its headers, its media type, and its body, as far as there is a schema.
    pub fn judge(&mut self, method: &str, path: &str, answer: &Answer) {
        let path = path.split('?').next().unwrap_or_default();
        let found = self.operations().into_iter().find(|(verb, template, _)| verb == method && fits(template, path));
        let (_, template, operation) = found.unwrap_or_else(|| panic!("{method} {path} is not documented"));
        let status = answer.status.as_u16().to_string();
        let what = format!("{method} {template} {status}");
        let response = &operation["responses"][&status];
        assert!(!response.is_null(), "{what} is not documented: {}", answer.text);
        let kind = answer.headers.get("content-type").map_or("", |kind| kind.to_str().expect("text"));
        let kind = kind.split(';').next().unwrap_or_default();
        let content = &response["content"][kind];
        assert!(!content.is_null(), "{what}: {kind:?} is not documented");
        if kind.ends_with("json") {
            let verdict = self.validate(&content["schema"], &answer.json());
            assert_eq!(verdict, Ok(()), "{what}: {}", answer.text);
        }
        for name in self.judge_headers(&what, response, answer) {
            self.seen.insert(format!("{what} {name}"));
        }
        self.seen.insert(what);
    }

    /// The documented headers that the answer has.
    fn judge_headers(&self, what: &str, response: &Value, answer: &Answer) -> Vec<String> {
        let none = serde_json::Map::new();
        let documented = response["headers"].as_object().unwrap_or(&none);
        let is_documented = |name: &str| documented.keys().any(|documented| documented.eq_ignore_ascii_case(name));
        for name in TELLING.iter().filter(|name| answer.headers.contains_key(**name)) {
            assert!(is_documented(name), "{what}: the header {name} is not documented");
        }
        let mut sent = Vec::new();
        for (name, header) in documented {
            let Some(text) = answer.headers.get(name).map(|value| value.to_str().expect("text")) else {
                assert!(SOMETIMES.contains(&name.as_str()), "{what}: the header {name} is documented, but not sent");
                continue;
            };
            let schema = &self.resolve(header).expect("a header")["schema"];
            let is_number = schema["type"] == "integer";
            let value = if is_number { serde_json::from_str(text).expect("a number") } else { Value::from(text) };
            assert_eq!(self.validate(schema, &value), Ok(()), "{what}: {name}: {text}");
            sent.push(name.clone());
        }
        sent
    }

    /// What a reference leads to, or the value itself.
    fn resolve<'a>(&'a self, value: &'a Value) -> Result<&'a Value, String> {
        let Some(reference) = value["$ref"].as_str() else { return Ok(value) };
        self.document.pointer(reference.trim_start_matches('#')).ok_or(format!("{reference} leads nowhere"))
    }

    /// Checks a value by the schema of this name.
    pub fn judge_value(&self, schema: &str, value: &Value) -> Result<(), String> {
        self.validate(&self.document["components"]["schemas"][schema], value)
    }

    /// Checks a value, and that it has no members that the schema does not know.
    fn validate(&self, schema: &Value, value: &Value) -> Result<(), String> {
        self.check(schema, value)?;
        let (Some(members), Some(known)) = (value.as_object(), self.members(schema)?) else { return Ok(()) };
        match members.keys().find(|name| !known.contains(*name)) {
            Some(name) => Err(format!("{name} is not documented")),
            None => Ok(()),
        }
    }

    /// The names of all members that there may be; `None` if there may be any.
    fn members(&self, schema: &Value) -> Result<Option<BTreeSet<String>>, String> {
        let schema = self.resolve(schema)?;
        let is_open = schema["additionalProperties"].is_object() || schema["additionalProperties"] == true;
        // Each choice was judged by itself.
        let is_choice = ["oneOf", "anyOf"].iter().any(|key| schema[key].is_array());
        let parts = schema["allOf"].as_array();
        let properties = schema["properties"].as_object();
        if is_open || is_choice || (properties.is_none() && parts.is_none()) {
            return Ok(None);
        }
        let mut known: BTreeSet<String> = properties.into_iter().flat_map(|members| members.keys().cloned()).collect();
        for part in parts.into_iter().flatten() {
            let Some(members) = self.members(part)? else { return Ok(None) };
            known.extend(members);
        }
        Ok(Some(known))
    }

    fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolve(schema)?;
        for choices in ["oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()) {
            let verdicts: Vec<_> = choices.iter().map(|choice| self.validate(choice, value)).collect();
            if verdicts.iter().all(Result::is_err) {
                return Err(format!("none fits {value}: {verdicts:?}"));
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(part, value)?;
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            return Err(format!("{value} is not one of {}", schema["enum"]));
        }
        check_type(schema, value)?;
        for item in value.as_array().into_iter().flatten() {
            self.validate(&schema["items"], item)?;
        }
        self.check_members(schema, value)
    }

    fn check_members(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let Some(members) = value.as_object() else { return Ok(()) };
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !members.contains_key(name) {
                return Err(format!("{name} is missing"));
            }
        }
        for (name, member) in members {
            let of_name = &schema["properties"][name];
            let of_member = if of_name.is_null() { &schema["additionalProperties"] } else { of_name };
            if of_member.is_object() {
                self.validate(of_member, member).map_err(|why| format!("{name}: {why}"))?;
            }
        }
        Ok(())
    }

    /// Every reference within the document.
    pub fn broken_references(&self) -> Vec<String> {
        let mut references = Vec::new();
        collect(&self.document, &mut references);
        let is_broken = |reference: &String| self.document.pointer(reference.trim_start_matches('#')).is_none();
        references.into_iter().filter(is_broken).collect()
    }
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            into.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}

fn check_type(schema: &Value, value: &Value) -> Result<(), String> {
    let allowed: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if allowed.contains(&is) || (is == "integer" && allowed.contains(&"number")) {
        return Ok(());
    }
    Err(format!("{value} is no {allowed:?}"))
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(part, actual)| part.starts_with('{') || part == actual)
}
