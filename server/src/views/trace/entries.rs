//! What an entry says.

use crate::{exchange::judgement::Verdict, store::exchange::EntryRow};
use liuhen_engine::document::Document;
use liuhen_inspection::{
    task::Step,
    visit::{FieldValue, shape::SEAL},
};
use liuhen_trace::{ChainId, EntryKind, Hash, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

/// An entry of a device.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EntryView {
    /// The entry's id.
    pub hash: String,
    pub chain: String,
    pub kind: &'static str,
    /// The device's wall clock: a claim.
    pub wall_ms: i64,
    pub monotonic_ms: u64,
    pub boot: String,
    pub place: Option<PlaceView>,
    pub change: Option<String>,
    /// What the change puts where. It counts only where the entry was admitted.
    #[schema(max_items = 1024)]
    pub writes: Vec<WriteView>,
    /// Files it announced.
    pub blobs: Vec<BlobView>,
    /// The step of a task that a receipt is for.
    pub step: Option<&'static str>,
    /// The entry whose lost values this one offers again.
    pub replaces: Option<String>,
    pub verdict: &'static str,
    /// Why it was not admitted.
    pub code: Option<String>,
    /// The leaf at which it began to count.
    pub admitted_leaf: Option<i64>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlaceView {
    pub latitude_e7: i32,
    pub longitude_e7: i32,
    pub accuracy_mm: u32,
    /// The platform says that another program supplied the position.
    pub mock: bool,
}

/// A value and the field it was put into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WriteView {
    /// `responses/7`, `findings/9f…/place`.
    pub path: String,
    pub value: FieldValue,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlobView {
    pub hash: String,
    pub size_bytes: u64,
}

/// An error says that the row is not what a device handed in. `visit` is the document as it stands, where
/// it can be read: it knows which findings and notes a change speaks of.
pub fn view(row: &EntryRow, visit: Option<&Document>) -> Result<EntryView, Refusal> {
    let damaged = |what: &str| Refusal::new("entry.row_damaged", what);
    let open = row.open()?;
    let body = open.body;
    let verdict = Verdict::from_stored(row.verdict).ok_or_else(|| damaged("verdict"))?;
    let blobs =
        body.blobs.iter().map(|blob| BlobView { hash: blob.hash.to_string(), size_bytes: blob.size_bytes });
    Ok(EntryView {
        hash: Hash::from_slice(&row.hash).ok_or_else(|| damaged("hash"))?.to_string(),
        chain: ChainId::from_slice(&row.chain).ok_or_else(|| damaged("chain"))?.to_string(),
        kind: kind_name(open.kind),
        wall_ms: body.at.wall_ms,
        monotonic_ms: body.at.monotonic_ms,
        boot: body.at.boot.to_string(),
        place: body.place.map(|place| PlaceView {
            latitude_e7: place.latitude_e7,
            longitude_e7: place.longitude_e7,
            accuracy_mm: place.accuracy_mm,
            mock: place.mock,
        }),
        change: body.change.map(|change| change.to_string()),
        writes: visit
            .zip(open.change.as_deref())
            .map(|(visit, chunk)| writes(visit, chunk))
            .unwrap_or_default(),
        blobs: blobs.collect(),
        step: step_name(open.kind, body.detail.as_deref()),
        replaces: body.replaces.map(|hash| hash.to_string()),
        verdict: verdict_name(verdict),
        code: row.code.clone(),
        admitted_leaf: row.admitted_leaf,
    })
}

/// Nothing of a chunk that is none: its entry was refused for that, and says so.
fn writes(visit: &Document, chunk: &[u8]) -> Vec<WriteView> {
    let puts = visit.puts_of(chunk).unwrap_or_default();
    // What a seal puts is opened with its record and nowhere else.
    let stated = puts.into_iter().filter(|put| put.path.root != SEAL);
    stated.map(|put| WriteView { path: put.path.to_string(), value: put.value.into() }).collect()
}

fn kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Edit => "edit",
        EntryKind::Capture => "capture",
        EntryKind::Receipt => "receipt",
        EntryKind::Gate => "gate",
        EntryKind::CheckIn => "check_in",
        EntryKind::Seal => "seal",
        EntryKind::Refusal => "refusal",
        EntryKind::Resolution => "resolution",
        EntryKind::Note => "note",
        EntryKind::Epoch => "epoch",
    }
}

fn step_name(kind: EntryKind, detail: Option<&[u8]>) -> Option<&'static str> {
    if kind != EntryKind::Receipt {
        return None;
    }
    match Step::from_detail(detail?).ok()? {
        Step::Delivered => Some("delivered"),
        Step::Opened => Some("opened"),
        Step::Claimed => Some("claimed"),
    }
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pending => "pending",
        Verdict::Admitted => "admitted",
        Verdict::Waiting => "waiting",
        Verdict::Quarantined => "quarantined",
        Verdict::Held => "held",
    }
}
