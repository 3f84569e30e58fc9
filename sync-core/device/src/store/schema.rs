//! Numbered migrations; see `migrations/device/README.md`.

use crate::{Error, Result};
use rusqlite::{Connection, TransactionBehavior};

const MIGRATIONS: [&str; 3] = [
    include_str!("../../../../migrations/device/0001_phone.sql"),
    include_str!("../../../../migrations/device/0002_unread.sql"),
    include_str!("../../../../migrations/device/0003_epoch.sql"),
];

/// Brings the database to the newest schema; each step is one transaction.
pub fn migrate(connection: &mut Connection) -> Result<()> {
    let applied: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let applied = applied as usize;
    if applied > MIGRATIONS.len() {
        let detail = format!("schema {applied}; this program knows {}", MIGRATIONS.len());
        return Err(Error::Storage { code: "storage.newer", detail });
    }
    for (migration, number) in MIGRATIONS.iter().zip(1..).skip(applied) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_is_migrating_once_and_a_newer_database_is_left_alone() {
        let mut connection = Connection::open_in_memory().expect("opened");
        migrate(&mut connection).expect("migrated");
        migrate(&mut connection).expect("nothing to do");
        connection.pragma_update(None, "user_version", MIGRATIONS.len() as u32 + 1).expect("set");
        assert_eq!(migrate(&mut connection).expect_err("refused").code(), "storage.newer");
    }
}
