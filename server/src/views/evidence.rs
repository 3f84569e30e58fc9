//! Evidence: what was announced, what has not arrived, and who may read a file.

use super::{
    moment::{Moments, When},
    paging::{self, List, Paging},
    tasks::authorise_reading,
    visits,
};
use crate::{
    ApiError, AppState,
    acts::access::{Action, Actor, authorise},
    evidence::{files, media, serving},
    store::{
        self, Connection,
        blobs::{AnnouncedRow, BlobRow, MissingRow},
    },
};
use liuhen_trace::{BlobHash, Body, Canonical as _, Grant, SignedGrant};
use serde::{Deserialize, Serialize};
use std::path::Path;
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EvidenceQuery {
    /// Present: what has not arrived. It is the only list there is.
    #[param(required = true)]
    pub missing: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct MissingView {
    pub hash: String,
    pub size_bytes: i64,
    /// Who announced it.
    pub account: String,
    pub visit: Option<String>,
    pub chain: String,
    pub seq: i64,
}

impl From<MissingRow> for MissingView {
    fn from(row: MissingRow) -> Self {
        Self {
            hash: hex::encode(row.hash),
            size_bytes: row.size_bytes,
            account: row.account,
            visit: row.document,
            chain: hex::encode(row.chain),
            seq: row.seq,
        }
    }
}

/// What to read of a visit's evidence.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VisitEvidenceQuery {
    pub cursor: Option<String>,
    pub limit: Option<i64>,
    /// Only files that have not arrived.
    #[serde(default)]
    pub missing: bool,
}

/// A file as an entry of a visit announced it. One that several entries name is listed for each.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnnouncedFile {
    pub hash: String,
    pub size_bytes: i64,
    /// When it arrived; absent while it has not.
    pub held_at_ms: Option<i64>,
    /// By its first bytes, where it is here. What the phone says stands in the visit.
    pub media_type: Option<String>,
    /// Whether thumbnail and preview can be asked for.
    pub picture: bool,
    /// It arrived, and is gone from the disk or not as long as it was; `liuhen verify-ledger` names it.
    pub damaged: bool,
    pub account: String,
    /// Who announced it, as of the device's enrolment.
    pub name: String,
    pub certificate_no: String,
    pub chain: String,
    pub seq: i64,
    pub when: When,
    /// The device's wall clock: a claim.
    pub wall_ms: i64,
}

/// The files of a visit, in the order in which they were announced.
pub async fn of_visit(
    state: &AppState,
    actor: &Actor,
    visit: &str,
    query: VisitEvidenceQuery,
) -> Result<List<AnnouncedFile>, ApiError> {
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let after = paging.cursor.as_deref().map(parse_place).transpose()?.unwrap_or((-1, -1, Vec::new()));
    let mut conn = state.store.read().await?;
    let (visit, _) = visits::find(&mut conn, actor, visit).await?;
    let (visit, fetch) = (visit.to_string(), paging.fetch()?);
    let rows = store::blobs::of_visit(&mut conn, &visit, query.missing, &after, fetch).await?;
    let place = |row: &AnnouncedRow| format!("{}.{}.{}", row.leaf, row.seq, hex::encode(&row.hash));
    let (rows, next) = paging.cut(rows, place)?;
    let (mut items, mut moments) = (Vec::with_capacity(rows.len()), Moments::default());
    for row in rows {
        let body = Body::from_canonical(&row.body)?;
        let seen = body.checkpoint.filter(|known| known.epoch == state.ledger.latest().state.epoch);
        let when = moments.entry(&mut conn, row.leaf, seen.map(|known| known.size)).await?;
        items.push(announced(row, &body, when)?);
    }
    drop(conn);
    let data = state.config.data.clone();
    let items = tokio::task::spawn_blocking(move || sniff_all(&data, items)).await?;
    Ok(List { items, next })
}

fn announced(row: AnnouncedRow, body: &Body, when: When) -> Result<AnnouncedFile, ApiError> {
    let grant = Grant::from_canonical(&SignedGrant::from_canonical(&row.signed_grant)?.bytes)?;
    Ok(AnnouncedFile {
        hash: hex::encode(row.hash),
        size_bytes: row.size_bytes,
        held_at_ms: row.held_at_ms,
        media_type: None,
        picture: false,
        damaged: false,
        account: grant.account,
        name: grant.person,
        certificate_no: grant.certificate_no,
        chain: hex::encode(row.chain),
        seq: row.seq,
        when,
        wall_ms: body.at.wall_ms,
    })
}

fn sniff_all(data: &Path, mut items: Vec<AnnouncedFile>) -> Vec<AnnouncedFile> {
    for item in items.iter_mut().filter(|item| item.held_at_ms.is_some()) {
        let path = item.hash.parse().map(|hash| files::blob_path(data, hash));
        let size = u64::try_from(item.size_bytes).unwrap_or_default();
        let sniffed = path.ok().and_then(|path| serving::look(&path, size).ok());
        item.damaged = sniffed.is_none();
        item.picture = sniffed.is_some_and(media::is_drawn);
        item.media_type = sniffed.map(str::to_owned);
    }
    items
}

fn parse_place(cursor: &str) -> Result<(i64, i64, Vec<u8>), ApiError> {
    let mut parts = cursor.split('.');
    let mut part = || parts.next().unwrap_or_default();
    match (part().parse(), part().parse(), hex::decode(part())) {
        (Ok(leaf), Ok(seq), Ok(hash)) => Ok((leaf, seq, hash)),
        _ => Err(paging::unknown_cursor()),
    }
}

/// Announced and not here yet, in visits the actor may read.
pub async fn list(
    conn: &mut Connection,
    actor: &Actor,
    query: EvidenceQuery,
) -> Result<List<MissingView>, ApiError> {
    authorise(actor, Action::ReadCasework, &actor.account.department)?;
    if query.missing.is_none() {
        return Err(ApiError::bad_request("request.wrong_query", "ask for ?missing"));
    }
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let after = paging.cursor.as_deref().map(parse_cursor).transpose()?;
    let rows = store::blobs::missing(conn, after.as_ref(), paging.fetch()?).await?;
    let (rows, next) = paging.cut(rows, cursor)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        if may_list(conn, actor, row.document.as_deref()).await? {
            items.push(row.into());
        }
    }
    Ok(List { items, next })
}

/// A file that is held and that the actor may read.
pub async fn find(conn: &mut Connection, actor: &Actor, hash: &str) -> Result<(BlobHash, BlobRow), ApiError> {
    let unknown = || ApiError::not_found("evidence.unknown", format!("no evidence {hash}"));
    let blob: BlobHash = hash.parse().map_err(|_| unknown())?;
    let row = store::blobs::find(conn, blob).await?.ok_or_else(unknown)?;
    authorise_file(conn, actor, blob).await?;
    Ok((blob, row))
}

/// The visits with the file that the actor may read.
pub async fn visits_of(conn: &mut Connection, actor: &Actor, hash: &str) -> Result<Vec<String>, ApiError> {
    let Ok(blob) = hash.parse::<BlobHash>() else { return Ok(Vec::new()) };
    let mut readable = Vec::new();
    for visit in store::blobs::documents(conn, blob).await? {
        let Some(task) = store::tasks::by_visit(conn, &visit).await? else { continue };
        if authorise_reading(conn, actor, &task).await.is_ok() {
            readable.push(visit);
        }
    }
    Ok(readable)
}

/// A file may be read by whoever may read a visit that announces it.
async fn authorise_file(conn: &mut Connection, actor: &Actor, blob: BlobHash) -> Result<(), ApiError> {
    let mut denied = ApiError::forbidden("access.denied", "this evidence is in no visit that you may read");
    for visit in store::blobs::documents(conn, blob).await? {
        let Some(task) = store::tasks::by_visit(conn, &visit).await? else { continue };
        match authorise_reading(conn, actor, &task).await {
            Ok(()) => return Ok(()),
            Err(error) => denied = error,
        }
    }
    Err(denied)
}

async fn may_list(conn: &mut Connection, actor: &Actor, visit: Option<&str>) -> Result<bool, ApiError> {
    let task = match visit {
        Some(visit) => store::tasks::by_visit(conn, visit).await?,
        None => None,
    };
    // What no task claims is shown to those who read everything.
    let department = task.map(|task| task.department).unwrap_or_default();
    Ok(authorise(actor, Action::ReadCasework, &department).is_ok())
}

fn cursor(row: &MissingRow) -> String {
    format!("{}.{}.{}", hex::encode(&row.hash), hex::encode(&row.chain), row.seq)
}

fn parse_cursor(cursor: &str) -> Result<MissingRow, ApiError> {
    let mut parts = cursor.split('.');
    let mut part = || parts.next().unwrap_or_default();
    let (hash, chain, seq) = (hex::decode(part()), hex::decode(part()), part().parse());
    match (hash, chain, seq) {
        (Ok(hash), Ok(chain), Ok(seq)) => {
            Ok(MissingRow { hash, account: String::new(), size_bytes: 0, chain, seq, document: None })
        }
        _ => Err(paging::unknown_cursor()),
    }
}
