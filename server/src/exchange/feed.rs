//! What a phone learns: the feed behind its cursor, and documents that entered its scope.
//!
//! A leaf is served whole or not at all, so the cursor needs no finer steps. What one leaf gives too
//! much of is put off: its documents become backfills, which are served a leaf of theirs at a time.
//! Every row is authorised again when it is read.

use super::{caller::Caller, case::damaged, proofs::Proofs, views};
use crate::{
    acts::tasks::{issue::TASKS_MAX, matter::Matters},
    error::ApiError,
    store::{
        self, Connection,
        feed::{FeedKind, FeedRow},
        task_assignees::TaskAssigneeRow,
    },
};
use liuhen_engine::{
    limits,
    wire::{Backfill, FeedItem, Position},
};
use liuhen_trace::{BlobHash, Canonical, CheckpointRef, DeviceId, DocumentId};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of the feed read at once.
const PAGE_ROWS_MAX: i64 = 256;
/// Pages read for one answer, so that a long absence costs several exchanges and not a long one.
const PAGES_MAX: usize = 16;
/// Leaves read at once for a backfill.
const BACKFILL_LEAVES_MAX: i64 = 64;
/// Documents given to a phone that begins: years of an inspector's visits, the newest first.
pub const FIRST_BACKFILLS_MAX: i64 = 2_000;

/// Backfills of a position before leaves that may add to them are read: with the most that one leaf
/// adds, which is the tasks of one act, the phone may still send its position back.
const BACKFILLS_KEPT_MAX: usize = limits::BACKFILLS_MAX - TASKS_MAX;

/// What was read for one answer.
pub struct Served {
    pub items: Vec<FeedItem>,
    /// Devices whose entries are in `items`.
    pub devices: BTreeSet<DeviceId>,
    pub position: Position,
    pub more: bool,
}

/// Reads for one answer.
pub struct Reader<'a> {
    conn: &'a mut Connection,
    caller: &'a Caller,
    proofs: &'a mut Proofs,
    matters: Matters,
    assigned: BTreeMap<DocumentId, Option<TaskAssigneeRow>>,
    items: Vec<FeedItem>,
    devices: BTreeSet<DeviceId>,
    /// Of the reading device; looked up when it first matters.
    several_chains: Option<bool>,
    bytes_left: usize,
}

/// What one leaf has for the reader.
#[derive(Default)]
struct OfLeaf {
    items: Vec<FeedItem>,
    devices: BTreeSet<DeviceId>,
    /// Documents that entered the scope at this leaf.
    entered: Vec<DocumentId>,
    /// Documents with entries here, each with its place in `items`.
    entries: Vec<(usize, BTreeSet<DocumentId>)>,
}

/// The position of a phone that begins: everything of its current tasks as it stands below `verdicts`.
pub async fn first_position(
    conn: &mut Connection,
    caller: &Caller,
    state: &CheckpointRef,
    verdicts: u64,
) -> Result<Position, ApiError> {
    let current = store::feed::holdings(conn, &caller.row.account, FIRST_BACKFILLS_MAX).await?;
    let mut backfills = Vec::new();
    // Those that entered at a later leaf come by the cursor.
    for row in current.iter().filter(|row| (row.assigned_leaf as u64) < verdicts) {
        let document = row.visit.parse().map_err(|_| damaged("task_assignee.visit"))?;
        backfills.push(Backfill { document, as_of: verdicts, from: 0 });
    }
    Ok(Position { epoch: state.epoch, cursor: verdicts, backfills })
}

impl<'a> Reader<'a> {
    pub fn new(
        conn: &'a mut Connection,
        caller: &'a Caller,
        proofs: &'a mut Proofs,
        bytes_max: usize,
    ) -> Self {
        Self {
            conn,
            caller,
            proofs,
            matters: Matters::default(),
            assigned: BTreeMap::new(),
            items: Vec::new(),
            devices: BTreeSet::new(),
            several_chains: None,
            bytes_left: bytes_max,
        }
    }

    /// Serves the feed from the cursor up to leaf `verdicts`, then backfills, as far as the budget goes.
    pub async fn serve(mut self, position: Position, verdicts: u64) -> Result<Served, ApiError> {
        let Position { epoch, cursor, mut backfills } = position;
        let cursor = self.serve_feed(cursor, verdicts, &mut backfills).await?;
        let backfills = self.serve_backfills(backfills, verdicts).await?;
        Ok(Served {
            more: cursor < verdicts || !backfills.is_empty(),
            items: self.items,
            devices: self.devices,
            position: Position { epoch, cursor, backfills },
        })
    }

    /// Returns the new cursor.
    async fn serve_feed(
        &mut self,
        mut cursor: u64,
        to: u64,
        backfills: &mut Vec<Backfill>,
    ) -> Result<u64, ApiError> {
        let account = self.caller.row.account.clone();
        for _ in 0..PAGES_MAX {
            let mut rows = store::feed::page(self.conn, &account, cursor, to, PAGE_ROWS_MAX).await?;
            let last_page = (rows.len() as i64) < PAGE_ROWS_MAX;
            if let (false, Some(last)) = (last_page, rows.last().map(|row| row.leaf)) {
                // The page may end inside a leaf: leave that leaf to the next page, or read it whole.
                rows.retain(|row| row.leaf != last);
                if rows.is_empty() {
                    rows = store::feed::of_leaf(self.conn, &account, last as u64).await?;
                }
            }
            for rows in rows.chunk_by(|a, b| a.leaf == b.leaf) {
                let leaf = rows[0].leaf as u64;
                if backfills.len() > BACKFILLS_KEPT_MAX {
                    return Ok(leaf);
                }
                let of_leaf = self.read_leaf(leaf, rows).await?;
                if !self.take_leaf(leaf, of_leaf, backfills) {
                    return Ok(leaf);
                }
                cursor = leaf + 1;
            }
            if last_page {
                return Ok(to.max(cursor));
            }
        }
        Ok(cursor)
    }

    async fn read_leaf(&mut self, leaf: u64, rows: &[FeedRow]) -> Result<OfLeaf, ApiError> {
        let mut of_leaf = OfLeaf::default();
        let mut segments: BTreeMap<u64, BTreeSet<DocumentId>> = BTreeMap::new();
        for row in rows {
            let kind = FeedKind::from_stored(row.kind).ok_or_else(|| damaged("feed.kind"))?;
            match kind {
                FeedKind::Matter => self.read_matter(leaf, &row.reference, &mut of_leaf).await?,
                FeedKind::Left => {
                    let document = document(&row.reference)?;
                    if self.assignment(document).await?.is_none() {
                        of_leaf.items.push(FeedItem::Left { leaf, document });
                    }
                }
                FeedKind::Entries => {
                    let (segment, document) = store::feed::parse_entries_reference(&row.reference)
                        .ok_or_else(|| damaged("feed.reference"))?;
                    if self.assignment(document).await?.is_some() {
                        segments.entry(segment).or_default().insert(document);
                    }
                }
                FeedKind::Quarantined => self.read_quarantined(leaf, &row.reference, &mut of_leaf).await?,
                FeedKind::Held => {
                    let hash =
                        BlobHash::from_slice(&row.reference).ok_or_else(|| damaged("feed.reference"))?;
                    if let Some(blob) = store::blobs::find(self.conn, hash).await? {
                        of_leaf
                            .items
                            .push(FeedItem::Held(self.proofs.held(self.conn, blob.leaf as u64).await?));
                    }
                }
            }
        }
        for (segment, documents) in segments {
            let segment = views::Segment::read(self.conn, segment).await?;
            if segment.header.device == self.caller.device && self.has_its_own_entries().await? {
                continue;
            }
            if let Some(view) = segment.admitted(self.conn, leaf, &documents).await? {
                of_leaf.entries.push((of_leaf.items.len(), documents));
                of_leaf.devices.insert(segment.header.device);
                of_leaf.items.push(FeedItem::Entries { leaf, view });
            }
        }
        Ok(of_leaf)
    }

    /// Whether the reading phone wrote everything its device handed in. Of a device with several
    /// chains, two copies of one folder may be alive, and each has to learn what the other wrote.
    async fn has_its_own_entries(&mut self) -> Result<bool, ApiError> {
        let several = match self.several_chains {
            Some(known) => known,
            None => store::exchange::has_several_chains(self.conn, self.caller.device).await?,
        };
        self.several_chains = Some(several);
        Ok(!several)
    }

    async fn read_matter(
        &mut self,
        leaf: u64,
        reference: &[u8],
        of_leaf: &mut OfLeaf,
    ) -> Result<(), ApiError> {
        let document = document(reference)?;
        let Some(assignment) = self.assignment(document).await? else { return Ok(()) };
        if assignment.assigned_leaf as u64 == leaf {
            of_leaf.entered.push(document);
        } else {
            of_leaf.items.extend(self.matter(leaf, document).await?);
        }
        Ok(())
    }

    async fn read_quarantined(
        &mut self,
        leaf: u64,
        reference: &[u8],
        of_leaf: &mut OfLeaf,
    ) -> Result<(), ApiError> {
        let (chain, seq) =
            store::feed::parse_entry_reference(reference).ok_or_else(|| damaged("feed.reference"))?;
        if let Some(code) = store::verdicts::code(self.conn, chain, seq).await? {
            of_leaf.items.push(FeedItem::Quarantined { leaf, chain, seq, code });
        }
        Ok(())
    }

    /// Takes a leaf into the answer; `false` when it has to wait for the next one. A leaf that is
    /// too large even for an empty answer is taken in part, the rest of it as backfills.
    fn take_leaf(&mut self, leaf: u64, of_leaf: OfLeaf, backfills: &mut Vec<Backfill>) -> bool {
        let sizes: Vec<usize> = of_leaf.items.iter().map(|item| item.to_canonical().len()).collect();
        let fits = sizes.iter().sum::<usize>() <= self.bytes_left;
        if !fits && !self.items.is_empty() {
            return false;
        }
        backfills.extend(of_leaf.entered.into_iter().map(|document| Backfill {
            document,
            as_of: leaf + 1,
            from: 0,
        }));
        let mut put_off: BTreeSet<usize> = BTreeSet::new();
        for (at, documents) in of_leaf.entries {
            let used: usize = sizes[..at].iter().sum();
            if at > 0 && used + sizes[at] > self.bytes_left {
                put_off.insert(at);
                backfills.extend(documents.into_iter().map(|document| Backfill {
                    document,
                    as_of: leaf + 1,
                    from: leaf,
                }));
            }
        }
        for (at, item) in of_leaf.items.into_iter().enumerate() {
            if !put_off.contains(&at) {
                self.bytes_left = self.bytes_left.saturating_sub(sizes[at]);
                self.items.push(item);
            }
        }
        self.devices.extend(of_leaf.devices);
        true
    }

    /// Returns the backfills that are not complete.
    async fn serve_backfills(
        &mut self,
        backfills: Vec<Backfill>,
        verdicts: u64,
    ) -> Result<Vec<Backfill>, ApiError> {
        let mut left = Vec::new();
        for backfill in backfills {
            // A phone may ask for the past only: what has no verdict comes by the cursor.
            let backfill = Backfill { as_of: backfill.as_of.min(verdicts), ..backfill };
            let full = self.bytes_left == 0 && !self.items.is_empty();
            if full {
                left.push(backfill);
            } else if self.assignment(backfill.document).await?.is_some() {
                left.extend(self.serve_backfill(backfill).await?);
            }
        }
        Ok(left)
    }

    /// Serves one document; returns what is left of it.
    async fn serve_backfill(&mut self, mut backfill: Backfill) -> Result<Option<Backfill>, ApiError> {
        let document = backfill.document;
        if backfill.from == 0 {
            let Some(item) = self.matter(backfill.as_of.saturating_sub(1), document).await? else {
                return Ok(None);
            };
            if !self.push(item) {
                return Ok(Some(backfill));
            }
            // Leaf 0 is never a segment: a device has to be enrolled first.
            backfill.from = 1;
        }
        loop {
            let (from, to) = (backfill.from, backfill.as_of);
            let leaves =
                store::exchange::admitted_leaves(self.conn, document, from, to, BACKFILL_LEAVES_MAX).await?;
            for leaf in &leaves {
                backfill.from = *leaf;
                if !self.push_entries(*leaf, document).await? {
                    return Ok(Some(backfill));
                }
                backfill.from = leaf + 1;
            }
            if (leaves.len() as i64) < BACKFILL_LEAVES_MAX {
                return Ok(None);
            }
        }
    }

    /// A phone that begins anew gets back what its own device wrote, too.
    async fn push_entries(&mut self, leaf: u64, document: DocumentId) -> Result<bool, ApiError> {
        let documents = BTreeSet::from([document]);
        let (mut items, mut devices) = (Vec::new(), BTreeSet::new());
        for segment in store::exchange::segments_admitted_at(self.conn, document, leaf).await? {
            let segment = views::Segment::read(self.conn, segment).await?;
            devices.insert(segment.header.device);
            let view = segment.admitted(self.conn, leaf, &documents).await?;
            items.extend(view.map(|view| FeedItem::Entries { leaf, view }));
        }
        let bytes: usize = items.iter().map(|item| item.to_canonical().len()).sum();
        if bytes > self.bytes_left && !self.items.is_empty() {
            self.bytes_left = 0;
            return Ok(false);
        }
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.items.extend(items);
        self.devices.extend(devices);
        Ok(true)
    }

    /// Adds an item unless the answer is full.
    fn push(&mut self, item: FeedItem) -> bool {
        let bytes = item.to_canonical().len();
        if bytes > self.bytes_left && !self.items.is_empty() {
            self.bytes_left = 0;
            return false;
        }
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.items.push(item);
        true
    }

    async fn matter(&mut self, leaf: u64, document: DocumentId) -> Result<Option<FeedItem>, ApiError> {
        let Some(task) = store::tasks::by_visit(self.conn, &document.to_string()).await? else {
            return Ok(None);
        };
        let bytes = self.matters.task(self.conn, &task).await?.to_bytes();
        Ok(Some(FeedItem::Matter { leaf, bytes }))
    }

    /// The caller's hold on a document, if it has one now.
    async fn assignment(&mut self, document: DocumentId) -> Result<Option<TaskAssigneeRow>, ApiError> {
        if let Some(known) = self.assigned.get(&document) {
            return Ok(known.clone());
        }
        let (visit, account) = (document.to_string(), &self.caller.row.account);
        let row = store::task_assignees::of_visit_and_account(self.conn, &visit, account).await?;
        let row = row.filter(|row| row.left_leaf.is_none());
        self.assigned.insert(document, row.clone());
        Ok(row)
    }
}

fn document(reference: &[u8]) -> Result<DocumentId, ApiError> {
    DocumentId::from_slice(reference).ok_or_else(|| damaged("feed.reference"))
}
