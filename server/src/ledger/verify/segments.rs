//! Segments are signed by devices with a grant, their entries hash to what was signed, and every
//! column says what the signed bytes say.

use super::{
    Findings,
    acts::{Expected, Resolution},
};
use crate::{
    ledger::Signer,
    store::{
        self, Connection,
        audit::{AnnouncementRow, Table},
        exchange::{EntryRow, SegmentRow, entry_rows},
    },
};
use liuhen_trace::{
    BlobHash, Canonical, ChainId, CheckedSegment, DeviceId, Grant, Hash, Leaf, Refusal, SegmentHeader,
    SegmentView, Signature, SignedGrant,
};
use std::collections::BTreeMap;

/// Grants by device, each checked once.
struct Grants<'a> {
    signer: Option<&'a Signer>,
    known: BTreeMap<DeviceId, Option<Grant>>,
    expected: &'a Expected,
}

/// Where each chain ended so far: the next number, and the hash of the last entry.
#[derive(Default)]
struct Chains(BTreeMap<ChainId, (u64, Hash)>);

impl Chains {
    /// Whether the segment continues its chain. The next one is compared with it either way.
    fn go_on(&mut self, header: &SegmentHeader) -> bool {
        let ended = self.0.insert(header.chain(), (header.next_seq(), header.last));
        ended.unwrap_or_default() == (header.first_seq, header.prev)
    }
}

pub async fn check(
    conn: &mut Connection,
    leaves: &[Option<Leaf>],
    expected: &Expected,
    signer: Option<&Signer>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let mut grants = Grants { signer, known: BTreeMap::new(), expected };
    let mut chains = Chains::default();
    let (mut segments, mut entries, mut announcements) = (0, 0_u64, 0);
    for (leaf, content) in (0..).zip(leaves) {
        if let Some(Leaf::Segment(header)) = content {
            segments += 1;
            // Of a damaged leaf the count may be any number.
            entries = header.count.saturating_add(entries);
            if !chains.go_on(header) {
                let place = format!("segment {leaf} of chain {}", header.chain());
                findings.add(
                    Some(leaf),
                    place,
                    "it does not begin where the chain's segment before it ended",
                );
            }
            announcements += check_segment(conn, leaf, header, &mut grants, findings).await;
        }
    }
    findings.report.entries = entries;
    let counted = [(Table::Segment, "segment", segments), (Table::Entry, "entry", entries)];
    for (table, name, expected) in counted {
        let found = findings.read(None, name, store::audit::count(conn, table).await);
        if leaves.iter().all(Option::is_some) {
            findings.count(name, found, expected);
        }
    }
    let found = findings.read(None, "announcement", store::audit::count(conn, Table::Announcement).await);
    findings.count("announcement", found, announcements);
    Ok(())
}

/// Returns how many files its entries announce.
async fn check_segment(
    conn: &mut Connection,
    leaf: u64,
    header: &SegmentHeader,
    grants: &mut Grants<'_>,
    findings: &mut Findings,
) -> u64 {
    let place = format!("segment {leaf}");
    let grant = grants.of(conn, header.device, leaf, findings).await;
    let row = match findings.read(Some(leaf), &place, store::audit::segment(conn, leaf as i64).await) {
        Some(Some(row)) => row,
        Some(None) => {
            findings.add(Some(leaf), place, "there is no such row");
            return 0;
        }
        None => return 0,
    };
    let signature = Signature(row.signature.clone());
    if row != SegmentRow::of(header, &signature, leaf) {
        findings.add(Some(leaf), &place, "the row is not as the leaf says");
    }
    let wanted = SegmentRow::of(header, &signature, leaf);
    let read = store::exchange::entries_of(conn, &wanted).await;
    let Some(rows) = findings.read(Some(leaf), format!("entry of segment {leaf}"), read) else { return 0 };
    let Some(grant) = grant else { return 0 };
    if grant.is_desk() && !grants.says_why(header, &grant, leaf) {
        findings.add(Some(leaf), &place, "no act behind it says why the server signed it");
    }
    match recompute(header, signature, &rows, &grant) {
        Ok(checked) => {
            compare(&checked, &rows, leaf, findings);
            check_announcements(conn, &checked, &grant.account, leaf, findings).await
        }
        Err(refusal) => {
            findings.add(
                Some(leaf),
                format!("segment {leaf} of chain {}", header.chain()),
                refusal.to_string(),
            );
            0
        }
    }
}

/// The segment as the rows tell it, checked as on the day it was handed in.
fn recompute(
    header: &SegmentHeader,
    signature: Signature,
    rows: &[EntryRow],
    grant: &Grant,
) -> Result<CheckedSegment, Refusal> {
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let at =
            |refusal: Refusal| Refusal::new(refusal.code, format!("entry {}: {}", row.seq, refusal.detail));
        let open = row.open().map_err(at)?;
        open.check().map_err(at)?;
        entries.push(Ok(open));
    }
    SegmentView::new(header.clone(), signature, entries).check(&grant.device_key)
}

/// Every column but the verdict's, which is judged again elsewhere.
fn compare(checked: &CheckedSegment, rows: &[EntryRow], leaf: u64, findings: &mut Findings) {
    for (row, expected) in rows.iter().zip(entry_rows(checked, leaf)) {
        let place = || format!("entry {}/{}", checked.chain, row.seq);
        let judged = row.document.is_some();
        let verdict = |row: &EntryRow| (row.verdict, row.code.clone(), row.admitted_leaf);
        if !judged && verdict(row) != verdict(&expected) {
            findings.add(Some(leaf), place(), "an entry about no document counts at once");
        }
        let (verdict, code, admitted_leaf) = verdict(row);
        if *row != (EntryRow { verdict, code, admitted_leaf, ..expected }) {
            findings.add(Some(leaf), place(), "the row is not what was signed");
        }
    }
}

async fn check_announcements(
    conn: &mut Connection,
    checked: &CheckedSegment,
    account: &str,
    leaf: u64,
    findings: &mut Findings,
) -> u64 {
    let mut count = 0;
    for entry in &checked.entries {
        let blobs = entry.open.iter().flat_map(|open| &open.body.blobs);
        let mut expected = BTreeMap::new();
        for blob in blobs {
            let held = matches!(store::blobs::find(conn, blob.hash).await, Ok(Some(_)));
            // An entry may name a file twice; the first is the one recorded.
            expected.entry(blob.hash).or_insert(AnnouncementRow {
                hash: blob.hash.0.to_vec(),
                chain: checked.chain.0.to_vec(),
                seq: entry.seq as i64,
                account: account.to_owned(),
                size_bytes: blob.size_bytes as i64,
                held: i64::from(held),
            });
        }
        if expected.is_empty() {
            continue;
        }
        count += expected.len() as u64;
        let place = format!("announcement {}/{}", checked.chain, entry.seq);
        let read = store::audit::announcements(conn, checked.chain.as_bytes(), entry.seq as i64).await;
        let found = findings.read(Some(leaf), &place, read).unwrap_or_default();
        let expected: BTreeMap<BlobHash, AnnouncementRow> = expected;
        if !found.iter().eq(expected.values()) {
            findings.add(Some(leaf), place, "not the files the entry names");
        }
    }
    count
}

impl Grants<'_> {
    /// Whether the act behind a segment of a desk is its person's and names its one entry.
    fn says_why(&self, header: &SegmentHeader, grant: &Grant, leaf: u64) -> bool {
        let resolution = Resolution {
            actor: Some(grant.account.clone()),
            chain: header.chain().to_string(),
            seq: header.first_seq,
            entry: header.last.to_string(),
        };
        header.count == 1 && self.expected.resolutions.get(&(leaf + 1)) == Some(&resolution)
    }

    /// The grant of a segment's device, signed by the deployment.
    async fn of(
        &mut self,
        conn: &mut Connection,
        device: DeviceId,
        leaf: u64,
        findings: &mut Findings,
    ) -> Option<Grant> {
        if let Some(known) = self.known.get(&device) {
            return known.clone();
        }
        let place = format!("device {device}");
        let read = store::devices::by_id(conn, &device.to_string()).await;
        let row = findings.read(Some(leaf), &place, read).flatten();
        let grant = match row {
            Some(row) => findings.read(Some(leaf), place, self.open(&row.signed_grant, device)),
            None => {
                findings.add(Some(leaf), place, "no such device is enrolled");
                None
            }
        };
        self.known.insert(device, grant.clone());
        grant
    }

    fn open(&self, signed: &[u8], device: DeviceId) -> Result<Grant, Refusal> {
        let signed = SignedGrant::from_canonical(signed)?;
        let grant = match self.signer {
            Some(signer) => signed.check(&signer.keys().deployment().public())?,
            // That the keys are gone is a misfit already.
            None => Grant::from_canonical(&signed.bytes)?,
        };
        match grant.device() == device {
            true => Ok(grant),
            false => Err(Refusal::new("grant.other_device", "the grant is for another device")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_trace::Suite;

    fn segment(incarnation: u64, first_seq: u64, prev: Hash, last: u8) -> SegmentHeader {
        let hashes = [Hash([0; 32]), Hash([last; 32])];
        SegmentHeader::over(Suite::Ed25519, DeviceId([1; 16]), incarnation, first_seq, prev, &hashes)
            .expect("two entries")
    }

    #[test]
    fn a_chain_with_a_missing_or_swapped_segment_does_not_go_on() {
        let first = segment(1, 0, Hash::default(), 10);
        let second = segment(1, 2, first.last, 20);
        let third = segment(1, 4, second.last, 30);
        let walk = |headers: &[&SegmentHeader]| {
            let mut chains = Chains::default();
            headers.iter().map(|header| chains.go_on(header)).collect::<Vec<_>>()
        };
        let other = segment(2, 0, Hash::default(), 40);
        assert_eq!(walk(&[&first, &other, &second, &third]), [true; 4]);
        assert_eq!(walk(&[&first, &third]), [true, false]);
        assert_eq!(walk(&[&second]), [false]);
        assert_eq!(walk(&[&first, &third, &second]), [true, false, false]);
        assert_eq!(walk(&[&first, &first]), [true, false]);
    }
}
