//! What an entry says.

use crate::{exchange::judgement::Verdict, store::exchange::EntryRow};
use liuhen_inspection::task::Step;
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

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlobView {
    pub hash: String,
    pub size_bytes: u64,
}

/// An error says that the row is not what a device handed in.
pub fn view(row: &EntryRow) -> Result<EntryView, Refusal> {
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
        blobs: blobs.collect(),
        step: step_name(open.kind, body.detail.as_deref()),
        replaces: body.replaces.map(|hash| hash.to_string()),
        verdict: verdict_name(verdict),
        code: row.code.clone(),
        admitted_leaf: row.admitted_leaf,
    })
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
