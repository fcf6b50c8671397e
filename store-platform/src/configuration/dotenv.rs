//! `.env` files: `NAME=value` lines, with `# comments` on lines of their own or after a value.
//!
//! Nothing is substituted (a password may contain `$`), and an error names file and line but never quotes them, because
//! a line may hold a secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why a `.env` file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DotenvError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is not one of the form `NAME=value`.
    #[error("{}, line {line}: {message}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        message: &'static str,
    },
}

/// Reads a file; the last line of a name counts.
pub(super) fn read(file: &Path) -> Result<BTreeMap<String, String>, DotenvError> {
    let text =
        std::fs::read_to_string(file).map_err(|source| DotenvError::Unreadable { file: file.to_owned(), source })?;
    parse(&text).map_err(|(line, message)| DotenvError::Line { file: file.to_owned(), line, message })
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, &'static str)> {
    let mut values = BTreeMap::new();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        if let Some((name, value)) = parse_line(line.trim()).map_err(|message| (number, message))? {
            values.insert(name.to_owned(), value);
        }
    }
    Ok(values)
}

fn parse_line(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("expected NAME=value")?;
    let name = name.trim();
    if !is_name(name) {
        return Err("the name before = may contain only letters, digits and _, and not begin with a digit");
    }
    Ok(Some((name, parse_value(value)?)))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn parse_value(text: &str) -> Result<String, &'static str> {
    let trimmed = text.trim_start();
    if let Some(rest) = trimmed.strip_prefix('\'') {
        let (value, after) = rest.split_once('\'').ok_or("the quote ' is not closed")?;
        return ends_after_quote(after).map(|()| value.to_owned());
    }
    if let Some(rest) = trimmed.strip_prefix('"') {
        return double_quoted(rest);
    }
    Ok(without_comment(text).trim().to_owned())
}

/// A `#` begins a comment after white space only: `a#b` is a value.
fn without_comment(text: &str) -> &str {
    let begins_comment = |(at, _): &(usize, &str)| text[..*at].chars().next_back().is_some_and(char::is_whitespace);
    text.match_indices('#').find(begins_comment).map_or(text, |(at, _)| &text[..at])
}

fn double_quoted(text: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next().ok_or("the quote \" is not closed")? {
            '"' => return ends_after_quote(characters.as_str()).map(|()| value),
            '\\' => match characters.next().ok_or("the quote \" is not closed")? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$' | '\'' | '`') => value.push(escaped),
                _ => return Err("after \\ within quotes, only n, t, \", ', $, ` and \\ are allowed"),
            },
            plain => value.push(plain),
        }
    }
}

fn ends_after_quote(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("there is text after the closing quote") }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("A=b", "b")]
    #[case("A=600  # 10 minutes", "600")]
    #[case("A=logs\t# Directory for log files", "logs")]
    #[case("  export A = b ", "b")]
    #[case("A=b#c", "b#c")]
    #[case("A=#c", "#c")]
    #[case("A= # nothing", "")]
    #[case("A=", "")]
    #[case("A=two words", "two words")]
    #[case("A=a=b", "a=b")]
    #[case("A=pa$$word$HOME", "pa$$word$HOME")]
    #[case("A='b # c' # d", "b # c")]
    #[case(r#"A="b \"c\" \\ # d""#, r#"b "c" \ # d"#)]
    #[case("A=1\nA=2", "2")]
    #[case("\u{feff}A=b\r\n", "b")]
    fn values(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(parse(text).unwrap()["A"], expected);
    }

    #[rstest]
    #[case("# A=b\n\nA", 3)]
    #[case("A B=c", 1)]
    #[case("1A=c", 1)]
    #[case("=c", 1)]
    #[case("A='b", 1)]
    #[case("A=\"b", 1)]
    #[case("A=\"b\\x\"", 1)]
    #[case("A='b' c", 1)]
    fn wrong_lines_are_numbered(#[case] text: &str, #[case] line: usize) {
        assert_eq!(parse(text).unwrap_err().0, line);
    }

    #[test]
    fn an_error_never_quotes_the_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(".env");
        std::fs::write(&file, "A=b\nhunter2 hunter2\n").unwrap();
        let error = read(&file).unwrap_err().to_string();
        assert_eq!(error, format!("{}, line 2: expected NAME=value", file.display()));
    }
}
