//! Checkpoints that were verified, with their signed notes.

use super::{Connection, Tx, signed, unsigned};
use crate::Result;
use liuhen_trace::{CheckpointRef, Hash};
use rusqlite::{OptionalExtension as _, params};

/// Older ones kept: months of a phone that exchanges ten times a day, in a quarter of a megabyte. What
/// is behind the oldest is handed in again, and is a duplicate.
const KEPT_MAX: u32 = 1_000;

pub fn insert(tx: &Tx, checkpoint: &CheckpointRef, note: &str) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO checkpoint (epoch, size, root, note) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?
    .execute(params![signed(checkpoint.epoch), signed(checkpoint.size), checkpoint.root.0, note])?;
    tx.prepare_cached(
        "DELETE FROM checkpoint WHERE evidence = 0 AND (epoch, size) <=
           (SELECT epoch, size FROM checkpoint ORDER BY epoch DESC, size DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([KEPT_MAX])?;
    Ok(())
}

/// The newest one of an epoch up to `epoch` over at most `size` leaves.
pub fn newest_within(db: &Connection, epoch: u64, size: u64) -> Result<Option<CheckpointRef>> {
    let mut statement = db.prepare_cached(
        "SELECT epoch, size, root FROM checkpoint WHERE evidence = 0 AND epoch <= ?1 AND size <= ?2
         ORDER BY epoch DESC, size DESC LIMIT 1",
    )?;
    let found = statement.query_row(params![signed(epoch), signed(size)], |row| {
        Ok(CheckpointRef {
            epoch: unsigned(row.get(0)?),
            size: unsigned(row.get(1)?),
            root: Hash(row.get(2)?),
        })
    });
    Ok(found.optional()?)
}

/// The newest one, whose note stands in the progress still, shows leaves that the log does not have any
/// more. Nothing can be proven any more from others behind leaf `lost_from`.
pub fn keep_as_evidence(tx: &Tx, newest: &CheckpointRef, lost_from: u64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO checkpoint (epoch, size, root, note, evidence)
         SELECT ?1, ?2, ?3, note, 1 FROM progress WHERE note IS NOT NULL
         ON CONFLICT (epoch, size) DO UPDATE SET evidence = 1",
    )?
    .execute(params![signed(newest.epoch), signed(newest.size), newest.root.0])?;
    tx.prepare_cached("DELETE FROM checkpoint WHERE evidence = 0 AND epoch <= ?1 AND size > ?2")?
        .execute(params![signed(newest.epoch), signed(lost_from)])?;
    Ok(())
}

/// The notes that show what was lost, oldest first.
pub fn evidence(db: &Connection) -> Result<Vec<String>> {
    let mut statement =
        db.prepare_cached("SELECT note FROM checkpoint WHERE evidence = 1 ORDER BY epoch, size")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn the_newest_thousand_are_kept_and_evidence_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(&folder.path().join("phone.sqlite")).expect("opened");
        let tx = store.begin().expect("begun");
        let at = |size| CheckpointRef { epoch: 1, size, root: Hash([7; 32]) };
        let add = |size: u64| insert(&tx, &at(size), &format!("note {size}")).expect("inserted");
        add(3);
        tx.execute("UPDATE checkpoint SET evidence = 1", []).expect("marked");
        let kept = u64::from(KEPT_MAX);
        (10..10 + kept + 50).for_each(add);
        assert_eq!(evidence(&tx).expect("read"), ["note 3"]);
        let oldest = 10 + 50;
        assert_eq!(newest_within(&tx, 1, oldest - 1).expect("read"), None);
        assert_eq!(newest_within(&tx, 1, oldest).expect("read"), Some(at(oldest)));
    }
}
