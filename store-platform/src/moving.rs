//! Moving an installation from a SQLite file to PostgreSQL, where several processes can work on it.

use store_db::TransferError;

use crate::configuration::MovingSettings;

/// Moves everything, or nothing. `say` is told how far it is, and at last what to do next.
pub async fn move_installation(
    settings: &MovingSettings,
    say: impl Fn(String) + Send + Sync + Clone + 'static,
) -> Result<(), TransferError> {
    let MovingSettings { from, to } = settings;
    say(format!("moving {} to {to}", from.display()));
    store_db::transfer(from, to, say.clone()).await?;
    say(format!("everything is in {to} now, compared row by row"));
    say(format!(
        "{} is marked as moved: it stays as it was, and no program of ours works with it any more",
        from.display()
    ));
    say(format!(
        "start every server with DATABASE_URL naming {to}, and with CREDENTIALS_KEY_FILE naming the keys that were used \
         so far ({}.credentials-key, unless it named others), the same for all of them",
        from.display()
    ));
    Ok(())
}
