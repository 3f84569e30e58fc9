//! One task: what it is, who holds it, and how far each of them is.

use super::list::{Flag, flags};
use crate::{
    ApiError, AppState,
    console::{
        Lang, Page, SignedIn,
        page::render,
        words::{self, Badge},
    },
    routes::extract::Path,
    views::{
        self,
        tasks::{AssignmentView, StepView, TaskView},
    },
};
use askama::Template;
use axum::{extract::State, response::Response};
use liuhen_inspection::task::{ReviewOutcome, TaskState};

/// The way of a task, as everybody goes it.
const WAY: [TaskState; 5] =
    [TaskState::Issued, TaskState::Delivered, TaskState::Opened, TaskState::Claimed, TaskState::Done];

#[derive(Template)]
#[template(path = "tasks/show.html")]
struct TaskPage {
    p: Page,
    task: TaskView,
    state: Badge,
    flags: Vec<Flag>,
    people: Vec<PersonOnTheWay>,
    issued_by: String,
    department: String,
    may_change: bool,
}

/// Somebody who holds or held the task, with their steps.
struct PersonOnTheWay {
    name: String,
    certificate_no: String,
    department: String,
    leads: bool,
    left: bool,
    steps: Vec<StepOfWay>,
}

struct StepOfWay {
    name: &'static str,
    done: bool,
    /// By the clock of their phone, where they took it there.
    wall_ms: Option<i64>,
}

pub async fn page(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let mut conn = state.store.read().await?;
    let task = views::tasks::show(&mut conn, signed_in.actor(), &id).await?;
    let steps = views::tasks::steps(&mut conn, signed_in.actor(), &id).await?;
    let issued_by = views::tasks::name_of(&mut conn, &task.issued_by).await?;
    let department = views::tasks::department_name(&mut conn, &task.department).await?;
    let open = !matches!(task.task.state, TaskState::Done | TaskState::Recalled);
    render(&TaskPage {
        state: words::task_state(lang, task.task.state),
        flags: flags(lang, &task),
        people: people(lang, &task, &steps),
        may_change: open && signed_in.page.may_dispatch(),
        p: signed_in.page,
        task,
        issued_by,
        department,
    })
}

fn people(lang: Lang, task: &TaskView, steps: &[StepView]) -> Vec<PersonOnTheWay> {
    let person = |(at, assignment): (usize, &AssignmentView)| {
        let state = assignment.state.parse().unwrap_or(TaskState::Issued);
        let own = |step: &&StepView| step.account == assignment.person.account.0;
        let issued_ms = had_at_issue(task, assignment).then_some(task.task.issued_at_ms);
        let taken: Vec<&StepView> = steps.iter().filter(own).collect();
        PersonOnTheWay {
            name: assignment.person.name.clone(),
            certificate_no: assignment.person.certificate_no.clone(),
            department: assignment.person.department.clone(),
            leads: at == 0 && assignment.left_leaf.is_none(),
            left: assignment.left_leaf.is_some(),
            steps: WAY.into_iter().map(|step| step_of_way(lang, issued_ms, state, step, &taken)).collect(),
        }
    };
    task.assignments.iter().enumerate().map(person).collect()
}

/// Whether somebody has held the task since it was issued. Where anybody left, who came when is read from
/// the trace.
fn had_at_issue(task: &TaskView, assignment: &AssignmentView) -> bool {
    let first = task.assignments.iter().map(|assignment| assignment.assigned_leaf).min();
    let nobody_left = task.assignments.iter().all(|assignment| assignment.left_leaf.is_none());
    nobody_left && first == Some(assignment.assigned_leaf)
}

fn step_of_way(
    lang: Lang,
    issued_ms: Option<i64>,
    state: TaskState,
    step: TaskState,
    taken: &[&StepView],
) -> StepOfWay {
    let wall_ms = match step {
        TaskState::Issued => issued_ms,
        _ => taken.iter().find(|taken| taken.state == step).map(|taken| taken.wall_ms),
    };
    // Who claims has opened, whether or not a step says so.
    let done = state != TaskState::Recalled && step <= state;
    StepOfWay { name: words::task_state(lang, step).text, done, wall_ms: wall_ms.filter(|_| done) }
}

impl TaskPage {
    fn is_returned(&self) -> bool {
        self.task.task.review.as_ref().is_some_and(|review| review.outcome == ReviewOutcome::Returned)
    }

    fn outcome(&self, outcome: &ReviewOutcome) -> &'static str {
        match outcome {
            ReviewOutcome::Accepted => self.p.t("审核通过", "Accepted"),
            ReviewOutcome::Returned => self.p.t("退回补正", "Returned"),
        }
    }
}
