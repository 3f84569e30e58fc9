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

/// To the millisecond: an upgrade that was killed is taken up again within the same second.
fn now() -> anyhow::Result<String> {
    let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(clock::now_ms()) * 1_000_000)?;
    Ok(now.format(format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:3]Z"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AppState, backup, config::Config, evidence::files, ledger::Signer, store::schema::tests as fixture,
    };
    use liuhen_trace::{BlobHash, digest};
    use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

    /// A folder as a program with the first `count` migrations left it.
    async fn older(count: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        Signer::open(&folder.path().join("signer")).expect("keys");
        let mut conn = fixture::database(folder.path()).await;
        fixture::migrated_to(&mut conn, count).await;
        folder
    }

    fn backups(data: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(data.join(BACKUPS_FOLDER)).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    #[tokio::test]
    async fn an_older_folder_is_backed_up_before_it_is_migrated_and_only_then() {
        for count in [1, 4] {
            let folder = older(count).await;
            let config = Config::new(folder.path().to_owned());
            let (state, background) = AppState::open(config.clone()).await.expect("upgraded");
            state.close(background).await.expect("a clean stop");
            let [taken] = &backups(folder.path())[..] else { panic!("one backup") };
            let name = taken.file_name().expect("a name").to_string_lossy().into_owned();
            assert!(name.starts_with(&format!("before-{}-", schema::newest())), "{name}");
            let manifest = backup::check(taken).expect("a whole backup");
            assert_eq!(manifest.schema, count as i64, "as it was before");

            let (state, background) = AppState::open(config).await.expect("opened again");
            state.close(background).await.expect("a clean stop");
            assert_eq!(backups(folder.path()).len(), 1, "there was nothing to upgrade");
        }
    }

    #[tokio::test]
    async fn the_backup_before_an_upgrade_shares_the_evidence_and_outlives_the_folder() {
        let folder = older(4).await;
        let (content, hash) = (b"a photo", BlobHash(digest::sha256(b"a photo")));
        let evidence = files::blob_path(folder.path(), hash);
        fs::create_dir_all(evidence.parent().expect("a folder")).expect("made");
        fs::write(&evidence, content).expect("written");
        let mut conn = fixture::database(folder.path()).await;
        fixture::with_evidence(&mut conn, hash.as_bytes(), content.len() as i64).await;
        sqlx::Connection::close(conn).await.expect("closed");
        before_migrating(folder.path()).await.expect("a backup");
        let [taken] = &backups(folder.path())[..] else { panic!("one backup") };
        let shared = files::blob_path(taken, hash);
        let inode = |file: &Path| fs::metadata(file).expect("a file").ino();
        assert_eq!(inode(&shared), inode(&evidence), "no room is needed");
        backup::check(taken).expect("a whole backup");
        fs::remove_file(&evidence).expect("removed");
        assert_eq!(fs::read(&shared).expect("still there"), content);
    }

    #[tokio::test]
    async fn an_upgrade_that_was_killed_in_the_middle_is_taken_up_again() {
        let folder = older(4).await;
        let config = Config::new(folder.path().to_owned());
        // As far as a backup and some of the migrations.
        before_migrating(folder.path()).await.expect("a backup");
        fs::create_dir_all(folder.path().join(BACKUPS_FOLDER).join("before-0-killed.partial")).expect("made");
        fixture::migrated_to(&mut fixture::database(folder.path()).await, 6).await;
        let (state, background) = AppState::open(config).await.expect("upgraded");
        state.close(background).await.expect("a clean stop");
        let mut conn = fixture::database(folder.path()).await;
        let newest = schema::newest();
        assert_eq!(schema::look(&mut conn).await.expect("a look"), Schema::Current { newest });
    }

    #[tokio::test]
    async fn a_new_folder_needs_no_backup_and_a_newer_database_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config::new(folder.path().to_owned());
        let (state, background) = AppState::open(config.clone()).await.expect("a new folder");
        state.close(background).await.expect("a clean stop");
        assert!(backups(folder.path()).is_empty());

        let mut conn = fixture::database(folder.path()).await;
        fixture::from_tomorrow(&mut conn).await;
        sqlx::Connection::close(conn).await.expect("closed");
        let database = folder.path().join(store::DATABASE_FILE);
        let before = fs::read(&database).expect("the database");
        let refused = AppState::open(config).await.err().expect("a downgrade");
        assert!(refused.to_string().starts_with("store.newer_schema"), "{refused:#}");
        assert_eq!(fs::read(&database).expect("the database"), before, "nothing was changed");
        assert!(backups(folder.path()).is_empty());
    }

    #[tokio::test]
    async fn an_upgrade_without_a_backup_does_not_happen() {
        let folder = older(4).await;
        fs::write(folder.path().join(BACKUPS_FOLDER), b"in the way").expect("written");
        let config = Config::new(folder.path().to_owned());
        assert!(AppState::open(config).await.is_err());
        let mut conn = fixture::database(folder.path()).await;
        assert_eq!(schema::look(&mut conn).await.expect("a look"), Schema::Older { newest: 4 });
    }
}
