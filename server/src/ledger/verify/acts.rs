//! Acts open to what they committed to, and the rows they list are the rows that are there.

use super::Findings;
use crate::store::{
    self, CommittedRow, Connection, accounts::AccountRow, audit::Table, blobs::BlobRow, checklists::ChecklistRow,
    credentials::CredentialRow, departments::DepartmentRow, devices::DeviceRow, reviews::ReviewRow,
    subjects::SubjectRow, task_assignees::TaskAssigneeRow, tasks::TaskRow,
};
use liuhen_trace::{Hash, Leaf, act::ActBody};
use sqlx::{FromRow, sqlite::SqliteRow};
use std::collections::{BTreeMap, BTreeSet};

/// Keys read at once.
const KEYS_MAX: i64 = 1_000;

/// What the acts say of committed rows.
#[derive(Default)]
pub struct Expected {
    /// Digest and leaf of the latest act, by table and key. An all-zero digest is a removed row.
    pub latest: BTreeMap<String, BTreeMap<String, (Hash, u64)>>,
    /// For each assignment, the leaves of all acts that wrote it.
    pub assignments: BTreeMap<String, BTreeSet<u64>>,
}

pub async fn check(
    conn: &mut Connection,
    leaves: &[Option<Leaf>],
    findings: &mut Findings,
) -> anyhow::Result<Expected> {
    let (mut expected, mut acts) = (Expected::default(), 0);
    for (leaf, content) in (0..).zip(leaves) {
        if let Some(Leaf::Act(header)) = content {
            acts += 1;
            let place = format!("act {leaf}");
            let row = match findings.read(Some(leaf), &place, store::ledger::act(conn, leaf).await) {
                Some(Some(row)) => row,
                Some(None) => {
                    findings.add(Some(leaf), place, "salt and body are not there");
                    continue;
                }
                None => continue,
            };
            let Ok(salt) = row.salt.as_slice().try_into() else {
                findings.add(Some(leaf), place, "the salt has another length");
                continue;
            };
            if let Some(body) = findings.read(Some(leaf), place, header.open(salt, &row.body)) {
                expected.take_in(leaf, body);
            }
        }
    }
    let found = findings.read(None, "act", store::audit::count(conn, Table::Act).await);
    if leaves.iter().all(Option::is_some) {
        findings.count("act", found, acts);
    }
    check_tables(conn, &mut expected, findings).await;
    Ok(expected)
}

impl Expected {
    fn take_in(&mut self, leaf: u64, body: ActBody) {
        for row in body.rows {
            if row.table == TaskAssigneeRow::TABLE {
                self.assignments.entry(row.key.clone()).or_default().insert(leaf);
            }
            self.latest.entry(row.table).or_default().insert(row.key, (row.digest, leaf));
        }
    }
}

async fn check_tables(conn: &mut Connection, expected: &mut Expected, findings: &mut Findings) {
    macro_rules! table {
        ($row:ty, $one:literal, $keys:literal) => {
            let rows = expected.latest.get(<$row>::TABLE).cloned().unwrap_or_default();
            check_table::<$row>(conn, &rows, $one, $keys, findings).await;
        };
    }
    table!(
        DepartmentRow,
        "SELECT * FROM department WHERE id = $1",
        "SELECT id FROM department WHERE id > $1 ORDER BY id LIMIT $2"
    );
    table!(
        AccountRow,
        "SELECT * FROM account WHERE id = $1",
        "SELECT id FROM account WHERE id > $1 ORDER BY id LIMIT $2"
    );
    table!(
        CredentialRow,
        "SELECT * FROM credential WHERE account = $1",
        "SELECT account FROM credential WHERE account > $1 ORDER BY account LIMIT $2"
    );
    table!(
        DeviceRow,
        "SELECT * FROM device WHERE id = $1",
        "SELECT id FROM device WHERE id > $1 ORDER BY id LIMIT $2"
    );
    table!(
        SubjectRow,
        "SELECT * FROM subject WHERE id = $1",
        "SELECT id FROM subject WHERE id > $1 ORDER BY id LIMIT $2"
    );
    table!(
        ChecklistRow,
        "SELECT * FROM checklist WHERE hash = $1",
        "SELECT hash FROM checklist WHERE hash > $1 ORDER BY hash LIMIT $2"
    );
    table!(
        TaskRow,
        "SELECT * FROM task WHERE id = $1",
        "SELECT id FROM task WHERE id > $1 ORDER BY id LIMIT $2"
    );
    table!(
        TaskAssigneeRow,
        "SELECT * FROM task_assignee WHERE task || '/' || account = $1",
        "SELECT task || '/' || account FROM task_assignee WHERE task || '/' || account > $1
         ORDER BY task || '/' || account LIMIT $2"
    );
    table!(
        ReviewRow,
        "SELECT * FROM review WHERE id = $1",
        "SELECT id FROM review WHERE id > $1 ORDER BY id LIMIT $2"
    );
    table!(
        BlobRow,
        "SELECT * FROM blob WHERE lower(hex(hash)) = $1",
        "SELECT lower(hex(hash)) FROM blob WHERE lower(hex(hash)) > $1 ORDER BY 1 LIMIT $2"
    );
}

/// Compares in both directions: every row an act lists is there as listed, and there is no other.
async fn check_table<T>(
    conn: &mut Connection,
    expected: &BTreeMap<String, (Hash, u64)>,
    one: &'static str,
    keys: &'static str,
    findings: &mut Findings,
) where
    T: CommittedRow + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    for (key, (digest, leaf)) in expected {
        let place = format!("{} {key}", T::TABLE);
        let read = store::audit::committed::<T>(conn, one, key).await;
        let Some(row) = findings.read(Some(*leaf), &place, read) else { continue };
        match row {
            None if *digest == Hash::default() => {}
            None => findings.add(Some(*leaf), place, "the row is not there"),
            Some(row) if row.commitment().digest == *digest => {}
            Some(_) => findings.add(Some(*leaf), place, "the row is not as the act wrote it"),
        }
    }
    let mut after = String::new();
    loop {
        let read = store::audit::keys(conn, keys, &after, KEYS_MAX).await;
        let Some(page) = findings.read(None, T::TABLE, read) else { return };
        for key in &page {
            if !expected.contains_key(key) {
                findings.add(None, format!("{} {key}", T::TABLE), "no act wrote this row");
            }
        }
        match page.last() {
            Some(last) if page.len() as i64 == KEYS_MAX => after.clone_from(last),
            _ => return,
        }
    }
}
