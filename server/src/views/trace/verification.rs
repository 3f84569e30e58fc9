//! What the server recomputes about a line of a trace when somebody looks at it: from the bytes of the
//! rows up to the newest signed checkpoint. A row that was tampered with is a check that fails, never a
//! page that does.

use crate::{
    ApiError,
    ledger::{Latest, Ledger, proof},
    store::{self, Connection, exchange::EntryRow, exchange::SegmentRow, ledger::LeafRow},
};
use liuhen_trace::{
    Canonical as _, ChainId, CheckpointRef, Grant, Hash, Leaf, NoteKey, PublicKey, SegmentHeader, Signature,
    SignedGrant,
    act::ActBody,
    merkle::{self, Tree, cover},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Segments that a chain is walked back: ten years of a phone that hands in every hour of every day.
const CHAIN_SEGMENTS_MAX: i64 = 20_000;

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Check {
    pub what: CheckKind,
    pub passed: bool,
    /// What does not fit.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// The content hashes to what was signed or logged.
    Content,
    /// The device's key signed the segment with exactly these entries.
    Signature,
    /// The deployment signed the grant that binds the key to the person.
    Grant,
    /// The device's chain has no gap from its beginning to here.
    Chain,
    /// The checkpoint that the device knew is an earlier state of this log.
    KnownCheckpoint,
    /// The leaf in the log is this segment or act.
    Leaf,
    /// The leaf stands in the tree of the newest checkpoint.
    Inclusion,
    /// The log's key signed the newest checkpoint.
    Checkpoint,
}

impl CheckKind {
    /// In Chinese and in English.
    pub fn titles(self) -> (&'static str, &'static str) {
        match self {
            CheckKind::Content => ("内容与哈希一致", "Content has the hash committed to"),
            CheckKind::Signature => ("设备签名有效", "Signed by the device"),
            CheckKind::Grant => ("设备授权有效", "The device is granted to the person"),
            CheckKind::Chain => ("设备记录链无缺口", "The device's chain has no gap"),
            CheckKind::KnownCheckpoint => ("所知检查点属于本账本", "Its known checkpoint is of this log"),
            CheckKind::Leaf => ("账本叶子一致", "The leaf of the log is this"),
            CheckKind::Inclusion => ("包含于最新检查点", "Included in the newest checkpoint"),
            CheckKind::Checkpoint => ("检查点签名有效", "The checkpoint is signed by the log"),
        }
    }
}

/// Everything that was checked of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verification {
    pub passed: bool,
    pub checks: Vec<Check>,
}

impl Verification {
    /// Of a row that cannot even be read.
    pub fn failed(what: String) -> Self {
        Self::of([(CheckKind::Content, Err(what))])
    }

    fn of(results: impl IntoIterator<Item = (CheckKind, Outcome)>) -> Self {
        let checks: Vec<Check> = results
            .into_iter()
            .map(|(what, outcome)| Check { what, passed: outcome.is_ok(), detail: outcome.err() })
            .collect();
        Self { passed: checks.iter().all(|check| check.passed), checks }
    }
}

type Outcome = Result<(), String>;

fn ensure(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn told<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

/// A row, or why it cannot be read. Only that the storage does not answer is an error.
pub fn readable<T>(read: Result<Option<T>, sqlx::Error>) -> Result<Result<T, String>, ApiError> {
    match read {
        Ok(Some(row)) => Ok(Ok(row)),
        Ok(None) => Ok(Err("the row is not there".to_owned())),
        Err(error @ (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))) => Ok(Err(told(error))),
        Err(error) => Err(error.into()),
    }
}

/// Checks against one checkpoint; what many lines share is checked once.
pub struct Verifier {
    latest: Latest,
    checkpoint: Outcome,
    deployment: PublicKey,
    segments: BTreeMap<i64, Segment>,
    chains: BTreeMap<(ChainId, i64), Outcome>,
    inclusions: BTreeMap<i64, Outcome>,
    roots: BTreeMap<u64, Option<Hash>>,
}

/// A segment as it was checked.
#[derive(Clone)]
pub struct Segment {
    header: Option<SegmentHeader>,
    /// Of the entries, as their rows say.
    hashes: Vec<Option<Hash>>,
    /// Who its device acts for.
    pub grant: Option<Grant>,
    pub device: Option<String>,
    checks: Vec<(CheckKind, Outcome)>,
}

impl Verifier {
    pub fn new(ledger: &Ledger) -> Self {
        let latest = ledger.latest();
        Self {
            checkpoint: check_note(&ledger.note_key(), &latest),
            deployment: ledger.deployment_key(),
            latest,
            segments: BTreeMap::new(),
            chains: BTreeMap::new(),
            inclusions: BTreeMap::new(),
            roots: BTreeMap::new(),
        }
    }

    pub fn checkpoint(&self) -> CheckpointRef {
        self.latest.state
    }

    pub fn note(&self) -> &str {
        &self.latest.note
    }

    /// An entry, with the checkpoint it embeds where that is a state of this log.
    pub async fn entry(
        &mut self,
        conn: &mut Connection,
        row: &EntryRow,
    ) -> Result<(Verification, Segment, Option<u64>), ApiError> {
        let segment = self.segment(conn, row.leaf).await?;
        let known = row.open().ok().and_then(|open| open.body.checkpoint);
        let (seen, known) = self.known(conn, known).await?;
        let mut checks = vec![(CheckKind::Content, check_content(row, &segment))];
        checks.extend(segment.checks.clone());
        checks.extend(known.map(|known| (CheckKind::KnownCheckpoint, known)));
        checks.push((CheckKind::Inclusion, self.inclusion(conn, row.leaf).await?));
        checks.push((CheckKind::Checkpoint, self.checkpoint.clone()));
        Ok((Verification::of(checks), segment, seen))
    }

    /// An act; its time and body where they can be read.
    pub async fn act(
        &mut self,
        conn: &mut Connection,
        leaf: i64,
    ) -> Result<(Verification, Option<(String, i64)>, Option<ActBody>), ApiError> {
        let row = readable(store::ledger::leaf(conn, leaf as u64).await)?;
        let body = readable(store::ledger::act(conn, leaf as u64).await)?;
        let header = row.and_then(|row| match read_leaf(&row)? {
            Leaf::Act(header) => Ok(header),
            Leaf::Segment(_) => Err("the leaf is no act".to_owned()),
        });
        let opened = match (&header, body) {
            (Ok(header), Ok(row)) => match row.salt.as_slice().try_into() {
                Ok(salt) => header.open(salt, &row.body).map_err(told),
                Err(_) => Err("the salt has another length".to_owned()),
            },
            (Err(what), _) => Err(what.clone()),
            (_, Err(what)) => Err(what),
        };
        let checks = [
            (CheckKind::Content, opened.as_ref().map(|_| ()).map_err(Clone::clone)),
            (CheckKind::Leaf, header.as_ref().map(|_| ()).map_err(Clone::clone)),
            (CheckKind::Inclusion, self.inclusion(conn, leaf).await?),
            (CheckKind::Checkpoint, self.checkpoint.clone()),
        ];
        let header = header.ok().map(|header| (header.kind, header.at_ms));
        Ok((Verification::of(checks), header, opened.ok()))
    }

    async fn segment(&mut self, conn: &mut Connection, leaf: i64) -> Result<Segment, ApiError> {
        if let Some(known) = self.segments.get(&leaf) {
            return Ok(known.clone());
        }
        let row = readable(store::exchange::segment_at(conn, leaf as u64).await)?;
        let segment = match row {
            Ok(row) => self.check_segment(conn, row).await?,
            Err(what) => Segment {
                header: None,
                hashes: Vec::new(),
                grant: None,
                device: None,
                checks: vec![(CheckKind::Signature, Err(what))],
            },
        };
        self.segments.insert(leaf, segment.clone());
        Ok(segment)
    }

    async fn check_segment(&mut self, conn: &mut Connection, row: SegmentRow) -> Result<Segment, ApiError> {
        let header = row.parse_header().map_err(told);
        let count = row.count.min(liuhen_trace::limits::SEGMENT_ENTRIES_MAX as i64);
        let hashes = store::trace::hashes(conn, &row.chain, row.first_seq, count).await?;
        let device = readable(store::devices::by_id(conn, &row.device).await)?;
        let grant = device.and_then(|device| {
            let signed = SignedGrant::from_canonical(&device.signed_grant).map_err(told)?;
            signed.check(&self.deployment).map_err(told)
        });
        let leaf = readable(store::ledger::leaf(conn, row.leaf as u64).await)?;
        let chain = match &header {
            Ok(header) => self.chain(conn, header.chain(), row.leaf).await?,
            Err(what) => Err(what.clone()),
        };
        let checks = vec![
            (CheckKind::Signature, check_signature(&row, &header, &hashes, &grant)),
            (CheckKind::Grant, check_grant(&header, &grant)),
            (CheckKind::Chain, chain),
            (CheckKind::Leaf, check_leaf(&header, leaf)),
        ];
        let (header, grant) = (header.ok(), grant.ok());
        Ok(Segment { header, hashes, grant, device: Some(row.device), checks })
    }

    /// Each header names the end of the one before it, so headers alone show a gap.
    async fn chain(&mut self, conn: &mut Connection, chain: ChainId, leaf: i64) -> Result<Outcome, ApiError> {
        if let Some(known) = self.chains.get(&(chain, leaf)) {
            return Ok(known.clone());
        }
        let headers = store::trace::headers(conn, chain, leaf, CHAIN_SEGMENTS_MAX).await?;
        let whole = (headers.len() as i64) < CHAIN_SEGMENTS_MAX;
        let outcome = check_chain(&headers, whole);
        self.chains.insert((chain, leaf), outcome.clone());
        Ok(outcome)
    }

    async fn inclusion(&mut self, conn: &mut Connection, leaf: i64) -> Result<Outcome, ApiError> {
        if let Some(known) = self.inclusions.get(&leaf) {
            return Ok(known.clone());
        }
        let state = self.latest.state;
        let row = readable(store::ledger::leaf(conn, leaf as u64).await)?;
        let outcome = match row {
            Err(what) => Err(what),
            Ok(row) => match proof::range(conn, leaf as u64, leaf as u64 + 1, state.size).await {
                Ok(proof) => {
                    let hash = merkle::leaf_hash(&row.bytes);
                    proof.verify_run(leaf as u64, &[hash], state.size, state.root).map_err(told)
                }
                Err(error) if error.code() == "internal" => Err("a node of the tree is missing".to_owned()),
                Err(error) => return Err(error),
            },
        };
        self.inclusions.insert(leaf, outcome.clone());
        Ok(outcome)
    }

    /// Whether what a device had seen is a prefix of this log. Of an earlier epoch of the log, leaves may
    /// have been lost with a restore: then it proves nothing here, and nothing is wrong with it.
    async fn known(
        &mut self,
        conn: &mut Connection,
        known: Option<CheckpointRef>,
    ) -> Result<(Option<u64>, Option<Outcome>), ApiError> {
        let Some(known) = known else { return Ok((None, None)) };
        let root = match known.size <= self.latest.state.size {
            true => self.root(conn, known.size).await?,
            false => None,
        };
        Ok(match root == Some(known.root) {
            true => (Some(known.size), Some(Ok(()))),
            false if known.epoch < self.latest.state.epoch => (None, None),
            false => (None, Some(Err("the device saw another log".to_owned()))),
        })
    }

    /// The root the tree had at a size.
    async fn root(&mut self, conn: &mut Connection, size: u64) -> Result<Option<Hash>, ApiError> {
        if let Some(known) = self.roots.get(&size) {
            return Ok(*known);
        }
        let mut row = Vec::new();
        for node in cover(0, size) {
            row.extend(store::ledger::node(conn, node).await?);
        }
        let root = Tree::from_row(size, &row).map(|tree| tree.root());
        self.roots.insert(size, root);
        Ok(root)
    }
}

fn check_note(key: &NoteKey, latest: &Latest) -> Outcome {
    let checkpoint = key.check(&latest.note).map_err(told)?;
    ensure(checkpoint.state == latest.state, "the signed state is another one")
}

fn read_leaf(row: &LeafRow) -> Result<Leaf, String> {
    ensure(row.hash == merkle::leaf_hash(&row.bytes).0, "the leaf has another hash")?;
    Leaf::from_bytes(&row.bytes).map_err(told)
}

fn check_leaf(header: &Result<SegmentHeader, String>, leaf: Result<LeafRow, String>) -> Outcome {
    let leaf = read_leaf(&leaf?)?;
    ensure(leaf == Leaf::Segment(header.clone()?), "the leaf is another segment")
}

fn check_grant(header: &Result<SegmentHeader, String>, grant: &Result<Grant, String>) -> Outcome {
    let (header, grant) = (header.clone()?, grant.clone()?);
    ensure(grant.device() == header.device, "the grant is for another device")
}

fn check_signature(
    row: &SegmentRow,
    header: &Result<SegmentHeader, String>,
    hashes: &[Option<Hash>],
    grant: &Result<Grant, String>,
) -> Outcome {
    let (header, grant) = (header.clone()?, grant.clone()?);
    let signature = Signature(row.signature.clone());
    grant.device_key.verify(&header.message(), &signature).map_err(told)?;
    ensure(
        *row == SegmentRow::of(&header, &signature, row.leaf as u64),
        "the row is not as its header says",
    )?;
    let hashes: Option<Vec<Hash>> = hashes.iter().copied().collect();
    let hashes = hashes.filter(|hashes| hashes.len() as u64 == header.count);
    let hashes = hashes.ok_or("entries of the segment are missing")?;
    let root = merkle::root(hashes.iter().map(Hash::as_bytes));
    ensure(root == header.root && hashes.last() == Some(&header.last), "its entries are not those signed")
}

/// `headers` from the newest back.
fn check_chain(headers: &[Vec<u8>], whole: bool) -> Outcome {
    let mut next: Option<SegmentHeader> = None;
    for bytes in headers {
        let header = SegmentHeader::from_canonical(bytes).map_err(told)?;
        if let Some(next) = &next {
            let joined = (header.next_seq(), header.last) == (next.first_seq, next.prev);
            ensure(joined, &format!("entry {} does not follow entry {}", next.first_seq, header.next_seq()))?;
        }
        next = Some(header);
    }
    let first = next.ok_or("the chain is not there")?;
    ensure(!whole || (first.first_seq, first.prev) == (0, Hash::default()), "its beginning is missing")
}

/// The row's columns say what its bytes say, and they hash to the id that the segment lists.
fn check_content(row: &EntryRow, segment: &Segment) -> Outcome {
    let open = row.open().map_err(told)?;
    open.check().map_err(told)?;
    let header = segment.header.as_ref().ok_or("the segment cannot be read")?;
    let at = (row.seq as u64).checked_sub(header.first_seq).ok_or("the entry is not of this segment")?;
    let prev = match at.checked_sub(1) {
        None => Some(header.prev),
        Some(before) => segment.hashes.get(before as usize).copied().flatten(),
    };
    let prev = prev.ok_or("the entry before it is missing")?;
    let hash = open.header(header.suite, header.chain(), row.seq as u64, prev).hash();
    ensure(hash.as_bytes() == row.hash, "the content has another hash")?;
    let columns = row.chain == header.chain().0
        && row.document == open.body.document.map(|document| document.to_string())
        && row.change_hash == open.body.change.map(|change| change.0.to_vec());
    ensure(columns, "the row is not what was signed")
}
