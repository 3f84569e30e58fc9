//! Acts open to what they committed to, and the rows they list are the rows that are there.

use super::{Findings, feed::Quarantines};
use crate::store::{
    self, CommittedRow, Connection, accounts::AccountRow, audit::AuditedRow, audit::Table, blobs::BlobRow,
    checklists::ChecklistRow, credentials::CredentialRow, departments::DepartmentRow, devices::DeviceRow,
    reviews::ReviewRow, subjects::SubjectRow, task_assignees::TaskAssigneeRow, tasks::TaskRow,
};
use futures::StreamExt as _;
use liuhen_trace::{Hash, Leaf, act::ActBody};
use std::collections::{BTreeMap, BTreeSet};

/// What the acts say of committed rows.
#[derive(Default)]
pub struct Expected {
    /// Digest and leaf of the latest act, by table and key. An all-zero digest is a removed row.
    pub latest: BTreeMap<String, BTreeMap<String, (Hash, u64)>>,
    /// For each assignment by its key, the leaves of all acts that wrote it.
    pub assignments: BTreeMap<String, BTreeSet<u64>>,
    /// For each task by its id, the leaves of all acts that wrote its own row.
    pub tasks: BTreeMap<String, BTreeSet<u64>>,
    /// For each review by its id, the leaf of its act.
    pub reviews: BTreeMap<String, BTreeSet<u64>>,
    pub quarantines: Quarantines,
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
                expected.take_in(leaf, &header.kind, body);
            }
        }
    }
    let found = findings.read(None, "act", store::audit::count(conn, Table::Act).await);
    if leaves.iter().all(Option::is_some) {
        findings.count("act", found, acts);
    }
    check_tables(conn, &expected, findings).await;
    Ok(expected)
}

impl Expected {
    fn take_in(&mut self, leaf: u64, kind: &str, body: ActBody) {
        self.quarantines.take_in(leaf, kind, &body.detail);
        for row in body.rows {
            let writes = match row.table.as_str() {
                TaskAssigneeRow::TABLE => Some(&mut self.assignments),
                TaskRow::TABLE => Some(&mut self.tasks),
                ReviewRow::TABLE => Some(&mut self.reviews),
                _ => None,
            };
            if let Some(writes) = writes {
                writes.entry(row.key.clone()).or_default().insert(leaf);
            }
            self.latest.entry(row.table).or_default().insert(row.key, (row.digest, leaf));
        }
    }
}

async fn check_tables(conn: &mut Connection, expected: &Expected, findings: &mut Findings) {
    check_table::<DepartmentRow>(conn, expected, findings).await;
    check_table::<AccountRow>(conn, expected, findings).await;
    check_table::<CredentialRow>(conn, expected, findings).await;
    check_table::<DeviceRow>(conn, expected, findings).await;
    check_table::<SubjectRow>(conn, expected, findings).await;
    check_table::<ChecklistRow>(conn, expected, findings).await;
    check_table::<TaskRow>(conn, expected, findings).await;
    check_table::<TaskAssigneeRow>(conn, expected, findings).await;
    check_table::<ReviewRow>(conn, expected, findings).await;
    check_table::<BlobRow>(conn, expected, findings).await;
}

/// Compares in both directions: every row an act lists is there as listed, and there is no other.
async fn check_table<T: AuditedRow>(conn: &mut Connection, expected: &Expected, findings: &mut Findings) {
    let none = BTreeMap::new();
    let expected = expected.latest.get(T::TABLE).unwrap_or(&none);
    for (key, (digest, leaf)) in expected {
        let place = format!("{} {key}", T::TABLE);
        let read = store::audit::committed::<T>(conn, key).await;
        let Some(row) = findings.read(Some(*leaf), &place, read) else { continue };
        match row {
            None if *digest == Hash::default() => {}
            None => findings.add(Some(*leaf), place, "the row is not there"),
            Some(row) if row.commitment().digest == *digest => {}
            Some(_) => findings.add(Some(*leaf), place, "the row is not as the act wrote it"),
        }
    }
    let mut keys = store::audit::keys::<T>(conn);
    while let Some(key) = keys.next().await {
        let Some(key) = findings.read(None, T::TABLE, key) else { return };
        if !expected.contains_key(&key) {
            findings.add(None, format!("{} {key}", T::TABLE), "no act wrote this row");
        }
    }
}
