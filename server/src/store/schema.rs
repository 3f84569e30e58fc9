//! Which migrations a database has, before anything of it is touched.

use super::{Connection, MIGRATIONS};
use anyhow::bail;
use sqlx::FromRow;
use std::collections::BTreeMap;

/// How a database stands to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Nothing was ever applied.
    Empty,
    /// Some of this program's migrations are missing.
    Older {
        newest: i64,
    },
    Current {
        newest: i64,
    },
}

#[derive(FromRow)]
struct Applied {
    version: i64,
    checksum: Vec<u8>,
}

/// Refuses a database that this program must not open: one with migrations it does not know, and one
/// whose migrations were other ones.
pub async fn look(conn: &mut Connection) -> anyhow::Result<Schema> {
    let known: BTreeMap<i64, &[u8]> =
        MIGRATIONS.iter().map(|migration| (migration.version, &*migration.checksum)).collect();
    let applied = applied(conn).await?;
    let Some(newest) = applied.iter().map(|row| row.version).max() else { return Ok(Schema::Empty) };
    for row in &applied {
        match known.get(&row.version) {
            Some(checksum) if *checksum == row.checksum => {}
            Some(_) => bail!(
                "store.changed_schema: migration {} of the database is another one than this program's; \
                 nothing was changed",
                row.version
            ),
            None => bail!(
                "store.newer_schema: the database has migration {}, this program knows {}; use the program \
                 it was served with last, or a newer one; nothing was changed",
                row.version,
                known.keys().next_back().copied().unwrap_or_default()
            ),
        }
    }
    Ok(if applied.len() == known.len() { Schema::Current { newest } } else { Schema::Older { newest } })
}

/// The newest migration this program knows.
pub fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

async fn applied(conn: &mut Connection) -> Result<Vec<Applied>, sqlx::Error> {
    if !has_table(conn, "_sqlx_migrations").await? {
        return Ok(Vec::new());
    }
    sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version").fetch_all(conn).await
}

async fn has_table(conn: &mut Connection, name: &str) -> Result<bool, sqlx::Error> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1")
            .bind(name)
            .fetch_optional(conn)
            .await?;
    Ok(found.is_some())
}

/// Brings a database to this program's schema; each step is one transaction.
pub async fn migrate(conn: &mut Connection) -> anyhow::Result<()> {
    look(conn).await?;
    Ok(MIGRATIONS.run(conn).await?)
}

#[cfg(test)]
pub mod tests;
