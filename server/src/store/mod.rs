//! All SQL of the server, a file for each subject.
//!
//! The text is written to run on SQLite and PostgreSQL alike: `$1` parameters, BIGINT, TEXT and
//! BLOB, `ON CONFLICT`, `RETURNING`. Readers come from a pool; there is one writer, and only
//! [`crate::ledger`] holds it.

use crate::error::ApiError;
use liuhen_trace::{Canonical, Hash, act::RowCommitment, digest};
use sqlx::{
    ConnectOptions, Connection as _, Sqlite, SqlitePool,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{path::Path, time::Duration};

pub mod accounts;
pub mod audit;
pub mod blobs;
pub mod checklists;
pub mod credentials;
pub mod departments;
pub mod devices;
pub mod epochs;
pub mod exchange;
pub mod feed;
pub mod idempotency;
pub mod ledger;
pub mod readiness;
pub mod reviews;
pub mod schema;
pub mod second_factors;
pub mod sessions;
pub mod snapshot;
pub mod subjects;
pub mod task_assignees;
pub mod tasks;
pub mod trace;
pub mod transaction;
pub mod uploads;
pub mod verdicts;
pub mod visits;

/// The one place that says which database a connection is to.
pub type Connection = sqlx::SqliteConnection;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/server");

/// A reader per core keeps reads flowing; more would only wait for the same disk.
const READERS_MAX: u32 = 8;
/// The writer holds its lock for one group commit; anything longer is a fault to be told.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
pub const DATABASE_FILE: &str = "liuhen.sqlite";

/// Read access for everybody.
#[derive(Clone)]
pub struct Store {
    readers: SqlitePool,
}

impl Store {
    /// Opens or creates the database in `data` and migrates it. Returns the store and the one
    /// writer.
    pub async fn open(data: &Path) -> anyhow::Result<(Self, Connection)> {
        let options = SqliteConnectOptions::new()
            .filename(data.join(DATABASE_FILE))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let mut writer = options.connect().await?;
        schema::migrate(&mut writer).await?;
        let readers = pool(options.read_only(true));
        Ok((Self { readers }, writer))
    }

    /// Opens an existing database for reading only, as `verify-ledger` does.
    pub async fn open_read_only(data: &Path) -> anyhow::Result<Self> {
        let file = data.join(DATABASE_FILE);
        anyhow::ensure!(file.is_file(), "no database at {}", file.display());
        let options = SqliteConnectOptions::new().filename(&file).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let readers = pool(options.clone());
        // Beside a database that nobody has open, SQLite makes its files anew, which it cannot do in a
        // folder it may only read. Without a log of its own the database is whole, and nobody writes it.
        let shut = !file.with_file_name(format!("{DATABASE_FILE}-wal")).exists();
        let readable = sqlx::query("SELECT 1 FROM sqlite_master LIMIT 1").fetch_optional(&readers).await;
        Ok(Self { readers: if readable.is_err() && shut { pool(options.immutable(true)) } else { readers } })
    }

    /// A connection to read with. It sees what was committed before.
    pub async fn read(&self) -> Result<PoolConnection<Sqlite>, ApiError> {
        Ok(self.readers.acquire().await?)
    }

    pub async fn close(&self) {
        self.readers.close().await;
    }
}

fn pool(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(READERS_MAX).connect_lazy_with(options)
}

/// Moves what is in the write-ahead log into the database file, for a graceful stop.
pub async fn checkpoint_wal(mut writer: Connection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut writer).await?;
    writer.close().await
}

/// A row of a table whose content acts commit to: it is written only in the transaction of an act
/// that lists its [`RowCommitment`], and `verify-ledger` compares the two.
///
/// The commitment covers the row's canonical CBOR, so the type holds every column.
pub trait CommittedRow: Canonical {
    const TABLE: &'static str;

    /// The primary key as text; parts joined by `/`.
    fn key(&self) -> String;

    fn commitment(&self) -> RowCommitment {
        RowCommitment {
            table: Self::TABLE.to_owned(),
            key: self.key(),
            digest: digest::tagged("liuhen/row/1", &[&self.to_canonical()]),
        }
    }

    /// Says that the row was removed.
    fn removal(&self) -> RowCommitment {
        RowCommitment { digest: Hash::default(), ..self.commitment() }
    }
}

/// A pattern of `LIKE`, its escape `!`, for texts that contain this one. `LOWER` knows the letters of
/// ASCII alone, so only they are made small here.
fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for symbol in text.chars() {
        if matches!(symbol, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(symbol.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_patterns_are_looked_for_as_they_are() {
        assert_eq!(containing("50%_A!"), "%50!%!_a!!%");
        assert_eq!(containing("ＡＢ"), "%ＡＢ%", "as LOWER leaves them");
    }
}
