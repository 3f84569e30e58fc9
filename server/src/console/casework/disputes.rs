//! Disagreements: in one visit, and as a worklist over all visits, with the form that decides one.

use super::{sheet, visit::Opened, words};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise},
        casework::resolution::{self, NewResolution},
    },
    console::{
        Fields, Lang, Page, SignedIn, form,
        form::Faults,
        page::{after, new_once, render, safe_path},
        show,
        words::Badge,
    },
    routes::extract::{Path, Query},
    views::{
        self,
        trace::TraceLine,
        visits::{ConflictList, ConflictQuery},
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use liuhen_inspection::{
    conflict::{Claim, Conflict, ConflictState},
    limits,
    visit::{Value, shape},
};
use liuhen_trace::ChangeHash;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Visits that one page of the worklist looks at: each is opened whole.
const VISITS_MAX: i64 = 40;
/// Pages without anything to show that are passed over before the reader is asked to go on.
const EMPTY_PAGES_MAX: usize = 25;

#[derive(Template)]
#[template(path = "casework/conflicts.html")]
struct ConflictsPage {
    p: Page,
    filter: String,
    groups: Vec<Group>,
    /// Visits that cannot be read, with whom they are about.
    damaged: Vec<(String, String)>,
    faults: Faults,
    once: String,
    first: &'static str,
    next: Option<String>,
}

/// The disagreements of one visit.
struct Group {
    visit: String,
    subject: String,
    checklist: String,
    disputes: Vec<Dispute>,
}

/// One disagreement in words.
pub struct Dispute {
    pub id: String,
    pub visit: String,
    pub path: String,
    pub field: String,
    /// What the finding or note says that the field is of; empty for anything else.
    pub title: String,
    pub state: Badge,
    pub open: bool,
    pub overwritten: bool,
    pub values: Vec<Side>,
    pub chosen: Option<Side>,
    /// The changes of all values shown, separated by commas.
    pub seen: String,
    pub may_decide: bool,
}

/// A value with who wrote it, and when as far as the ledger tells.
pub struct Side {
    pub value: String,
    /// The value itself, as the form sends it back.
    pub json: String,
    pub author: String,
    pub when: String,
    /// By the clock of the author's phone.
    pub claimed: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct ConflictsQuery {
    state: Option<String>,
    cursor: Option<String>,
}

pub async fn worklist(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Query(query): Query<ConflictsQuery>,
) -> Result<Response, ApiError> {
    worklist_page(&state, signed_in, query, Faults::none()).await
}

/// Decides for one of the values, with one tap.
pub async fn resolve(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(visit): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let value: Value = serde_json::from_str(fields.get("value"))
        .map_err(|_| ApiError::unprocessable("visit.wrong_value", "value: not one of those shown"))?;
    let new = NewResolution {
        path: fields.get("path").to_owned(),
        value,
        seen: fields.get("seen").split(',').map(str::to_owned).collect(),
        reason: fields.given("reason"),
    };
    let actor = fields.once_actor(signed_in.actor(), &format!("POST /console/visits/{visit}/resolutions"))?;
    let back = safe_path(fields.given("back").as_deref());
    let signed_in = signed_in.shown_at(back.clone());
    match resolution::resolve(&state, &actor, views::visits::parse(&visit)?, new).await {
        Ok(_) => Ok(after(&back, "resolved").into_response()),
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(signed_in.page.lang, &error, &[]);
            match back.starts_with("/console/conflicts") {
                true => worklist_page(&state, signed_in, ConflictsQuery::default(), faults).await,
                false => super::visit::page(&state, signed_in, &visit, Fields::default(), faults).await,
            }
        }
        Err(error) => Err(error),
    }
}

/// The open ones first, then in the order of the view.
pub async fn of_visit(
    state: &AppState,
    actor: &Actor,
    lang: Lang,
    opened: &Opened,
) -> Result<Vec<Dispute>, ApiError> {
    let conflicts: Vec<&Conflict> = opened.view.conflicts.iter().collect();
    let mut disputes = in_words(state, actor, lang, opened, &conflicts).await?;
    disputes.sort_by_key(|dispute| !dispute.open);
    Ok(disputes)
}

async fn in_words(
    state: &AppState,
    actor: &Actor,
    lang: Lang,
    opened: &Opened,
    conflicts: &[&Conflict],
) -> Result<Vec<Dispute>, ApiError> {
    if conflicts.is_empty() {
        return Ok(Vec::new());
    }
    let visit = opened.view.visit.to_string();
    let claims = conflicts.iter().flat_map(|conflict| conflict.values.iter().chain(&conflict.chosen));
    let changes: Vec<ChangeHash> = claims.map(|claim| claim.change).collect();
    let mut lines = BTreeMap::new();
    for some in changes.chunks(limits::SEAL_HEADS_MAX) {
        lines.extend(views::trace::of_changes(state, actor, &visit, some).await?);
    }
    let may_decide = authorise(actor, Action::ResolveConflicts, &opened.task.department).is_ok();
    let titles = sheet::titles(&opened.view);
    let disputes = conflicts.iter().enumerate().map(|(at, conflict)| {
        let about = shape::parse_path(&conflict.path).ok().and_then(|path| path.item);
        let seen: Vec<String> = conflict.values.iter().map(|claim| claim.change.to_string()).collect();
        let side = |claim: &Claim| side(lang, &conflict.path, claim, &lines);
        Dispute {
            id: format!("dispute-{}-{}", visit.get(24..).unwrap_or_default(), at + 1),
            title: about.and_then(|id| titles.get(&id).cloned()).unwrap_or_default(),
            visit: visit.clone(),
            path: conflict.path.clone(),
            field: words::field(lang, &opened.checklist, &conflict.path),
            state: badge(lang, conflict.state),
            open: conflict.state == ConflictState::Open,
            overwritten: conflict.state == ConflictState::Overwritten,
            values: conflict.values.iter().map(side).collect(),
            chosen: conflict.chosen.as_ref().map(side),
            seen: seen.join(","),
            may_decide,
        }
    });
    Ok(disputes.collect())
}

fn side(lang: Lang, path: &str, claim: &Claim, lines: &BTreeMap<ChangeHash, TraceLine>) -> Side {
    let line = lines.get(&claim.change);
    let value = match shape::parse_path(path) {
        _ if claim.value.as_text().is_some_and(|text| text.trim().is_empty()) => {
            lang.t("（空白）", "(blank)").to_owned()
        }
        Ok(path) => words::written(lang, &path, &claim.value),
        Err(_) => words::value(lang, &claim.value),
    };
    let on_phone = line.filter(|line| line.who.as_ref().is_some_and(|who| !who.desk));
    let when = line.map(|line| show::interval(line.when.after_ms, Some(line.when.before_ms)));
    Side {
        value,
        claimed: on_phone.and_then(|line| line.entry.as_ref()).map(|entry| show::time_exact(entry.wall_ms)),
        json: serde_json::to_string(&claim.value).unwrap_or_default(),
        author: claim.author.as_ref().map(|person| person.name.clone()).unwrap_or_default(),
        when: when.unwrap_or_default(),
    }
}

fn badge(lang: Lang, state: ConflictState) -> Badge {
    let tone = match state {
        ConflictState::Open => "warn",
        ConflictState::Resolved => "good",
        ConflictState::Overwritten => "info",
    };
    Badge { tone, text: words::conflict_state(lang, state) }
}

/// The next page that has anything: visits of other departments and those whose disagreements are in
/// another state count towards a page and show nothing.
async fn some_conflicts(
    state: &AppState,
    actor: &Actor,
    wanted: ConflictState,
    cursor: Option<String>,
) -> Result<ConflictList, ApiError> {
    let mut conn = state.store.read().await?;
    let mut query = ConflictQuery { cursor, limit: Some(VISITS_MAX), state: Some(wanted) };
    for _ in 0..EMPTY_PAGES_MAX {
        let list = views::visits::conflicts(&mut conn, actor, query.clone()).await?;
        if !list.items.is_empty() || !list.damaged.is_empty() || list.next.is_none() {
            return Ok(list);
        }
        query.cursor = list.next;
    }
    views::visits::conflicts(&mut conn, actor, query).await
}

async fn worklist_page(
    state: &AppState,
    signed_in: SignedIn,
    query: ConflictsQuery,
    faults: Faults,
) -> Result<Response, ApiError> {
    let (p, actor) = (signed_in.page, &signed_in.viewer.actor);
    let (filter, wanted) = match query.state.as_deref() {
        Some("resolved") => ("resolved", ConflictState::Resolved),
        Some("overwritten") => ("overwritten", ConflictState::Overwritten),
        _ => ("", ConflictState::Open),
    };
    let list = some_conflicts(state, actor, wanted, query.cursor.clone()).await?;
    let mut visits: BTreeMap<String, Vec<Conflict>> = BTreeMap::new();
    for known in list.items {
        visits.entry(known.visit).or_default().push(known.conflict);
    }
    let mut groups = Vec::with_capacity(visits.len());
    for (visit, conflicts) in visits {
        let mut conn = state.store.read().await?;
        let opened = Opened::load(&mut conn, actor, &visit).await?;
        drop(conn);
        let conflicts: Vec<&Conflict> = conflicts.iter().collect();
        groups.push(Group {
            subject: opened.task.task.subject.name.clone(),
            checklist: opened.task.task.checklist.title.clone(),
            disputes: in_words(state, actor, p.lang, &opened, &conflicts).await?,
            visit,
        });
    }
    let mut damaged = Vec::with_capacity(list.damaged.len());
    let mut conn = state.store.read().await?;
    for visit in list.damaged {
        let (_, task) = views::visits::find(&mut conn, actor, &visit).await?;
        let subject = views::tasks::of_row(&mut conn, task).await?.task.subject.name;
        damaged.push((visit, subject));
    }
    drop(conn);
    let page = ConflictsPage {
        p,
        filter: filter.to_owned(),
        groups,
        damaged,
        once: new_once(),
        first: if query.cursor.is_some() { "/console/conflicts" } else { "" },
        next: list.next.map(|cursor| format!("/console/conflicts?state={filter}&cursor={cursor}")),
        faults,
    };
    let status = if page.faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, render(&page)?).into_response())
}
