//! `store login` and `store logout`: a token, tried at its server and kept in the contexts.

use std::io::BufRead as _;

use secrecy::{ExposeSecret as _, SecretString};

use super::Context;
use crate::args::LoginArgs;
use crate::contexts::{self, Contexts};
use crate::door::Remote;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Longer input is no token.
const LONGEST: u64 = 4_096;

pub(super) async fn login(context: &Context, args: &LoginArgs) -> Result<(), Failure> {
    let (name, server) = which(context, &contexts::load()?)?;
    let token = if args.token_stdin { from_standard_input()? } else { asked(context.terminal).await? };
    if token.expose_secret().is_empty() {
        return Err(Failure::usage("the token is empty"));
    }
    // A token that the server does not know is not kept.
    let caller = Remote::with_token(&server, context.terminal, Some(&token))?.me().await?;
    // Somebody may have added a context while this one was typing.
    let mut contexts = contexts::load()?;
    // Whoever asks nobody has no use for a secret.
    contexts.put(&name, &server).token = caller.name.is_some().then_some(token);
    contexts.current = Some(name.clone());
    let file = contexts::save(&contexts)?;
    let who = caller.name.map_or_else(
        || "; it asks nobody for a token, so none is kept".to_owned(),
        |name| format!(" as {name} ({})", caller.role),
    );
    context.terminal.say(&format!("Logged in to {server}{who}. The context {name} is in {}.", file.display()));
    Ok(())
}

/// The context to log in to, and its server: the named one, the one of `--server`, or the current one.
fn which(context: &Context, contexts: &Contexts) -> Result<(String, String), Failure> {
    let global = &context.global;
    let of = |found: &contexts::ServerContext| (found.name.clone(), found.server.clone());
    match (&global.context, global.server()) {
        (Some(name), Some(server)) => Ok((name.clone(), normal(server)?)),
        (Some(name), None) => contexts.named(name).map(of),
        (None, Some(server)) => {
            let server = normal(server)?;
            let known = contexts.contexts.iter().find(|known| known.server == server).map(of);
            known.map_or_else(|| Ok((name_of(&server), server.clone())), Ok)
        }
        (None, None) => contexts.current().map(of).ok_or_else(|| {
            Failure::usage("no server is named").hint("Use --server URL, or --context NAME for one that was added.")
        }),
    }
}

/// The address as it is kept. One with a password in it is none to keep.
pub(super) fn normal(server: &str) -> Result<String, Failure> {
    Remote::normal_address(server)
}

/// Host and port.
fn name_of(server: &str) -> String {
    let authority = server.split("://").nth(1).unwrap_or(server).split('/').next().unwrap_or_default();
    authority.replace(['[', ']'], "")
}

fn from_standard_input() -> Result<SecretString, Failure> {
    let mut line = String::new();
    let input = std::io::stdin().lock();
    std::io::Read::take(input, LONGEST)
        .read_line(&mut line)
        .map_err(|error| Failure::usage(format!("cannot read the token from standard input: {error}")))?;
    Ok(SecretString::from(line.trim()))
}

async fn asked(terminal: Terminal) -> Result<SecretString, Failure> {
    if !terminal.asks {
        return Err(Failure::usage("no token, and nobody to ask for one").hint("Use --token-stdin."));
    }
    let token = terminal.secret("Token: ").await?;
    Ok(SecretString::from(token.expose_secret().trim()))
}

pub(super) fn logout(context: &Context) -> Result<(), Failure> {
    let mut contexts = contexts::load()?;
    let (name, server) = which(context, &contexts)?;
    let had_token = contexts.find(&name).is_some_and(|known| known.token.is_some());
    if !had_token {
        context.terminal.say(&format!("There is no token of {server}."));
        return Ok(());
    }
    contexts.put(&name, &server).token = None;
    contexts::save(&contexts)?;
    context.terminal.say(&format!(
        "Logged out of {server}. The server still knows the token: to have it let in no more, take it out of its file."
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://localhost:5000", "localhost:5000")]
    #[case("https://shops.example.com/platform", "shops.example.com")]
    #[case("http://[::1]:5000", "::1:5000")]
    fn contexts_are_named_after_their_servers(#[case] server: &str, #[case] expected: &str) {
        assert_eq!(name_of(server), expected);
        assert!(contexts::parse_name(&name_of(server)).is_ok());
    }
}
