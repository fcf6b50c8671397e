//! Which installation the database belongs to, and to which cluster it is bound.

use diesel::prelude::*;
use store_core::ports::Installation;

use super::Answer;
use crate::backend::{Conn, on_backend};
use crate::rows::InstallationRow;
use crate::schema::installation;

/// Gives the database an installation id, unless it has one.
pub(crate) fn ensure(conn: &mut Conn<'_>) -> Answer<()> {
    let values = (installation::singleton.eq(1), installation::id.eq(uuid::Uuid::new_v4().to_string()));
    on_backend!(conn, |c| diesel::insert_into(installation::table).values(values).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// The installation.
pub(crate) fn get(conn: &mut Conn<'_>) -> Answer<Installation> {
    let row: InstallationRow =
        on_backend!(conn, |c| installation::table.select(InstallationRow::as_select()).get_result(c))?;
    Ok(row.try_into()?)
}

/// Binds it to the first of these marks of credentials keys, unless it is bound to another; whether it is.
pub(crate) fn bind_credentials_key(conn: &mut Conn<'_>, marks: &[String]) -> Answer<bool> {
    let Some(first) = marks.first() else { return Ok(false) };
    conn.write(|conn| {
        let known = installation::credentials_key.is_null().or(installation::credentials_key.eq_any(marks));
        let bound = on_backend!(conn, |c| diesel::update(installation::table.filter(known))
            .set(installation::credentials_key.eq(first))
            .execute(c))?;
        Ok(bound > 0)
    })
}

/// The database that this one was moved to.
pub(crate) fn moved_to(conn: &mut Conn<'_>) -> Answer<Option<String>> {
    Ok(on_backend!(conn, |c| installation::table.select(installation::moved_to).get_result(c))?)
}

/// Binds it to a cluster, unless it is bound.
pub(crate) fn bind(conn: &mut Conn<'_>, cluster_uid: &str) -> Answer<Installation> {
    conn.write(|conn| {
        let unbound = installation::table.filter(installation::cluster_uid.is_null());
        on_backend!(conn, |c| diesel::update(unbound).set(installation::cluster_uid.eq(cluster_uid)).execute(c))?;
        get(conn)
    })
}
