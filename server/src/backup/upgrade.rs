//! A newer program on an older database: a backup first, so that there is a way back.

use super::{Evidence, take};
use crate::{
    ledger::clock,
    store::{
        self, Store,
        schema::{self, Schema},
    },
};
use std::path::Path;
use time::{OffsetDateTime, macros::format_description};

/// Below the data folder.
const BACKUPS_FOLDER: &str = "backups";

/// Looks at the database of a folder that this process holds. Where migrations are missing, it takes a
/// backup before anybody applies them; a database this program must not open is refused as it is.
pub async fn before_migrating(data: &Path) -> anyhow::Result<()> {
    if !data.join(store::DATABASE_FILE).is_file() {
        return Ok(());
    }
    let store = Store::open_read_only(data).await?;
    let found = schema::look(&mut *store.read().await?).await;
    store.close().await;
    let Schema::Older { newest } = found? else { return Ok(()) };
    let to = data.join(BACKUPS_FOLDER).join(format!("before-{}-{}", schema::newest(), now()?));
    let backup = to.display().to_string();
    tracing::warn!(
        database = newest,
        program = schema::newest(),
        backup,
        "an upgrade: taking a backup first"
    );
    take(data, &to, Evidence::Linked).await?;
    tracing::info!(backup, "the backup is taken; to go back, restore it with the program of before");
    Ok(())
}

fn now() -> anyhow::Result<String> {
    let now = OffsetDateTime::from_unix_timestamp(clock::now_ms() / 1000)?;
    Ok(now.format(format_description!("[year][month][day]T[hour][minute][second]Z"))?)
}
