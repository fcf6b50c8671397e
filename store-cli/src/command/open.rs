//! `store open`: the address of a store, in a browser if there is one.

use store_core::lifecycle::Status;

use super::Context;
use crate::args::OpenArgs;
use crate::door::Purpose;
use crate::failure::Failure;
use crate::output::Format;

pub(super) async fn run(context: &Context, args: OpenArgs) -> Result<(), Failure> {
    let store = context.through(Purpose::Read, async |door| door.get(&args.store).await).await?;
    let url = if args.admin { &store.admin_url } else { &store.store_url };
    match context.output.format {
        Format::Json | Format::Yaml => context.output.value(&serde_json::json!({ "url": url }))?,
        _ => context.output.text(&crate::text::plain(url))?,
    }
    if store.status != Status::Ready {
        context.terminal.warn(&format!("{} is {}, so nobody may answer there", store.name, store.status));
    }
    // A script that captures the address wants no window.
    if args.print || !context.terminal.shows_output || !has_browser() {
        return Ok(());
    }
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(Failure::new("that is no address of a web page, so it is not opened"));
    }
    open::that_detached(url).map_err(|error| Failure::new(format!("cannot open a browser: {error}")))
}

/// Without a display, what would be opened on Linux is a browser in the terminal itself, or nothing.
fn has_browser() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") || is_set("WSL_DISTRO_NAME")
}
