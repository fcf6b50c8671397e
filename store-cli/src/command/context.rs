//! `store context`: the servers that this user works with.

use comfy_table::Cell;
use serde::Serialize;

use super::{Context, login};
use crate::args::ContextCommand;
use crate::contexts::{self, Contexts, EMBEDDED, ServerContext};
use crate::failure::Failure;
use crate::output::{Format, table};
use crate::text;

/// A context as it is shown: never with its token.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    server: Option<&'a str>,
    is_current: bool,
    has_token: bool,
}

pub(super) fn run(context: &Context, command: &ContextCommand) -> Result<(), Failure> {
    let mut contexts = contexts::load()?;
    match command {
        ContextCommand::List => list(context, &contexts),
        ContextCommand::Add(args) => {
            let server = context
                .global
                .server()
                .ok_or_else(|| Failure::usage("no server is named").hint("Use: store context add NAME --server URL"))?;
            refuse_reserved(&args.name)?;
            // Later on it is for the user to say: no current one may be what was chosen, too.
            let is_first = contexts.contexts.is_empty();
            let server = login::normal(server)?;
            contexts.put(&args.name, &server);
            if is_first {
                contexts.current = Some(args.name.clone());
            }
            let note = if is_first { " It is the current one." } else { "" };
            changed(context, &contexts, &format!("The context {} leads to {server}.{note}", args.name))
        }
        ContextCommand::Use(args) => {
            contexts.current =
                if is_embedded(&args.name) { None } else { Some(contexts.named(&args.name)?.name.clone()) };
            changed(context, &contexts, &format!("The current context is {}.", args.name))
        }
        ContextCommand::Remove(args) => {
            contexts.named(&args.name)?;
            contexts.remove(&args.name);
            changed(context, &contexts, &format!("The context {} is gone.", args.name))
        }
    }
}

fn is_embedded(name: &str) -> bool {
    cfg!(feature = "embedded") && name == EMBEDDED
}

fn refuse_reserved(name: &str) -> Result<(), Failure> {
    if is_embedded(name) {
        return Err(Failure::usage(format!("{EMBEDDED} stands for the own database and cluster; take another name")));
    }
    Ok(())
}

fn changed(context: &Context, contexts: &Contexts, told: &str) -> Result<(), Failure> {
    contexts::save(contexts)?;
    context.terminal.say(told);
    Ok(())
}

fn list(context: &Context, contexts: &Contexts) -> Result<(), Failure> {
    let current = contexts.current().map(|current| current.name.as_str());
    let own = Shown { name: EMBEDDED, server: None, is_current: current.is_none(), has_token: false };
    let of_server = |known: &'_ ServerContext| -> (String, String, bool, bool) {
        let is_current = current == Some(known.name.as_str());
        (known.name.clone(), known.server.clone(), is_current, known.token.is_some())
    };
    let servers: Vec<_> = contexts.contexts.iter().map(of_server).collect();
    let servers = servers.iter().map(|(name, server, is_current, has_token)| Shown {
        name,
        server: Some(server),
        is_current: *is_current,
        has_token: *has_token,
    });
    let all: Vec<_> = Some(own).into_iter().filter(|_| cfg!(feature = "embedded")).chain(servers).collect();
    let output = context.output;
    match output.format {
        Format::Json | Format::Yaml => output.value(&all),
        Format::Name => all.iter().try_for_each(|shown| output.text(shown.name)),
        Format::Table | Format::Wide => {
            let rows = all.iter().map(row).collect();
            output.text(&table(&["CURRENT", "NAME", "SERVER", "TOKEN"], rows, output))
        }
    }
}

fn row(shown: &Shown<'_>) -> Vec<Cell> {
    vec![
        Cell::new(if shown.is_current { "*" } else { "" }),
        Cell::new(text::plain(shown.name)),
        Cell::new(text::plain(shown.server.unwrap_or("own database and cluster"))),
        Cell::new(if shown.has_token { "yes" } else { "-" }),
    ]
}
