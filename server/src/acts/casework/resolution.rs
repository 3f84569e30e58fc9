//! Deciding at the console what people disagree about.
//!
//! The decision is an entry like one from a phone: a change that replaces exactly the values its author
//! was shown, signed by the account's desk device, logged with the act that says who let it be signed.
//! The admission job judges it like any other; whoever holds the visit receives it, and what somebody
//! writes on the same field without having seen it is a new disagreement.

use super::desk::{self, Seat};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise, commit_as},
        casework::read_view,
        tasks, text,
    },
    exchange::{
        admission,
        case::{checklist_of, damaged, open},
        judgement::Verdict,
    },
    ledger::{Latest, NewAct, Tx},
    store::{self, Connection, exchange::EntryRow, visits::VisitRow},
};
use futures::FutureExt;
use liuhen_engine::shape::Path;
use liuhen_inspection::{
    checklist::Checklist,
    conflict::{Claim, Conflict, ConflictState},
    limits::SIGNING_ROOM_BYTES,
    visit::{self, Edit, FieldValue, Value, VisitView},
};
use liuhen_trace::{
    ChangeHash, CheckedSegment, CheckpointRef, DocumentId, EntryKind,
    entry::{Body, change_hash},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Tries to decide on a visit that goes on changing: each waits for the verdicts on what came before.
const TRIES_MAX: usize = 10;
/// Told after them, and between them.
const BUSY_CODE: &str = "visit.busy";
/// The kind of the act behind the segment.
pub const RESOLVED_KIND: &str = "conflict.resolved";

/// What a supervisor decides.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResolution {
    /// The field, as the disagreement names it: `responses/7`, `findings/9f…/place`.
    pub path: String,
    /// One of the values that disagree, or another one that fits the field.
    #[serde(deserialize_with = "Value::deserialize")]
    pub value: FieldValue,
    /// The changes of all the values that were shown: nobody decides over a value they have not seen.
    pub seen: Vec<String>,
    /// Required for a value that nobody had written.
    #[serde(default)]
    #[schema(value_type = Option<text::OptionalParagraphs>)]
    pub reason: Option<String>,
}

/// A decision as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Resolution {
    pub visit: String,
    pub path: String,
    pub value: FieldValue,
    /// Who decided.
    pub account: String,
    pub name: String,
    pub chain: String,
    pub seq: i64,
    /// The entry's id.
    pub entry: String,
    pub change: String,
    /// The leaf of the entry's segment; the act stands right behind it.
    pub leaf: i64,
    pub decided_at_ms: i64,
    /// Whether it counts already; it does a moment later where the server is busy.
    pub admitted: bool,
}

/// Decides an open disagreement. The same decision again is that decision.
pub async fn resolve(
    state: &AppState,
    actor: &Actor,
    visit: DocumentId,
    new: NewResolution,
) -> Result<Resolution, ApiError> {
    let wanted = Wanted::read(new)?;
    for _ in 0..TRIES_MAX {
        // Two who decide at once: the later one sees the decision of the first.
        admission::settled(state, state.ledger.latest()).await;
        let Some(before) = Before::read(state, actor, visit).await? else { continue };
        let conflict = match before.decide(actor, &wanted)? {
            Found::Open(conflict) => conflict,
            Found::Decided(change) => return find(state, actor, visit, &wanted, change).await,
        };
        let (asked, by) = (wanted.clone(), actor.id().to_owned());
        let planned = tokio::task::spawn_blocking(move || before.plan(by, asked, &conflict));
        let plan = planned.await??;
        let change = plan.change;
        let committed = commit_as(state, actor, move |tx| async move { plan.apply(tx).await }.boxed());
        match committed.await {
            Ok(committed) => {
                let logged = Latest { state: committed.state, note: committed.note };
                admission::settled(state, logged).await;
                return find(state, actor, visit, &wanted, change).await;
            }
            Err(error) if error.code() == BUSY_CODE => {}
            Err(error) => return Err(error),
        }
    }
    Err(busy())
}

fn busy() -> ApiError {
    ApiError::unavailable(BUSY_CODE, "the visit is being changed; try again")
}

/// A request whose parts were read.
#[derive(Debug, Clone)]
struct Wanted {
    path: String,
    value: Value,
    seen: BTreeSet<String>,
    reason: Option<String>,
}

impl Wanted {
    fn read(new: NewResolution) -> Result<Self, ApiError> {
        let reason = text::optional_paragraphs("reason", new.reason.as_deref().unwrap_or_default())?;
        let reason = (!reason.is_empty()).then_some(reason);
        Ok(Self { path: new.path, value: new.value, seen: new.seen.into_iter().collect(), reason })
    }
}

/// Everything a decision is made from, read at one moment at which every entry of the visit had its verdict.
struct Before {
    task: String,
    checklist: Checklist,
    visit: VisitRow,
    view: VisitView,
    seat: Seat,
    checkpoint: CheckpointRef,
}

/// What stands at the path.
enum Found {
    Open(Conflict),
    /// Already decided as wanted, by this very person, with this change.
    Decided(ChangeHash),
}

impl Before {
    /// `None` while entries of the visit await their verdicts.
    async fn read(state: &AppState, actor: &Actor, visit: DocumentId) -> Result<Option<Self>, ApiError> {
        let checkpoint = state.ledger.latest().state;
        let mut conn = state.store.read().await?;
        let task = tasks::find_by_visit(&mut conn, visit).await?;
        authorise(actor, Action::ResolveConflicts, &task.department)?;
        if store::verdicts::any_pending(&mut conn, visit).await? {
            return Ok(None);
        }
        let row = store::visits::find(&mut conn, visit).await?.ok_or_else(|| unknown(visit))?;
        let view = read_view(visit, row.view.as_bytes())?;
        let checklist =
            checklist_of(&mut conn, &task.visit).await?.ok_or_else(|| damaged("task.checklist"))?;
        let seat = Seat::take(state, &mut conn, actor).await?;
        Ok(Some(Self { task: task.id, checklist, visit: row, view, seat, checkpoint }))
    }

    fn decide(&self, actor: &Actor, wanted: &Wanted) -> Result<Found, ApiError> {
        let of_path = || self.view.conflicts.iter().filter(|conflict| conflict.path == wanted.path);
        let changes = |conflict: &Conflict| -> BTreeSet<String> {
            conflict.values.iter().map(|claim| claim.change.to_string()).collect()
        };
        let decided = of_path()
            .find(|conflict| conflict.state == ConflictState::Resolved && changes(conflict) == wanted.seen);
        if let Some(chosen) = decided.and_then(|conflict| conflict.chosen.as_ref()) {
            let by_actor = chosen.author.as_ref().is_some_and(|author| author.account.as_str() == actor.id());
            return match by_actor && chosen.value == wanted.value {
                true => Ok(Found::Decided(chosen.change)),
                false => Err(already_decided(chosen)),
            };
        }
        match of_path().find(|conflict| conflict.state == ConflictState::Open) {
            Some(conflict) if changes(conflict) == wanted.seen => Ok(Found::Open(conflict.clone())),
            Some(_) => {
                let detail = "these are not the values that disagree now; look at them again";
                Err(ApiError::conflict("conflict.changed", detail))
            }
            None => match of_path().find_map(|conflict| conflict.chosen.as_ref()) {
                Some(chosen) => Err(already_decided(chosen)),
                None => Err(unknown(&wanted.path)),
            },
        }
    }

    /// The change, the entry around it and the segment around that.
    fn plan(self, actor: String, wanted: Wanted, conflict: &Conflict) -> Result<Plan, ApiError> {
        let visit: DocumentId = self.visit.document.parse().map_err(|_| damaged("visit.document"))?;
        if !conflict.values.iter().any(|claim| claim.value == wanted.value) && wanted.reason.is_none() {
            let detail = "nobody has written this value: say why it is the right one";
            return Err(ApiError::conflict("conflict.reason_missing", detail));
        }
        let path: Path = visit::parse_path(&wanted.path)?;
        let edit = Edit::Resolve { path, value: wanted.value.0.clone() };
        let author = self.seat.author();
        let puts = visit::plan(&self.checklist, &[edit], author.chain, author.seq)?.puts;
        let mut document = open(visit, &self.checklist, Some(&self.visit.saved))?;
        let chunk = document.edit(author, &puts)?.ok_or_else(|| damaged("visit.view"))?;
        if document.room_bytes() < SIGNING_ROOM_BYTES {
            return Err(ApiError::conflict(
                "change.document_full",
                "the rest of the room is kept for signing",
            ));
        }
        let change = change_hash(&chunk).ok_or_else(|| damaged("visit.saved"))?;
        let body = Body {
            checkpoint: Some(self.checkpoint),
            document: Some(visit),
            change: Some(change),
            ..Body::at(desk::now())
        };
        let segment = self.seat.sign(EntryKind::Resolution, body, Some(chunk))?;
        let detail = json!({
            "visit": visit.to_string(), "task": self.task, "path": wanted.path, "value": wanted.value,
            "values": conflict.values, "reason": wanted.reason, "chain": segment.chain.to_string(),
            "seq": author.seq, "entry": segment.header.last.to_string(),
        });
        Ok(Plan { visit, heads: self.visit.heads, seat: self.seat, segment, change, actor, detail })
    }
}

fn unknown(place: impl std::fmt::Display) -> ApiError {
    ApiError::not_found("conflict.unknown", format!("nobody disagrees here: {place}"))
}

fn already_decided(chosen: &Claim) -> ApiError {
    let by = chosen.author.as_ref().map_or("somebody", |author| author.name.as_str());
    ApiError::conflict("conflict.decided", format!("{by} has decided this meanwhile"))
}

/// What is to be logged, if all it was made from still stands.
struct Plan {
    visit: DocumentId,
    heads: Vec<u8>,
    seat: Seat,
    segment: CheckedSegment,
    change: ChangeHash,
    actor: String,
    detail: serde_json::Value,
}

impl Plan {
    async fn apply(self, tx: &mut Tx) -> Result<(), ApiError> {
        if !self.stands(tx.conn()).await? {
            return Err(busy());
        }
        self.seat.log(tx, &self.segment).await?;
        let (kind, actor) = (RESOLVED_KIND, Some(self.actor));
        tx.act(NewAct { kind, actor, detail: self.detail, rows: Vec::new(), blobs: Vec::new() }).await?;
        Ok(())
    }

    async fn stands(&self, conn: &mut Connection) -> Result<bool, ApiError> {
        let visit = store::visits::find(conn, self.visit).await?;
        Ok(visit.is_some_and(|visit| visit.heads == self.heads)
            && !store::verdicts::any_pending(conn, self.visit).await?
            && self.seat.stands(conn).await?)
    }
}

/// The decision that a change made.
async fn find(
    state: &AppState,
    actor: &Actor,
    visit: DocumentId,
    wanted: &Wanted,
    change: ChangeHash,
) -> Result<Resolution, ApiError> {
    let mut conn = state.store.read().await?;
    let row = store::exchange::by_change(&mut conn, &visit.to_string(), change).await?;
    let row: EntryRow = row.ok_or_else(|| damaged("entry.change_hash"))?;
    Ok(Resolution {
        visit: visit.to_string(),
        path: wanted.path.clone(),
        value: wanted.value.clone(),
        account: actor.id().to_owned(),
        name: actor.account.name.clone(),
        decided_at_ms: row.open()?.body.at.wall_ms,
        chain: hex::encode(&row.chain),
        seq: row.seq,
        entry: hex::encode(&row.hash),
        change: change.to_string(),
        leaf: row.leaf,
        admitted: row.verdict == Verdict::Admitted as i64,
    })
}
