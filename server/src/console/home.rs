//! What needs attention, and how many tasks there are. Every figure opens to its rows.

use super::{
    beginning::{self, Step},
    page::{Page, Place, SignedIn, render},
    tasks::Row,
    words::{self, ATTENTIONS},
};
use crate::{
    ApiError, AppState,
    acts::access::{Action, Actor},
    ledger::clock,
    store::Connection,
    views::{
        self, calendar,
        tasks::{Attention, Order, TaskFigures, TaskQuery},
    },
};
use askama::Template;
use axum::{extract::State, response::Response};
use liuhen_inspection::task::TaskState;

/// Of each kind; the figure above opens to all of them.
const PRESSING_OF_A_KIND: i64 = 4;
const NEWEST: i64 = 8;

/// A number with what it counts.
struct Figure {
    count: i64,
    name: &'static str,
    href: String,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    p: Page,
    greeting: String,
    today: String,
    beginning: Vec<Step>,
    shows_casework: bool,
    attention: Vec<Figure>,
    pressing: Vec<Row>,
    states: Vec<Figure>,
    newest: Vec<Row>,
    /// Instead of tasks, for those who see none.
    ways: Vec<Place>,
}

pub async fn show(State(state): State<AppState>, signed_in: SignedIn) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let mut conn = state.store.read().await?;
    let figures = views::tasks::figures(&mut conn, signed_in.actor()).await?;
    let attention = ATTENTIONS.into_iter().map(|kind| Figure {
        count: count(&figures, kind),
        name: words::attention(lang, kind),
        href: format!("/console/tasks?attention={}", words::attention_name(kind)),
        tone: if kind == Attention::Overdue { "bad" } else { "warn" },
    });
    let states = TaskState::ALL.into_iter().map(|state| Figure {
        count: in_state(&figures, state),
        name: words::task_state(lang, state).text,
        href: format!("/console/tasks?state={state}"),
        tone: "",
    });
    let rows =
        |tasks: Vec<views::tasks::TaskView>| tasks.into_iter().map(|task| Row::of(lang, task)).collect();
    let pressing = pressing(&mut conn, signed_in.actor(), &figures).await?;
    let newest = TaskQuery { order: Some(Order::Newest), limit: Some(NEWEST), ..TaskQuery::default() };
    let newest = views::tasks::list(&mut conn, signed_in.actor(), newest).await?.items;
    let beginning = beginning::steps(&mut conn, &signed_in.page, signed_in.actor()).await?;
    let name = &signed_in.viewer.actor.account.name;
    render(&HomePage {
        greeting: format!("{}{}{name}", lang.t("您好", "Hello"), lang.t("，", ", ")),
        beginning,
        ways: ways(&signed_in.page),
        today: calendar::day(clock::now_ms()).unwrap_or_default(),
        shows_casework: signed_in.page.may(Action::ReadCasework),
        attention: attention.collect(),
        pressing: rows(pressing),
        states: states.collect(),
        newest: rows(newest),
        p: signed_in.page,
    })
}

/// Where somebody goes whose work is not about tasks.
fn ways(p: &Page) -> Vec<Place> {
    let home = |place: &Place| place.path == "/console";
    if p.sees_tasks() { Vec::new() } else { p.places().into_iter().filter(|place| !home(place)).collect() }
}

fn count(figures: &TaskFigures, kind: Attention) -> i64 {
    match kind {
        Attention::Overdue => figures.overdue,
        Attention::OpenConflicts => figures.open_conflicts,
        Attention::Returned => figures.returned,
        Attention::EvidenceMissing => figures.evidence_missing,
        Attention::Unreviewed => figures.unreviewed,
    }
}

fn in_state(figures: &TaskFigures, state: TaskState) -> i64 {
    match state {
        TaskState::Issued => figures.issued,
        TaskState::Delivered => figures.delivered,
        TaskState::Opened => figures.opened,
        TaskState::Claimed => figures.claimed,
        TaskState::Done => figures.done,
        TaskState::Recalled => figures.recalled,
    }
}

/// Some of each kind, a task once.
async fn pressing(
    conn: &mut Connection,
    actor: &Actor,
    figures: &TaskFigures,
) -> Result<Vec<views::tasks::TaskView>, ApiError> {
    let mut pressing: Vec<views::tasks::TaskView> = Vec::new();
    for kind in ATTENTIONS.into_iter().filter(|kind| count(figures, *kind) > 0) {
        let query = TaskQuery {
            attention: Some(kind),
            order: Some(Order::Due),
            limit: Some(PRESSING_OF_A_KIND),
            ..TaskQuery::default()
        };
        for task in views::tasks::list(conn, actor, query).await?.items {
            if !pressing.iter().any(|known| known.task.id == task.task.id) {
                pressing.push(task);
            }
        }
    }
    Ok(pressing)
}
