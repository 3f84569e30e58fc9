//! Dispatch: first the inspected party, found by name or code, then the rest of the task.

use super::people::{self, Candidate};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, authorise},
        tasks::issue::{self, NewTask},
    },
    console::{
        Page, SignedIn,
        form::{Faults, Fields, belongs_to_form},
        page::{after, new_once, render},
    },
    ledger::clock,
    routes::extract::Query,
    store::Connection,
    views::{
        self, calendar,
        checklists::ChecklistView,
        paging::Paging,
        subjects::{SubjectQuery, SubjectView},
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

/// Whoever does not see theirs types more of the name.
const FOUND_MAX: i64 = 20;
const CHECKLISTS_MAX: i64 = 500;

#[derive(Default, Deserialize)]
pub struct Choice {
    #[serde(default)]
    q: String,
    #[serde(default)]
    subject: String,
}

#[derive(Template)]
#[template(path = "tasks/choose_subject.html")]
struct ChoosePage {
    p: Page,
    q: String,
    found: Vec<SubjectView>,
    more: bool,
}

#[derive(Template)]
#[template(path = "tasks/new.html")]
struct NewPage {
    p: Page,
    subject: SubjectView,
    /// The newest version of each.
    checklists: Vec<ChecklistView>,
    candidates: Vec<Candidate>,
    today: String,
    fields: Fields,
    faults: Faults,
    once: String,
}

pub async fn page(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Query(choice): Query<Choice>,
) -> Result<Response, ApiError> {
    authorise(signed_in.actor(), Action::DispatchTasks, &signed_in.actor().account.department)?;
    if choice.subject.is_empty() {
        return choose(&state, signed_in, choice.q).await;
    }
    let fields = Fields::from([("subject", choice.subject)]);
    form(&state, signed_in, fields, Faults::none()).await
}

async fn choose(state: &AppState, signed_in: SignedIn, q: String) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let wanted = q.trim();
    let query = SubjectQuery {
        q: (!wanted.is_empty()).then(|| wanted.to_owned()),
        limit: Some(FOUND_MAX),
        ..SubjectQuery::default()
    };
    let found = views::subjects::list(&mut conn, signed_in.actor(), query).await?;
    let more = found.next.is_some();
    render(&ChoosePage { p: signed_in.page, q: wanted.to_owned(), found: found.items, more })
}

async fn form(
    state: &AppState,
    signed_in: SignedIn,
    fields: Fields,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let inspectors = views::inspectors::list(&mut conn, signed_in.actor()).await?;
    let subject = views::subjects::show(&mut conn, signed_in.actor(), fields.get("subject")).await?;
    let once = fields.given("once").unwrap_or_else(new_once);
    render(&NewPage {
        subject,
        checklists: newest(&mut conn).await?,
        candidates: people::candidates(inspectors, &fields),
        today: calendar::day(clock::now_ms()).unwrap_or_default(),
        p: signed_in.page,
        fields,
        faults,
        once,
    })
}

async fn newest(conn: &mut Connection) -> Result<Vec<ChecklistView>, ApiError> {
    let all = Paging { cursor: None, limit: Some(CHECKLISTS_MAX) };
    let mut checklists = views::checklists::list(conn, &all).await?.items;
    checklists.sort_by(|a, b| a.code.cmp(&b.code).then(b.version.cmp(&a.version)));
    checklists.dedup_by(|older, newer| older.code == newer.code);
    Ok(checklists)
}

pub async fn issue(
    State(state): State<AppState>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let mut faults = Faults::none();
    let assignees = people::chosen(lang, &fields, &mut faults);
    if fields.given("checklist").is_none() {
        faults.at("checklist", lang.t("请选择检查清单", "Choose a checklist"));
    }
    if !faults.is_empty() {
        return refused(&state, signed_in, fields, faults).await;
    }
    let task = NewTask {
        subject: fields.get("subject").to_owned(),
        checklist: fields.get("checklist").to_owned(),
        assignees,
        instructions: fields.get("instructions").to_owned(),
        due_on: fields.given("due_on"),
    };
    let actor = fields.once_actor(signed_in.actor(), "POST /console/tasks/new")?;
    match issue::issue(&state, &actor, vec![task]).await {
        Ok(rows) => {
            let id = rows.first().map(|row| row.id.as_str()).unwrap_or_default();
            Ok(after(&format!("/console/tasks/{id}"), "issued").into_response())
        }
        Err(error) if belongs_to_form(&error) => {
            let own = [
                ("date.malformed", "due_on"),
                ("text.too_long", "instructions"),
                ("task.unknown_checklist", "checklist"),
            ];
            let places = [&own[..], &people::PLACES[..]].concat();
            let faults = Faults::of(lang, &error, &places);
            refused(&state, signed_in, fields, faults).await
        }
        Err(error) => Err(error),
    }
}

async fn refused(
    state: &AppState,
    signed_in: SignedIn,
    fields: Fields,
    faults: Faults,
) -> Result<Response, ApiError> {
    // What is corrected is another request, so it goes under another key.
    let mut fields = fields;
    fields.set("once", new_once());
    let shown = form(state, signed_in, fields, faults).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}
