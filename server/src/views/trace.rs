//! How a visit came about: every entry of every device, whatever became of it, and every act about it,
//! in the order of the log, each verified when it is read.

mod acts;
mod entries;
mod verification;

pub use acts::{ActLine, ActView};
pub use entries::{BlobView, EntryView, PlaceView, WriteView};
pub use verification::{Check, CheckKind, Verification};

use super::{
    moment::{Moments, When},
    paging::{self, Paging},
    visits::find,
};
use crate::{
    ApiError, AppState,
    acts::access::Actor,
    exchange::case,
    store::{self, Connection, exchange::EntryRow, tasks::TaskRow, trace::PlaceRow},
};
use acts::Names;
use liuhen_engine::document::Document;
use liuhen_inspection::limits;
use liuhen_trace::{ChangeHash, DocumentId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use verification::{Verifier, readable};

/// Lines on one page: verifying one costs up to a millisecond.
const LINES_MAX: i64 = 200;
/// The kind of a line whose content cannot be read.
const UNREADABLE: &str = "unreadable";

/// What to read of a trace.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TraceQuery {
    pub cursor: Option<String>,
    pub limit: Option<i64>,
    /// Entries that do not count, or not yet, and nothing else.
    #[serde(default)]
    pub not_admitted: bool,
}

/// A page of a trace, verified against one checkpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct TracePage {
    pub items: Vec<TraceLine>,
    pub next: Option<String>,
    pub checkpoint: CheckpointView,
}

/// The newest signed state of the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CheckpointInTrace)]
pub struct CheckpointView {
    pub epoch: u64,
    pub size: u64,
    pub root: String,
    /// The signed note (C2SP).
    pub note: String,
}

/// One line of a trace: an entry of a device or an act of the server.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TraceLine {
    /// Where it stands in the log.
    pub leaf: i64,
    /// The entry's number in its chain; absent for acts.
    pub seq: Option<i64>,
    /// `edit`, `seal` …, or the act's stable name: `task.issued`.
    pub kind: String,
    /// Absent where the server acted by itself.
    pub who: Option<Who>,
    pub when: When,
    /// Absent for acts, and where it cannot be read any more.
    pub entry: Option<EntryView>,
    /// Absent for entries, and where it cannot be read any more.
    pub act: Option<ActView>,
    pub verification: Verification,
}

/// A person, with the device where one signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Who {
    pub account: String,
    /// Real name: of an entry as of its device's enrolment, of an act as of now.
    pub name: String,
    pub certificate_no: String,
    pub device: Option<String>,
    /// The server signed for somebody at the console: this proves less than a phone does.
    pub desk: bool,
}

/// In the order of the log.
pub async fn page(
    state: &AppState,
    actor: &Actor,
    visit: &str,
    query: TraceQuery,
) -> Result<TracePage, ApiError> {
    let paging = Paging {
        cursor: query.cursor,
        limit: Some(query.limit.unwrap_or(paging::LIMIT_DEFAULT).min(LINES_MAX)),
    };
    let after = paging.cursor.as_deref().map(parse_cursor).transpose()?;
    let after = after.unwrap_or((-1, -1));
    // Before the rows: whatever this checkpoint covers is readable.
    let verifier = Verifier::new(&state.ledger);
    let mut conn = state.store.read().await?;
    let (visit, task) = find(&mut conn, actor, visit).await?;
    let (document, fetch) = (visit.to_string(), paging.fetch()?);
    let mut places = match query.not_admitted {
        true => store::trace::not_admitted(&mut conn, &document, after, fetch).await?,
        false => store::trace::places(&mut conn, &document, &task.id, after, fetch).await?,
    };
    places.retain(|place| (place.leaf as u64) < verifier.checkpoint().size);
    let (places, next) = paging.cut(places, |place| format!("{}.{}", place.leaf, place.seq))?;
    let mut reader = Reader::new(verifier, task);
    reader.visit = read_visit(&mut conn, visit).await?;
    let mut items = Vec::with_capacity(places.len());
    for place in places {
        items.push(reader.line(&mut conn, place).await?);
    }
    Ok(TracePage { items, next, checkpoint: reader.checkpoint() })
}

/// When and by whom the changes behind some claims were made. Those that are not known are left out.
pub async fn of_changes(
    state: &AppState,
    actor: &Actor,
    visit: &str,
    changes: &[ChangeHash],
) -> Result<BTreeMap<ChangeHash, TraceLine>, ApiError> {
    let verifier = Verifier::new(&state.ledger);
    let mut conn = state.store.read().await?;
    let (visit, task) = find(&mut conn, actor, visit).await?;
    let mut reader = Reader::new(verifier, task);
    let mut found = BTreeMap::new();
    for change in changes.iter().take(limits::SEAL_HEADS_MAX) {
        let place = store::trace::of_change(&mut conn, &visit.to_string(), *change).await?;
        let Some(place) = place else { continue };
        found.insert(*change, reader.line(&mut conn, place).await?);
    }
    Ok(found)
}

fn parse_cursor(cursor: &str) -> Result<(i64, i64), ApiError> {
    let parts = cursor.split_once('.').and_then(|(leaf, seq)| Some((leaf.parse().ok()?, seq.parse().ok()?)));
    parts.ok_or_else(paging::unknown_cursor)
}

/// The document as it stands. Where a row was tampered with, the trace goes on without: it is where one
/// looks then.
async fn read_visit(conn: &mut Connection, visit: DocumentId) -> Result<Option<Document>, ApiError> {
    let saved = match store::visits::find(conn, visit).await {
        Ok(row) => row.map(|row| row.saved),
        Err(error) => {
            let _why = readable::<()>(Err(error))?;
            return Ok(None);
        }
    };
    let checklist = match case::checklist_of(conn, &visit.to_string()).await {
        Ok(Some(checklist)) => checklist,
        Ok(None) => return Ok(None),
        Err(error) if error.status().is_client_error() => return Ok(None),
        Err(error) => return Err(error),
    };
    let opened = tokio::task::spawn_blocking(move || case::open(visit, &checklist, saved.as_deref()));
    Ok(opened.await?.ok())
}

/// Reads lines; what several share is read once.
struct Reader {
    verifier: Verifier,
    /// For what entries write.
    visit: Option<Document>,
    task: TaskRow,
    moments: Moments,
    names: Names,
}

impl Reader {
    fn new(verifier: Verifier, task: TaskRow) -> Self {
        Self { verifier, visit: None, task, moments: Moments::default(), names: Names::default() }
    }

    fn checkpoint(&self) -> CheckpointView {
        let state = self.verifier.checkpoint();
        CheckpointView {
            epoch: state.epoch,
            size: state.size,
            root: state.root.to_string(),
            note: self.verifier.note().to_owned(),
        }
    }

    async fn line(&mut self, conn: &mut Connection, place: PlaceRow) -> Result<TraceLine, ApiError> {
        let Some(chain) = &place.chain else { return self.act(conn, place.leaf).await };
        match readable(store::trace::entry(conn, chain, place.seq).await)? {
            Ok(row) => self.entry(conn, &row).await,
            Err(what) => self.unreadable(conn, &place, what).await,
        }
    }

    async fn act(&mut self, conn: &mut Connection, leaf: i64) -> Result<TraceLine, ApiError> {
        let (verification, header, body) = self.verifier.act(conn, leaf).await?;
        let who = match body.as_ref().and_then(|body| body.actor.as_deref()) {
            Some(account) => self.names.who(conn, account).await?,
            None => None,
        };
        let act = match &body {
            Some(body) => Some(self.names.act(conn, &self.task.id, body).await?),
            None => None,
        };
        let at_ms = header.as_ref().map(|(_, at_ms)| *at_ms);
        Ok(TraceLine {
            leaf,
            seq: None,
            kind: header.map_or_else(|| UNREADABLE.to_owned(), |(kind, _)| kind),
            who,
            when: Moments::act(leaf, at_ms),
            entry: None,
            act,
            verification,
        })
    }

    async fn entry(&mut self, conn: &mut Connection, row: &EntryRow) -> Result<TraceLine, ApiError> {
        let (verification, segment, seen) = self.verifier.entry(conn, row).await?;
        let entry = entries::view(row, self.visit.as_ref()).ok();
        let who = segment.grant.as_ref().map(|grant| Who {
            account: grant.account.clone(),
            name: grant.person.clone(),
            certificate_no: grant.certificate_no.clone(),
            device: segment.device.clone(),
            desk: grant.is_desk(),
        });
        Ok(TraceLine {
            leaf: row.leaf,
            seq: Some(row.seq),
            kind: entry.as_ref().map_or(UNREADABLE, |entry| entry.kind).to_owned(),
            who,
            when: self.moments.entry(conn, row.leaf, seen).await?,
            entry,
            act: None,
            verification,
        })
    }

    async fn unreadable(
        &mut self,
        conn: &mut Connection,
        place: &PlaceRow,
        what: String,
    ) -> Result<TraceLine, ApiError> {
        Ok(TraceLine {
            leaf: place.leaf,
            seq: Some(place.seq),
            kind: UNREADABLE.to_owned(),
            who: None,
            when: self.moments.entry(conn, place.leaf, None).await?,
            entry: None,
            act: None,
            verification: Verification::failed(what),
        })
    }
}
