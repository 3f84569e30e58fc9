//! How a visit came about: every entry of every device, whatever became of it.

use super::find;
use crate::{
    ApiError, AppState,
    exchange::judgement::Verdict,
    routes::{
        extract::{Path, Query, SignedIn},
        paging::{List, Paging},
    },
    store::{self, visits::TraceRow},
};
use axum::extract::State;
use liuhen_inspection::task::Step;
use liuhen_trace::{Body, Canonical as _, ChainId, EntryKind, Grant, Hash, Refusal, SignedGrant};
use serde::Serialize;

#[derive(Serialize)]
pub struct EntryView {
    /// The entry's id.
    hash: String,
    chain: String,
    seq: i64,
    kind: &'static str,
    device: String,
    account: String,
    /// Real name, as of the enrolment.
    person: String,
    /// The device's wall clock: a claim.
    wall_ms: i64,
    monotonic_ms: u64,
    boot: String,
    place: Option<PlaceView>,
    /// The act came after this many leaves of the log …
    after_size: Option<u64>,
    /// … and before this leaf was added.
    leaf: i64,
    change: Option<String>,
    blobs: Vec<BlobView>,
    /// The step of a task that a receipt is for.
    step: Option<&'static str>,
    /// The entry whose lost values this one offers again.
    replaces: Option<String>,
    verdict: &'static str,
    /// Why it was not admitted.
    code: Option<String>,
    admitted_leaf: Option<i64>,
}

#[derive(Serialize)]
struct PlaceView {
    latitude_e7: i32,
    longitude_e7: i32,
    accuracy_mm: u32,
    mock: bool,
}

#[derive(Serialize)]
struct BlobView {
    hash: String,
    size_bytes: u64,
}

/// In the order of the log.
pub async fn trace(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<EntryView>>, ApiError> {
    let after = paging.cursor.as_deref().map(parse_cursor).transpose()?;
    let mut conn = state.store.read().await?;
    let (visit, _) = find(&mut conn, &actor, &visit).await?;
    let rows = store::visits::trace(&mut conn, visit, after, paging.fetch()?).await?;
    let (rows, next) = paging.cut(rows, |row| format!("{}.{}", row.leaf, row.seq))?;
    let items: Result<Vec<EntryView>, Refusal> = rows.into_iter().map(view).collect();
    let items = items.map_err(|refusal| ApiError::internal(refusal.to_string()))?;
    Ok(axum::Json(List { items, next }))
}

fn parse_cursor(cursor: &str) -> Result<(u64, u64), ApiError> {
    let parts = cursor.split_once('.').and_then(|(leaf, seq)| Some((leaf.parse().ok()?, seq.parse().ok()?)));
    parts.ok_or_else(|| ApiError::bad_request("request.wrong_query", "cursor: not one of this list"))
}

fn view(row: TraceRow) -> Result<EntryView, Refusal> {
    let malformed = |what: &str| Refusal::new("entry.damaged", what);
    let body = Body::from_canonical(&row.body)?;
    let grant = Grant::from_canonical(&SignedGrant::from_canonical(&row.signed_grant)?.bytes)?;
    let kind = EntryKind::from_canonical(&row.kind.to_canonical()).map_err(|_| malformed("kind"))?;
    let verdict = Verdict::from_stored(row.verdict).ok_or_else(|| malformed("verdict"))?;
    let blobs =
        body.blobs.iter().map(|blob| BlobView { hash: blob.hash.to_string(), size_bytes: blob.size_bytes });
    Ok(EntryView {
        hash: Hash::from_slice(&row.hash).ok_or_else(|| malformed("hash"))?.to_string(),
        chain: ChainId::from_slice(&row.chain).ok_or_else(|| malformed("chain"))?.to_string(),
        seq: row.seq,
        kind: kind_name(kind),
        device: row.device,
        account: row.account,
        person: grant.person,
        wall_ms: body.at.wall_ms,
        monotonic_ms: body.at.monotonic_ms,
        boot: body.at.boot.to_string(),
        place: body.place.map(|place| PlaceView {
            latitude_e7: place.latitude_e7,
            longitude_e7: place.longitude_e7,
            accuracy_mm: place.accuracy_mm,
            mock: place.mock,
        }),
        after_size: body.checkpoint.map(|checkpoint| checkpoint.size),
        leaf: row.leaf,
        change: body.change.map(|change| change.to_string()),
        blobs: blobs.collect(),
        step: step_name(kind, body.detail.as_deref()),
        replaces: body.replaces.map(|hash| hash.to_string()),
        verdict: verdict_name(verdict),
        code: row.code,
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
