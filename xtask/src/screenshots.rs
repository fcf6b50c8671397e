//! `cargo xtask screenshots`: a picture of every page of the dashboard, on a demo, for `docs/screenshots`.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    dashboard,
    install::{self, Group},
    paths,
    progress::say,
    test::pictures,
};

const PLACE: &str = "docs/screenshots";
const DEADLINE: Duration = Duration::from_mins(20);

/// Takes them all anew.
pub(crate) fn run() -> Result<()> {
    install::ensure(&[Group::Browser, Group::Dashboard, Group::Nginx])?;
    dashboard::ensure()?;
    let place = paths::workspace().join(PLACE);
    fs::create_dir_all(&place)?;
    for entry in fs::read_dir(&place)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "png") {
            fs::remove_file(path)?;
        }
    }
    pictures(&place, Instant::now() + DEADLINE)?;
    let taken = fs::read_dir(&place)?.count();
    if taken == 0 {
        bail!("no picture was taken");
    }
    say(format!("{taken} pictures in {PLACE}"));
    Ok(())
}
