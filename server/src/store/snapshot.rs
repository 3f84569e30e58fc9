//! A copy of the whole database as of one moment, made while it is written to. This is the one file
//! that is SQLite's alone: another database is copied with its own tools.

use super::{Connection, DATABASE_FILE};
use sqlx::FromRow;
use std::path::Path;

/// A held file as the copy names it.
#[derive(Debug, Clone, FromRow)]
pub struct HeldFile {
    pub hash: Vec<u8>,
    pub size_bytes: i64,
}

/// Writes the copy into a folder that has none. It is one read transaction: whatever is committed
/// meanwhile is not in it. Whoever asks for it makes it durable.
pub async fn write(conn: &mut Connection, folder: &Path) -> anyhow::Result<()> {
    let file = folder.join(DATABASE_FILE);
    let file = file.to_str().ok_or_else(|| anyhow::anyhow!("{} is no UTF-8", file.display()))?;
    let written = sqlx::query("VACUUM INTO $1").bind(file).execute(conn).await;
    written.map_err(|error| anyhow::anyhow!("{}: {file}: {error}", code(&error)))?;
    Ok(())
}

/// What an operator can do something about has a code of its own.
fn code(error: &sqlx::Error) -> &'static str {
    match error.as_database_error().and_then(|error| error.code()).as_deref() {
        Some(SQLITE_FULL) => "backup.disk_full",
        _ => "backup.database",
    }
}

/// SQLite's own code, "database or disk is full".
const SQLITE_FULL: &str = "13";

/// The migration that brought evidence.
const EVIDENCE_SCHEMA: i64 = 3;

/// Every file of evidence that is held, by hash, in a database of any `schema`.
pub async fn held_files(conn: &mut Connection, schema: i64) -> Result<Vec<HeldFile>, sqlx::Error> {
    if schema < EVIDENCE_SCHEMA {
        return Ok(Vec::new());
    }
    sqlx::query_as("SELECT hash, size_bytes FROM blob ORDER BY hash").fetch_all(conn).await
}
