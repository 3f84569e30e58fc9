//! Re-assigning a task, and taking it back. Both ask for a reason, which the ledger keeps.

use super::people::{self, Candidate, LEAD, OTHERS};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, authorise},
        tasks::{
            reassign::{self, Reassignment},
            recall::{self, Recall},
        },
    },
    console::{
        Page, SignedIn,
        form::{Faults, Fields, belongs_to_form},
        page::{after, new_once, render},
    },
    routes::extract::Path,
    views::{self, tasks::TaskView},
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use liuhen_inspection::task::TaskState;

#[derive(Template)]
#[template(path = "tasks/assignment.html")]
struct AssignmentPage {
    p: Page,
    task: TaskView,
    candidates: Vec<Candidate>,
    /// Who holds the task as the form shows it.
    held: String,
    fields: Fields,
    faults: Faults,
    once: String,
}

#[derive(Template)]
#[template(path = "tasks/recall.html")]
struct RecallPage {
    p: Page,
    task: TaskView,
    fields: Fields,
    faults: Faults,
    once: String,
}

pub async fn assignment(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
) -> Result<Response, ApiError> {
    match ended(&state, &signed_in, &id).await? {
        Some(led) => Ok(led),
        None => assignment_form(&state, signed_in, &id, None, Faults::none()).await,
    }
}

/// `fields` as sent; without them, those who hold the task now.
async fn assignment_form(
    state: &AppState,
    signed_in: SignedIn,
    id: &str,
    fields: Option<Fields>,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let task = views::tasks::show(&mut conn, signed_in.actor(), id).await?;
    authorise(signed_in.actor(), Action::DispatchTasks, &task.department)?;
    let inspectors = views::inspectors::list(&mut conn, signed_in.actor()).await?;
    let fields = fields.unwrap_or_else(|| holders(&task));
    render(&AssignmentPage {
        p: signed_in.page,
        candidates: people::candidates(inspectors, &fields),
        held: held(&task),
        task,
        fields,
        faults,
        once: new_once(),
    })
}

/// To the page of a task about which nothing can be changed any more: it says why.
async fn ended(state: &AppState, signed_in: &SignedIn, id: &str) -> Result<Option<Response>, ApiError> {
    let mut conn = state.store.read().await?;
    let task = views::tasks::show(&mut conn, signed_in.actor(), id).await?.task;
    let has_ended = matches!(task.state, TaskState::Done | TaskState::Recalled);
    Ok(has_ended.then(|| Redirect::to(&format!("/console/tasks/{id}")).into_response()))
}

fn held(task: &TaskView) -> String {
    let held: Vec<&str> = task.task.assignees.iter().map(|assignee| assignee.account.as_str()).collect();
    held.join(",")
}

/// Who was put in or taken off since the form was shown: it would be undone by somebody who never saw it.
async fn moved_on(
    state: &AppState,
    signed_in: &SignedIn,
    id: &str,
    fields: &Fields,
) -> Result<Faults, ApiError> {
    let mut conn = state.store.read().await?;
    let task = views::tasks::show(&mut conn, signed_in.actor(), id).await?;
    if fields.given("held").is_none_or(|known| known == held(&task)) {
        return Ok(Faults::none());
    }
    let lang = signed_in.page.lang;
    let now: Vec<&str> = task.task.assignees.iter().map(|assignee| assignee.name.as_str()).collect();
    let told = lang.t(
        "承办人员刚刚被他人调整，请核对后再提交。现为：",
        "Somebody has just re-assigned it. Check again; now it is: ",
    );
    Ok(Faults::all(format!("{told}{}", now.join(lang.t("、", ", ")))))
}

fn holders(task: &TaskView) -> Fields {
    let held = task.task.assignees.iter().map(|assignee| assignee.account.0.clone());
    Fields(held.enumerate().map(|(at, id)| ((if at == 0 { LEAD } else { OTHERS }).to_owned(), id)).collect())
}

pub async fn reassign(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let mut faults = Faults::none();
    let assignees = people::chosen(lang, &fields, &mut faults);
    if fields.given("reason").is_none() {
        faults.at("reason", lang.t("请填写改派原因", "Say why"));
    }
    if faults.is_empty() {
        faults = moved_on(&state, &signed_in, &id, &fields).await?;
    }
    if faults.is_empty() {
        let actor = fields.once_actor(signed_in.actor(), &format!("POST /console/tasks/{id}/assignment"))?;
        let reassignment = Reassignment { assignees, reason: fields.get("reason").to_owned() };
        match reassign::reassign(&state, &actor, &id, reassignment).await {
            Ok(_) => return Ok(after(&format!("/console/tasks/{id}"), "reassigned").into_response()),
            Err(error) if belongs_to_form(&error) => {
                let own = [("text.empty", "reason"), ("text.too_long", "reason")];
                faults = Faults::of(lang, &error, &[&own[..], &people::PLACES[..]].concat());
            }
            Err(error) => return Err(error),
        }
    }
    let shown = assignment_form(&state, signed_in, &id, Some(fields), faults).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

pub async fn recall_page(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
) -> Result<Response, ApiError> {
    match ended(&state, &signed_in, &id).await? {
        Some(led) => Ok(led),
        None => recall_form(&state, signed_in, &id, Fields::default(), Faults::none()).await,
    }
}

async fn recall_form(
    state: &AppState,
    signed_in: SignedIn,
    id: &str,
    fields: Fields,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let task = views::tasks::show(&mut conn, signed_in.actor(), id).await?;
    authorise(signed_in.actor(), Action::DispatchTasks, &task.department)?;
    render(&RecallPage { p: signed_in.page, task, fields, faults, once: new_once() })
}

pub async fn recall(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let actor = fields.once_actor(signed_in.actor(), &format!("POST /console/tasks/{id}/recall"))?;
    match recall::recall(&state, &actor, &id, Recall { reason: fields.get("reason").to_owned() }).await {
        Ok(_) => Ok(after(&format!("/console/tasks/{id}"), "recalled").into_response()),
        Err(error) if belongs_to_form(&error) => {
            let places = [("text.empty", "reason"), ("text.too_long", "reason")];
            let faults = Faults::of(signed_in.page.lang, &error, &places);
            let shown = recall_form(&state, signed_in, &id, fields, faults).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
        Err(error) => Err(error),
    }
}
