//! The OpenAPI document as a judge of answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Answer;

/// The document, and which of its answers were seen.
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

    /// Every documented pair of operation and status.
    pub fn documented(&self) -> BTreeSet<String> {
        let of_operation = |(method, path, operation): (String, String, Value)| {
            let statuses: Vec<_> = operation["responses"].as_object().expect("responses").keys().cloned().collect();
            statuses.into_iter().map(move |status| format!("{method} {path} {status}"))
        };
        self.operations().into_iter().flat_map(of_operation).collect()
    }

    /// Those that were seen.
    pub fn seen(&self) -> &BTreeSet<String> {
        &self.seen
    }

    /// Checks an answer: its status, its media type, and its body, as far as there is a schema.
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
        self.seen.insert(what);
    }

    fn validate(&self, schema: &Value, value: &Value) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.document.pointer(reference.trim_start_matches('#'));
            return self.validate(target.ok_or(format!("{reference} leads nowhere"))?, value);
        }
        for choices in ["oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()) {
            let verdicts: Vec<_> = choices.iter().map(|choice| self.validate(choice, value)).collect();
            if verdicts.iter().all(Result::is_err) {
                return Err(format!("none fits {value}: {verdicts:?}"));
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.validate(part, value)?;
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            return Err(format!("{value} is not one of {}", schema["enum"]));
        }
        check_type(schema, value)?;
        self.validate_members(schema, value)
    }

    fn validate_members(&self, schema: &Value, value: &Value) -> Result<(), String> {
        for item in value.as_array().into_iter().flatten() {
            self.validate(&schema["items"], item)?;
        }
        let Some(members) = value.as_object() else { return Ok(()) };
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !members.contains_key(name) {
                return Err(format!("{name} is missing"));
            }
        }
        for (name, member) in members {
            self.validate(&schema["properties"][name], member).map_err(|why| format!("{name}: {why}"))?;
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
