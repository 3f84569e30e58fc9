//! The files of a visit: as a gallery, one by one, and their bytes.

use super::{
    sheet::{self, Announced},
    visit::{Head, Opened},
    words,
};
use crate::{
    ApiError, AppState,
    acts::access::Actor,
    console::{Lang, Page, SignedIn, page::render, show},
    evidence::{
        picture::PictureSize,
        serving::{self, Disposition},
    },
    routes::extract::{Path, Query},
    views::{
        self,
        evidence::{AnnouncedFile, VisitEvidenceQuery},
    },
};
use askama::Template;
use axum::{
    extract::{self, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Files of one visit that are shown; a visit with more is looked at through the API.
const FILES_MAX: usize = 1_000;
/// Read at once.
const READ_AT_ONCE: i64 = 500;

#[derive(Template)]
#[template(path = "casework/evidence.html")]
struct EvidencePage {
    p: Page,
    head: Head,
    f: File,
    number: usize,
    of: usize,
    before: Option<String>,
    after: Option<String>,
    held: Option<Held>,
    uploaded_at: String,
}

impl EvidencePage {
    /// The ledger has it, and the disk does not.
    fn is_damaged(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.whole)
    }
}

/// Where the ledger says that the file is here.
struct Held {
    leaf: i64,
    at_ms: i64,
    /// It is there and still the file that was held.
    whole: bool,
}

/// A file of a visit in words.
pub struct File {
    pub hash: String,
    pub address: String,
    pub held: bool,
    /// It was held, and is gone or cut off.
    pub damaged: bool,
    pub picture: bool,
    pub audio: bool,
    pub video: bool,
    /// What it is, for a card.
    pub kind: &'static str,
    /// By its first bytes, where it is here.
    pub media_type: String,
    /// As the phone says.
    pub claimed_type: String,
    pub size: String,
    pub announced_by: String,
    pub announced_when: String,
    pub claimed_at: Option<String>,
    pub author: String,
    pub caption: String,
    pub source: String,
    pub item: Option<String>,
    pub finding: Option<String>,
    /// The visit speaks of it: it was admitted.
    pub admitted: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginalQuery {
    /// Present: shown in place where browsers show such a file.
    inline: Option<String>,
}

/// One file with what is known of it.
pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    extract::Path((visit, hash)): extract::Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (p, actor) = (signed_in.page, &signed_in.viewer.actor);
    let mut conn = state.store.read().await?;
    let opened = Opened::load(&mut conn, actor, &visit).await?;
    let held = match views::evidence::find(&mut conn, actor, &hash).await {
        Ok((hash, row)) => {
            let (leaf, at_ms) = (row.leaf, row.held_at_ms);
            Some(Held { leaf, at_ms, whole: serving::is_whole(&state, (hash, row)).await? })
        }
        Err(error) if error.status().is_client_error() => None,
        Err(error) => return Err(error),
    };
    drop(conn);
    let mut files = files(&state, actor, p.lang, &opened).await?;
    let unknown = || ApiError::not_found("evidence.unknown", format!("no evidence {hash}"));
    let at = files.iter().position(|file| file.hash == hash).ok_or_else(unknown)?;
    let address = |at: usize| files.get(at).map(|file| file.address.clone());
    let (before, after) = (at.checked_sub(1).and_then(address), address(at + 1));
    let of = files.len();
    let f = files.swap_remove(at);
    let uploaded_at = held.as_ref().map(|held| show::time(held.at_ms)).unwrap_or_default();
    let head = opened.head(p.lang, actor);
    render(&EvidencePage { p, head, f, number: at + 1, of, before, after, held, uploaded_at })
}

/// The file in the visit that announced it; anything else links to it by its hash alone.
pub async fn in_its_visit(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(hash): Path,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let visits = views::evidence::visits_of(&mut conn, signed_in.actor(), &hash).await?;
    let unknown = || ApiError::not_found("evidence.unknown", format!("no evidence {hash}"));
    let visit = visits.first().ok_or_else(unknown)?;
    Ok(Redirect::to(&format!("/console/visits/{visit}/evidence/{hash}")).into_response())
}

pub async fn original(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(hash): Path,
    Query(query): Query<OriginalQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let found = views::evidence::find(&mut conn, signed_in.actor(), &hash).await?;
    drop(conn);
    let shown = if query.inline.is_some() { Disposition::Inline } else { Disposition::Attachment };
    serving::original(&state, found, &headers, shown).await
}

pub async fn thumbnail(
    state: State<AppState>,
    signed_in: SignedIn,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    picture(state, signed_in, path, headers, PictureSize::Thumbnail).await
}

pub async fn preview(
    state: State<AppState>,
    signed_in: SignedIn,
    path: Path,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    picture(state, signed_in, path, headers, PictureSize::Preview).await
}

async fn picture(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(hash): Path,
    headers: HeaderMap,
    size: PictureSize,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let found = views::evidence::find(&mut conn, signed_in.actor(), &hash).await?;
    drop(conn);
    serving::picture(&state, found, &headers, size).await
}

/// Every file of a visit: in the order announced, with what the visit says of it.
pub async fn files(
    state: &AppState,
    actor: &Actor,
    lang: Lang,
    opened: &Opened,
) -> Result<Vec<File>, ApiError> {
    let visit = opened.view.visit.to_string();
    let said = sheet::evidence(lang, &opened.checklist, &opened.view);
    let said: BTreeMap<String, Announced> = said.into_iter().map(|file| (file.hash.clone(), file)).collect();
    let mut files: Vec<File> = Vec::new();
    let mut query = VisitEvidenceQuery { limit: Some(READ_AT_ONCE), ..VisitEvidenceQuery::default() };
    while files.len() < FILES_MAX {
        let list = views::evidence::of_visit(state, actor, &visit, query.clone()).await?;
        for announced in list.items {
            if files.iter().all(|known| known.hash != announced.hash) {
                files.push(file(lang, &visit, said.get(&announced.hash), announced));
            }
        }
        match list.next {
            Some(cursor) => query.cursor = Some(cursor),
            None => break,
        }
    }
    Ok(files)
}

fn file(lang: Lang, visit: &str, said: Option<&Announced>, announced: AnnouncedFile) -> File {
    let of = |part: fn(&Announced) -> &String| said.map(|said| part(said).clone()).unwrap_or_default();
    let media_type = announced.media_type.unwrap_or_default();
    let claimed_type = of(|said| &said.media_type);
    let known = if media_type.is_empty() { &claimed_type } else { &media_type };
    File {
        address: format!("/console/visits/{visit}/evidence/{}", announced.hash),
        held: announced.held_at_ms.is_some(),
        damaged: announced.damaged,
        picture: announced.picture,
        audio: media_type.starts_with("audio/"),
        video: media_type.starts_with("video/"),
        kind: words::file_kind(lang, known),
        size: show::size(announced.size_bytes),
        announced_by: announced.name,
        announced_when: show::interval(announced.when.after_ms, Some(announced.when.before_ms)),
        claimed_at: said.and_then(|said| said.captured_at_ms).map(show::time_exact),
        author: of(|said| &said.author),
        caption: of(|said| &said.caption),
        source: of(|said| &said.source),
        item: said.and_then(|said| said.item.clone()),
        finding: said.and_then(|said| said.finding.clone()),
        admitted: said.is_some(),
        hash: announced.hash,
        media_type,
        claimed_type,
    }
}
