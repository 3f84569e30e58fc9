//! Evidence: what is announced and has not arrived, and the files themselves.

use super::extract::{Path, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::access::Actor,
    evidence::{
        picture::PictureSize,
        serving::{self, Disposition},
    },
    store::blobs::BlobRow,
    views::{
        evidence::{self as views, AnnouncedFile, EvidenceQuery, MissingView, VisitEvidenceQuery},
        paging::List,
    },
};
use axum::{extract::State, http::HeaderMap, response::Response};
use liuhen_trace::BlobHash;

/// Evidence that is announced and not here yet, in visits the actor may read.
#[utoipa::path(
    get,
    path = "/evidence",
    operation_id = "list_missing_evidence",
    params(EvidenceQuery),
    responses((status = 200, body = List<MissingView>))
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<EvidenceQuery>,
) -> Result<axum::Json<List<MissingView>>, ApiError> {
    let mut conn = state.store.read().await?;
    views::list(&mut conn, &actor, query).await.map(axum::Json)
}

/// The files that a visit's entries announced: who announced them, when, and whether they have arrived.
#[utoipa::path(
    get,
    path = "/visits/{visit}/evidence",
    operation_id = "list_evidence_of_visit",
    params(VisitEvidenceQuery),
    responses((status = 200, body = List<AnnouncedFile>))
)]
pub async fn of_visit(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
    Query(query): Query<VisitEvidenceQuery>,
) -> Result<axum::Json<List<AnnouncedFile>>, ApiError> {
    views::of_visit(&state, &actor, &visit, query).await.map(axum::Json)
}

/// The file as it came from the phone, whole or in part. Its name and type are claims, so it is only
/// offered for saving; the header `liuhen-media-type` says what its first bytes look like.
#[utoipa::path(
    get,
    path = "/evidence/{evidence}",
    operation_id = "download_evidence",
    params(
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` that the range is for"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that is here already"),
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream", headers(
            ("liuhen-media-type" = String, description = "What the first bytes look like"),
            ("ETag" = String, description = "Names the content"),
        )),
        (status = 206, description = "The range asked for", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = 304, description = "It is what is here already"),
        (status = 416, description = "The range begins behind the file's end"),
    )
)]
pub async fn download(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(hash): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = find(&state, &actor, &hash).await?;
    serving::original(&state, file, &headers, Disposition::Attachment).await
}

/// A picture of at most 320 pixels an edge, upright, without the original's metadata.
#[utoipa::path(
    get,
    path = "/evidence/{evidence}/thumbnail",
    operation_id = "show_thumbnail",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` that is here already")),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "It is what is here already"),
    )
)]
pub async fn thumbnail(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(hash): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = find(&state, &actor, &hash).await?;
    serving::picture(&state, file, &headers, PictureSize::Thumbnail).await
}

/// A picture of at most 1600 pixels an edge, upright, without the original's metadata.
#[utoipa::path(
    get,
    path = "/evidence/{evidence}/preview",
    operation_id = "show_preview",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` that is here already")),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "It is what is here already"),
    )
)]
pub async fn preview(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(hash): Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = find(&state, &actor, &hash).await?;
    serving::picture(&state, file, &headers, PictureSize::Preview).await
}

/// A file that the actor may read; the connection is given back before it is sent.
async fn find(state: &AppState, actor: &Actor, hash: &str) -> Result<(BlobHash, BlobRow), ApiError> {
    let mut conn = state.store.read().await?;
    views::find(&mut conn, actor, hash).await
}
