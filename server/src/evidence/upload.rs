//! Uploads: begun, continued, completed. The offset and the lease are in SQL, the bytes in files;
//! an offset is acknowledged only after its bytes are on disk.

use super::files::{self, Placed};
use crate::{
    AppState,
    error::ApiError,
    exchange::room::Held,
    ledger::{NewAct, Tx, clock},
    store::{
        self, CommittedRow as _, Connection,
        blobs::BlobRow,
        feed::{self, FeedKind},
        uploads::UploadRow,
    },
};
use axum::http::StatusCode;
use futures::FutureExt;
use liuhen_trace::{BlobHash, BlobRef, limits::BLOB_BYTES_MAX, receipt::HELD_KIND};
use serde_json::json;

/// How long a writer may take to put one piece on disk before another may try.
const LEASE_MS: i64 = 5_000;
/// An upload nobody goes on with is dropped after this: longer than a stay in the field.
const EXPIRY_MS: i64 = 14 * 24 * 3600 * 1000;
/// Dropped uploads swept at each beginning of one.
const SWEEP_MAX: i64 = 16;

/// Names an upload: one for each file and length, whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadId {
    pub hash: BlobHash,
    pub size_bytes: u64,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub id: UploadId,
    pub received_bytes: u64,
    /// Absent once the file is held.
    pub expires_at_ms: Option<i64>,
}

impl UploadId {
    pub fn parse(text: &str) -> Option<Self> {
        let (hash, size) = text.split_once('-')?;
        let id = Self { hash: hash.parse().ok()?, size_bytes: size.parse().ok()? };
        (id.to_string() == text).then_some(id)
    }
}

impl std::fmt::Display for UploadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.hash, self.size_bytes)
    }
}

impl Progress {
    fn held(id: UploadId) -> Self {
        Self { id, received_bytes: id.size_bytes, expires_at_ms: None }
    }

    fn of(id: UploadId, row: &UploadRow) -> Self {
        Self { id, received_bytes: row.received_bytes as u64, expires_at_ms: Some(row.expires_at_ms) }
    }
}

/// Begins an upload, or finds the one begun before. A file that is held already is complete at once.
pub async fn begin(state: &AppState, id: UploadId) -> Result<Progress, ApiError> {
    let mut conn = state.store.read().await?;
    let Some(announced) = store::blobs::announced_bytes(&mut conn, id.hash).await? else {
        let detail = "no logged entry announces this file; hand the entry in first";
        return Err(ApiError::conflict("upload.not_announced", detail));
    };
    if id.size_bytes > announced as u64 || id.size_bytes > BLOB_BYTES_MAX {
        let detail = format!("{} bytes; {announced} were announced", id.size_bytes);
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "upload.too_large", detail));
    }
    if is_held(&mut conn, id).await? {
        return Ok(Progress::held(id));
    }
    drop(conn);
    let begun = state.ledger.commit(move |tx| {
        async move {
            let (now_ms, mut dropped) = (tx.now_ms(), Vec::new());
            // Somebody else may have completed it since the look before.
            if is_held(tx.conn(), id).await? {
                return Ok((None, dropped));
            }
            for expired in store::uploads::expired(tx.conn(), now_ms, SWEEP_MAX).await? {
                store::uploads::delete(tx.conn(), &expired).await?;
                dropped.push(expired);
            }
            let (name, size, expiry) = (id.to_string(), id.size_bytes as i64, now_ms + EXPIRY_MS);
            let row = store::uploads::begin(tx.conn(), &name, id.hash, size, expiry).await?;
            Ok((Some(row), dropped))
        }
        .boxed()
    });
    let (row, dropped) = begun.await?.output;
    for expired in dropped {
        remove(state, expired).await?;
    }
    match row {
        Some(row) => finish_if_whole(state, id, row).await,
        None => Ok(Progress::held(id)),
    }
}

async fn is_held(conn: &mut Connection, id: UploadId) -> Result<bool, ApiError> {
    let blob = store::blobs::find(conn, id.hash).await?;
    Ok(blob.is_some_and(|blob| blob.size_bytes as u64 == id.size_bytes))
}

/// How far an upload is.
pub async fn progress(state: &AppState, id: UploadId) -> Result<Progress, ApiError> {
    let mut conn = state.store.read().await?;
    let row = store::uploads::find(&mut conn, &id.to_string()).await?;
    let held = store::blobs::find(&mut conn, id.hash).await?;
    drop(conn);
    match (row, held) {
        (_, Some(blob)) if blob.size_bytes as u64 == id.size_bytes => Ok(Progress::held(id)),
        (Some(row), _) => finish_if_whole(state, id, row).await,
        (None, _) => Err(unknown()),
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("upload.unknown", "no such upload; it may have expired: begin it again")
}

/// Appends a piece at `offset`. Acknowledged bytes are on disk.
pub async fn append(state: &AppState, id: UploadId, offset: u64, piece: Held) -> Result<Progress, ApiError> {
    let at = progress(state, id).await?;
    if at.received_bytes != offset {
        return Err(ApiError::conflict("upload.wrong_offset", format!("go on at {}", at.received_bytes)));
    }
    if at.expires_at_ms.is_none() || piece.bytes.is_empty() {
        return Ok(at);
    }
    let end = offset + piece.bytes.len() as u64;
    if end > id.size_bytes {
        let detail = format!("the upload has {} bytes", id.size_bytes);
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "upload.too_large", detail));
    }
    lease(state, id, offset).await?;
    let path = files::upload_path(&state.config.data, &id.to_string());
    let written = tokio::task::spawn_blocking(move || files::append(&path, offset, &piece.bytes)).await?;
    if !written? {
        drop_upload(state, id).await?;
        return Err(unknown());
    }
    let row = state.ledger.commit(move |tx| {
        async move {
            let (name, expiry) = (id.to_string(), tx.now_ms() + EXPIRY_MS);
            store::uploads::advance(tx.conn(), &name, offset as i64, end as i64, expiry).await?;
            store::uploads::find(tx.conn(), &name).await?.ok_or_else(unknown)
        }
        .boxed()
    });
    finish_if_whole(state, id, row.await?.output).await
}

async fn lease(state: &AppState, id: UploadId, offset: u64) -> Result<(), ApiError> {
    let leased = state.ledger.commit(move |tx| {
        async move {
            let now_ms = clock::now_ms();
            let (name, until_ms) = (id.to_string(), now_ms + LEASE_MS);
            Ok(store::uploads::lease(tx.conn(), &name, offset as i64, now_ms, until_ms).await?)
        }
        .boxed()
    });
    if leased.await?.output {
        return Ok(());
    }
    let detail = "somebody else is sending this piece";
    Err(ApiError::new(StatusCode::LOCKED, "upload.in_use", detail).retry_after(LEASE_MS as u64 / 1000))
}

async fn finish_if_whole(state: &AppState, id: UploadId, row: UploadRow) -> Result<Progress, ApiError> {
    if !row.is_whole() {
        return Ok(Progress::of(id, &row));
    }
    let (data, name) = (state.config.data.clone(), id.to_string());
    let placed = tokio::task::spawn_blocking(move || {
        if id.size_bytes == 0 {
            files::append(&files::upload_path(&data, &name), 0, &[])?;
        }
        files::place(&data, &name, id.hash, id.size_bytes)
    });
    match placed.await?? {
        Placed::Durable => {
            state.ledger.commit(move |tx| async move { hold(tx, id).await }.boxed()).await?;
            Ok(Progress::held(id))
        }
        Placed::Wrong => {
            drop_upload(state, id).await?;
            let detail = "the bytes are not those announced; begin the upload again";
            Err(ApiError::unprocessable("upload.wrong_hash", detail))
        }
    }
}

/// Says that the file is held. The file is durable before any row says so.
async fn hold(tx: &mut Tx, id: UploadId) -> Result<(), ApiError> {
    store::uploads::delete(tx.conn(), &id.to_string()).await?;
    if store::blobs::find(tx.conn(), id.hash).await?.is_some() {
        return Ok(());
    }
    let leaf = tx.next_leaf();
    let blob = BlobRow {
        hash: id.hash.0.to_vec(),
        size_bytes: id.size_bytes as i64,
        leaf: leaf as i64,
        held_at_ms: tx.now_ms(),
    };
    store::blobs::insert(tx.conn(), &blob).await?;
    for account in store::blobs::mark_held(tx.conn(), id.hash).await? {
        feed::insert(tx.conn(), &account, leaf, FeedKind::Held, id.hash.as_bytes()).await?;
    }
    tx.act(NewAct {
        kind: HELD_KIND,
        actor: None,
        detail: json!({ "hash": id.hash.to_string(), "size_bytes": id.size_bytes }),
        rows: vec![blob.commitment()],
        blobs: vec![BlobRef { hash: id.hash, size_bytes: id.size_bytes }],
    })
    .await?;
    Ok(())
}

async fn drop_upload(state: &AppState, id: UploadId) -> Result<(), ApiError> {
    let name = id.to_string();
    state
        .ledger
        .commit(move |tx| {
            async move { Ok(store::uploads::delete(tx.conn(), &id.to_string()).await?) }.boxed()
        })
        .await?;
    remove(state, name).await
}

async fn remove(state: &AppState, id: String) -> Result<(), ApiError> {
    let data = state.config.data.clone();
    Ok(tokio::task::spawn_blocking(move || files::remove_upload(&data, &id)).await??)
}
