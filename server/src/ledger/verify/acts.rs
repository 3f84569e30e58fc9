//! Acts open to what they committed to, and the rows they list are the rows that are there.

use super::{Findings, epochs::Openings, feed::Quarantines};
use crate::store::{
    self, CommittedRow, Connection,
    accounts::AccountRow,
    audit::AuditedRow,
    audit::Table,
    blobs::BlobRow,
    checklists::ChecklistRow,
    credentials::CredentialRow,
    departments::DepartmentRow,
    devices::DeviceRow,
    reviews::ReviewRow,
    second_factors::SecondFactorRow,
    subjects::{SubjectRow, SubjectVersionRow},
    task_assignees::TaskAssigneeRow,
    tasks::TaskRow,
};
use crate::{acts::casework::resolution::RESOLVED_KIND, ledger::about};
use futures::StreamExt as _;
use liuhen_trace::{Hash, Leaf, act::ActBody};
use serde::Deserialize;
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
    pub openings: Openings,
    /// What acts say that the server signed for somebody, by their leaves.
    pub resolutions: BTreeMap<u64, Resolution>,
}

/// The detail of an act `conflict.resolved`, with who acted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Resolution {
    #[serde(skip)]
    pub actor: Option<String>,
    pub chain: String,
    pub seq: u64,
    /// The id of the entry right before the act.
    pub entry: String,
}

pub async fn check(
    conn: &mut Connection,
    leaves: &[Option<Leaf>],
    findings: &mut Findings,
) -> anyhow::Result<Expected> {
    let (mut expected, mut acts) = (Expected::default(), 0);
    let mut abouts = 0;
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
                abouts += check_about(conn, leaf, &body, findings).await;
                expected.take_in(leaf, &header.kind, body);
            }
        }
    }
    let found = findings.read(None, "act", store::audit::count(conn, Table::Act).await);
    if leaves.iter().all(Option::is_some) {
        findings.count("act", found, acts);
    }
    let found = findings.read(None, "act_about", store::audit::count(conn, Table::ActAbout).await);
    findings.count("act_about", found, abouts);
    check_tables(conn, &expected, findings).await;
    Ok(expected)
}

impl Expected {
    fn take_in(&mut self, leaf: u64, kind: &str, body: ActBody) {
        self.quarantines.take_in(leaf, kind, &body.detail);
        self.openings.extend(body.epoch.map(|opening| (leaf, opening)));
        if kind == RESOLVED_KIND
            && let Ok(resolution) = serde_json::from_str::<Resolution>(&body.detail)
        {
            self.resolutions.insert(leaf, Resolution { actor: body.actor.clone(), ..resolution });
        }
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

/// Returns how many tasks and visits the act speaks of.
async fn check_about(conn: &mut Connection, leaf: u64, body: &ActBody, findings: &mut Findings) -> u64 {
    let about = about::about(&body.detail, &body.rows);
    let place = format!("act_about {leaf}");
    let found = findings.read(Some(leaf), &place, store::audit::about(conn, leaf).await);
    if found.is_some_and(|found| !found.iter().eq(&about)) {
        findings.add(Some(leaf), place, "not what the act speaks of");
    }
    about.len() as u64
}

async fn check_tables(conn: &mut Connection, expected: &Expected, findings: &mut Findings) {
    check_table::<DepartmentRow>(conn, expected, findings).await;
    check_table::<AccountRow>(conn, expected, findings).await;
    check_table::<CredentialRow>(conn, expected, findings).await;
    check_table::<SecondFactorRow>(conn, expected, findings).await;
    check_table::<DeviceRow>(conn, expected, findings).await;
    check_table::<SubjectRow>(conn, expected, findings).await;
    check_table::<SubjectVersionRow>(conn, expected, findings).await;
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
