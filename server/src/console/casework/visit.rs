//! The page of one visit, and the form that reviews it.

use super::{
    disputes::{self, Dispute},
    evidence::{self, File},
    sheet,
    trace::{self, SetAside},
    words,
};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise},
        casework::{self, NewReview},
    },
    console::{
        Fields, Lang, Page, SignedIn, form,
        form::Faults,
        page::{after, new_once, render},
        words::{self as common, Badge},
    },
    routes::extract::Path,
    store::{Connection, tasks::TaskRow},
    views::{self, tasks::TaskView, visits::ReviewView},
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use liuhen_inspection::{
    checklist::Checklist,
    conflict::ConflictState,
    task::{ReviewOutcome, Task, TaskState},
    visit::{VisitView, view::RefusalView},
};

#[derive(Template)]
#[template(path = "casework/visit.html")]
struct VisitPage {
    p: Page,
    head: Head,
    lines: Vec<sheet::Line>,
    fields: Vec<sheet::Cell>,
    findings: Vec<sheet::Finding>,
    notes: Vec<sheet::Note>,
    files: Vec<File>,
    disputes: Vec<Dispute>,
    seals: Vec<sheet::Seal>,
    refusals: Vec<RefusalView>,
    additions: Vec<sheet::Addition>,
    set_aside: Vec<SetAside>,
    reviews: Vec<Review>,
    review: Fields,
    faults: Faults,
    once: String,
}

/// What stands at the top of every page about a visit.
pub struct Head {
    pub visit: String,
    pub task: Task,
    pub state: Badge,
    pub seal: Badge,
    pub assignees: Vec<Holder>,
    pub answered: usize,
    pub items: usize,
    pub open_disputes: usize,
    pub sealed: bool,
    /// The viewer may review it now.
    pub may_review: bool,
}

/// Somebody who holds or held the task, and how far they are.
pub struct Holder {
    pub name: String,
    pub certificate_no: String,
    pub state: Badge,
    pub left: bool,
}

struct Review {
    outcome: Badge,
    opinion: String,
    reviewer: String,
    at_ms: i64,
}

/// A visit with what its pages need of its surroundings.
pub struct Opened {
    pub view: VisitView,
    pub checklist: Checklist,
    pub task: TaskView,
}

impl Opened {
    pub async fn load(conn: &mut Connection, actor: &Actor, visit: &str) -> Result<Self, ApiError> {
        let (_, task) = views::visits::find(conn, actor, visit).await?;
        let view = views::visits::show(conn, actor, visit).await?;
        Self::around(conn, task, view).await
    }

    /// For the trace, which can be read where the visit cannot: then as it was before anything was handed in.
    pub async fn load_for_trace(conn: &mut Connection, actor: &Actor, visit: &str) -> Result<Self, ApiError> {
        match Self::load(conn, actor, visit).await {
            Err(error) if error.code() == "visit.damaged" => {
                let (visit, task) = views::visits::find(conn, actor, visit).await?;
                let view = views::visits::untouched(conn, visit, &task).await?;
                let mut opened = Self::around(conn, task, view).await?;
                opened.task.progress.damaged = true;
                Ok(opened)
            }
            loaded => loaded,
        }
    }

    async fn around(conn: &mut Connection, task: TaskRow, view: VisitView) -> Result<Self, ApiError> {
        let missing = || ApiError::internal(format!("checklist {} is not there", task.checklist));
        let checklist = views::checklists::show(conn, &task.checklist).await?;
        let checklist = checklist.checklist.ok_or_else(missing)?;
        Ok(Self { view, checklist, task: views::tasks::of_row(conn, task).await? })
    }

    pub fn head(&self, lang: Lang, actor: &Actor) -> Head {
        let (task, view) = (&self.task, &self.view);
        let holders = task.assignments.iter().map(|held| Holder {
            name: held.person.name.clone(),
            certificate_no: held.person.certificate_no.clone(),
            state: common::task_state(lang, held.state.parse().unwrap_or(TaskState::Issued)),
            left: held.left_leaf.is_some(),
        });
        Head {
            visit: view.visit.to_string(),
            state: common::task_state(lang, task.task.state),
            seal: match task.progress.damaged {
                true => Badge { tone: "bad", text: lang.t("数据损坏", "Damaged") },
                false => seal_badge(lang, view),
            },
            assignees: holders.collect(),
            answered: view.responses.iter().filter(|response| !response.shown.value.is_null()).count(),
            items: self.checklist.items.len(),
            open_disputes: view.conflicts.iter().filter(|known| known.state == ConflictState::Open).count(),
            sealed: task.task.state == TaskState::Done,
            may_review: task.task.state == TaskState::Done
                && authorise(actor, Action::ReviewVisits, &task.department).is_ok(),
            task: task.task.clone(),
        }
    }
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(visit): Path,
) -> Result<Response, ApiError> {
    page(&state, signed_in, &visit, Fields::default(), Faults::none()).await
}

/// Accepts the sealed record, or returns it for something to be supplemented.
pub async fn review(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(visit): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let signed_in = signed_in.shown_at(format!("/console/visits/{visit}"));
    let outcome = match fields.get("outcome") {
        "accepted" => ReviewOutcome::Accepted,
        "returned" => ReviewOutcome::Returned,
        other => return Err(ApiError::bad_request("request.wrong_form", format!("outcome: {other:?}"))),
    };
    let new = NewReview { outcome, opinion: fields.get("opinion").to_owned() };
    let actor = fields.once_actor(signed_in.actor(), &format!("POST /console/visits/{visit}/reviews"))?;
    match casework::review(&state, &actor, views::visits::parse(&visit)?, new).await {
        Ok(_) => Ok(after(&format!("/console/visits/{visit}"), "reviewed").into_response()),
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(
                signed_in.page.lang,
                &error,
                &[("text.empty", "opinion"), ("text.too_long", "opinion")],
            );
            page(&state, signed_in, &visit, fields, faults).await
        }
        Err(error) => Err(error),
    }
}

/// The page; also where a form on it was refused.
pub async fn page(
    state: &AppState,
    signed_in: SignedIn,
    visit: &str,
    review: Fields,
    faults: Faults,
) -> Result<Response, ApiError> {
    let (p, actor) = (signed_in.page, &signed_in.viewer.actor);
    let lang = p.lang;
    let mut conn = state.store.read().await?;
    let opened = Opened::load(&mut conn, actor, visit).await?;
    let reviews = views::visits::reviews(&mut conn, actor, visit).await?.items;
    let reviews = named(&mut conn, lang, reviews).await?;
    drop(conn);
    let (view, checklist) = (&opened.view, &opened.checklist);
    let page = VisitPage {
        head: opened.head(lang, actor),
        lines: sheet::lines(lang, checklist, view),
        fields: sheet::fields(lang, view),
        findings: sheet::findings(lang, checklist, view),
        notes: sheet::notes(lang, checklist, view),
        files: evidence::files(state, actor, lang, &opened).await?,
        disputes: disputes::of_visit(state, actor, lang, &opened).await?,
        seals: sheet::seals(lang, view),
        refusals: view.refusals.clone(),
        additions: sheet::additions(lang, checklist, view),
        set_aside: trace::set_aside(state, actor, lang, &opened).await?,
        reviews,
        review,
        once: new_once(),
        p,
        faults,
    };
    let status = if page.faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, render(&page)?).into_response())
}

fn seal_badge(lang: Lang, view: &VisitView) -> Badge {
    let (tone, text) = match &view.seal {
        Some(_) if view.refusals.is_empty() => ("good", lang.t("笔录已签章", "Record sealed")),
        Some(_) => ("warn", lang.t("已签章，当事人拒签", "Sealed, the party refused to sign")),
        None if view.further_seals.is_empty() => ("plain", lang.t("尚未签章", "Not sealed")),
        None => ("bad", lang.t("签章不成立", "No seal holds")),
    };
    Badge { tone, text }
}

async fn named(conn: &mut Connection, lang: Lang, reviews: Vec<ReviewView>) -> Result<Vec<Review>, ApiError> {
    let mut named = Vec::with_capacity(reviews.len());
    for review in reviews {
        let tone = if review.outcome == "accepted" { "good" } else { "warn" };
        named.push(Review {
            outcome: Badge { tone, text: words::outcome(lang, &review.outcome) },
            reviewer: views::accounts::name(conn, &review.reviewer).await?,
            opinion: review.opinion,
            at_ms: review.reviewed_at_ms,
        });
    }
    Ok(named)
}
