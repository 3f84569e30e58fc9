use super::{Schema, look, migrate, newest};
use crate::store::{Connection, DATABASE_FILE, MIGRATIONS};
use sqlx::{AssertSqlSafe, ConnectOptions as _, migrate::Migrator, sqlite::SqliteConnectOptions};
use std::{borrow::Cow, path::Path};

pub async fn database(folder: &Path) -> Connection {
    let options = SqliteConnectOptions::new().filename(folder.join(DATABASE_FILE)).create_if_missing(true);
    options.connect().await.expect("a database")
}

/// As an older program left it.
pub async fn migrated_to(conn: &mut Connection, count: usize) {
    let migrations: Vec<_> = MIGRATIONS.iter().take(count).cloned().collect();
    let older = Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT };
    older.run(conn).await.expect("the first migrations");
}

/// With a migration that no program knows yet.
pub async fn from_tomorrow(conn: &mut Connection) {
    altered(
        conn,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'tomorrow', 1, x'00', 0)",
    )
    .await;
}

/// A file of evidence that is held.
pub async fn with_evidence(conn: &mut Connection, hash: &[u8], size_bytes: i64) {
    let held = sqlx::query("INSERT INTO blob (hash, size_bytes, leaf, held_at_ms) VALUES ($1, $2, 0, 0)");
    held.bind(hash).bind(size_bytes).execute(conn).await.expect("held");
}

async fn refusal(conn: &mut Connection) -> String {
    let refused = migrate(conn).await.expect_err("refused").to_string();
    refused.split(':').next().unwrap_or_default().to_owned()
}

async fn altered(conn: &mut Connection, statement: &'static str) {
    sqlx::query(AssertSqlSafe(statement)).execute(conn).await.expect("altered");
}

#[tokio::test]
async fn every_older_schema_is_told_as_older_and_migrates_to_this_one() {
    for count in 0..MIGRATIONS.iter().count() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut conn = database(folder.path()).await;
        migrated_to(&mut conn, count).await;
        let expected = match MIGRATIONS.iter().take(count).next_back() {
            Some(last) => Schema::Older { newest: last.version },
            None => Schema::Empty,
        };
        assert_eq!(look(&mut conn).await.expect("a look"), expected);
        migrate(&mut conn).await.expect("migrated");
        assert_eq!(look(&mut conn).await.expect("a look"), Schema::Current { newest: newest() });
    }
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_and_nothing_is_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut conn = database(folder.path()).await;
    migrated_to(&mut conn, 3).await;
    from_tomorrow(&mut conn).await;
    assert_eq!(refusal(&mut conn).await, "store.newer_schema");
    let applied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations")
        .fetch_one(&mut conn)
        .await
        .expect("a count");
    assert_eq!(applied, 4, "what was missing was not applied");
}

#[tokio::test]
async fn a_database_whose_migrations_were_other_ones_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut conn = database(folder.path()).await;
    migrated_to(&mut conn, 3).await;
    altered(&mut conn, "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2").await;
    assert_eq!(refusal(&mut conn).await, "store.changed_schema");
}
