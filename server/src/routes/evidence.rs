//! Evidence: what is announced and has not arrived, and the files themselves.

use super::{
    extract::{Path, Query, SignedIn},
    paging::{List, Paging},
    tasks::authorise_reading,
};
use crate::{
    ApiError, AppState,
    acts::access::{Action, Actor, authorise},
    evidence,
    store::{self, Connection, blobs::MissingRow},
};
use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::{Stream, stream};
use liuhen_trace::BlobHash;
use serde::{Deserialize, Serialize};
use std::io;
use tokio::{fs::File, io::AsyncReadExt as _};

/// Read from the file at once.
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceQuery {
    /// Present: what has not arrived. It is the only list there is.
    missing: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

#[derive(Serialize)]
pub struct MissingView {
    hash: String,
    size_bytes: i64,
    /// Who announced it.
    account: String,
    visit: Option<String>,
    chain: String,
    seq: i64,
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

/// Announced and not here yet, in visits the actor may read.
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<EvidenceQuery>,
) -> Result<axum::Json<List<MissingView>>, ApiError> {
    authorise(&actor, Action::ReadCasework, &actor.account.department)?;
    if query.missing.is_none() {
        return Err(ApiError::bad_request("request.wrong_query", "ask for ?missing"));
    }
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let after = paging.cursor.as_deref().map(parse_cursor).transpose()?;
    let mut conn = state.store.read().await?;
    let rows = store::blobs::missing(&mut conn, after.as_ref(), paging.fetch()?).await?;
    let (rows, next) = paging.cut(rows, cursor)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        if may_list(&mut conn, &actor, row.document.as_deref()).await? {
            items.push(row.into());
        }
    }
    Ok(axum::Json(List { items, next }))
}

/// The file as it came from the phone. Its name and type are claims, so it is only offered for saving.
pub async fn download(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(hash): Path,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::not_found("evidence.unknown", format!("no evidence {hash}"));
    let blob: BlobHash = hash.parse().map_err(|_| unknown())?;
    let mut conn = state.store.read().await?;
    let row = store::blobs::find(&mut conn, blob).await?.ok_or_else(unknown)?;
    authorise_file(&mut conn, &actor, blob).await?;
    drop(conn);
    let file = File::open(evidence::path_of(&state.config.data, blob)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, row.size_bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{blob}\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, Body::from_stream(chunks(file))).into_response())
}

fn chunks(file: File) -> impl Stream<Item = io::Result<bytes::Bytes>> {
    stream::try_unfold(file, |mut file| async move {
        let mut chunk = bytes::BytesMut::with_capacity(CHUNK_BYTES);
        let read = file.read_buf(&mut chunk).await?;
        Ok((read > 0).then(|| (chunk.freeze(), file)))
    })
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
        _ => Err(ApiError::bad_request("request.wrong_query", "cursor: not one of this list")),
    }
}
