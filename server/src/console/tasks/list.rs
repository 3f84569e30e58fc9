//! The list of tasks, narrowed by a form whose address can be kept and sent on.

use crate::{
    ApiError, AppState,
    console::{
        Lang, Page, SignedIn,
        page::{encode, render},
        words::{self, Badge},
    },
    ledger::clock,
    routes::extract::Query,
    views::{
        self, calendar,
        checklists::ChecklistView,
        inspectors::InspectorView,
        paging::Paging,
        tasks::{Order, TaskQuery, TaskView},
    },
};
use askama::Template;
use axum::{extract::State, response::Response};
use liuhen_inspection::task::{ReviewOutcome, TaskState};
use serde::Deserialize;

/// A screen or two.
const ROWS: i64 = 50;
/// All that a select of checklists holds.
const CHECKLISTS_MAX: i64 = 500;

/// What the filter form sends: a field left alone comes empty.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    attention: String,
    #[serde(default)]
    assignee: String,
    #[serde(default)]
    checklist: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    cursor: String,
}

/// A choice of a select.
struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

/// A task as a line of a list.
pub struct Row {
    pub task: TaskView,
    pub state: Badge,
    pub flags: Vec<Flag>,
    /// Those who hold it; when nobody does any more, those who did.
    pub people: String,
}

/// Something to look at.
pub struct Flag {
    pub tone: &'static str,
    pub text: String,
}

#[derive(Template)]
#[template(path = "tasks/list.html")]
struct ListPage {
    p: Page,
    filter: Filter,
    states: Vec<Choice>,
    attentions: Vec<Choice>,
    assignees: Vec<Choice>,
    checklists: Vec<Choice>,
    orders: Vec<Choice>,
    /// The subject the list is narrowed to.
    subject: Option<String>,
    rows: Vec<Row>,
    /// Whether anything narrows the list.
    narrowed: bool,
    first: String,
    next: Option<String>,
}

pub async fn page(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Query(filter): Query<Filter>,
) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let mut conn = state.store.read().await?;
    let found = views::tasks::list(&mut conn, signed_in.actor(), filter.query()?).await?;
    let inspectors = match signed_in.page.may_dispatch() {
        true => views::inspectors::list(&mut conn, signed_in.actor()).await?,
        false => Vec::new(),
    };
    let checklists = Paging { cursor: None, limit: Some(CHECKLISTS_MAX) };
    let checklists = views::checklists::list(&mut conn, &checklists).await?.items;
    let rows: Vec<Row> = found.items.into_iter().map(|task| Row::of(lang, task)).collect();
    let subject = rows.first().filter(|_| !filter.subject.is_empty());
    render(&ListPage {
        states: states(lang, &filter),
        attentions: attentions(lang, &filter),
        assignees: assignees(lang, &filter, &inspectors),
        checklists: checklist_choices(lang, &filter, &checklists),
        orders: orders(lang, &filter),
        subject: subject.map(|row| row.task.task.subject.name.clone()),
        narrowed: filter.is_narrowed(),
        first: if filter.cursor.is_empty() { String::new() } else { filter.address("") },
        next: found.next.map(|cursor| filter.address(&cursor)),
        p: signed_in.page,
        rows,
        filter,
    })
}

impl Filter {
    fn query(&self) -> Result<TaskQuery, ApiError> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(TaskQuery {
            state: some(&self.state).map(|state| state.parse()).transpose().map_err(|_| wrong("state"))?,
            assignee: some(&self.assignee),
            subject: some(&self.subject),
            checklist: some(&self.checklist),
            attention: named("attention", &self.attention)?,
            q: some(self.q.trim()),
            order: Some(named("order", &self.order)?.unwrap_or(Order::Newest)),
            cursor: some(&self.cursor),
            limit: Some(ROWS),
        })
    }

    fn is_narrowed(&self) -> bool {
        let narrowing =
            [&self.q, &self.state, &self.attention, &self.assignee, &self.checklist, &self.subject];
        narrowing.iter().any(|value| !value.trim().is_empty())
    }

    /// Whether what is folded away says something.
    fn narrows_further(&self) -> bool {
        [&self.assignee, &self.checklist, &self.order].iter().any(|value| !value.is_empty())
    }

    /// This list from a place on.
    fn address(&self, cursor: &str) -> String {
        let pairs = [
            ("q", self.q.trim()),
            ("state", &self.state),
            ("attention", &self.attention),
            ("assignee", &self.assignee),
            ("checklist", &self.checklist),
            ("subject", &self.subject),
            ("order", &self.order),
            ("cursor", cursor),
        ];
        let given = pairs.iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        if query.is_empty() { "/console/tasks".into() } else { format!("/console/tasks?{}", query.join("&")) }
    }
}

/// A stable name of the API's.
fn named<T: serde::de::DeserializeOwned>(field: &str, name: &str) -> Result<Option<T>, ApiError> {
    if name.is_empty() {
        return Ok(None);
    }
    serde_json::from_value(name.into()).map(Some).map_err(|_| wrong(field))
}

fn wrong(field: &str) -> ApiError {
    ApiError::bad_request("request.wrong_query", format!("{field}: no such choice"))
}

fn choice(chosen: &str, value: impl Into<String>, text: impl Into<String>) -> Choice {
    let value = value.into();
    Choice { chosen: value == chosen, text: text.into(), value }
}

fn states(lang: Lang, filter: &Filter) -> Vec<Choice> {
    let all = choice(&filter.state, "", lang.t("全部", "All"));
    let states = TaskState::ALL.into_iter();
    let named =
        states.map(|state| choice(&filter.state, state.as_str(), words::task_state(lang, state).text));
    std::iter::once(all).chain(named).collect()
}

fn attentions(lang: Lang, filter: &Filter) -> Vec<Choice> {
    let all = choice(&filter.attention, "", lang.t("全部", "All"));
    let named = words::ATTENTIONS.into_iter().map(|attention| {
        choice(&filter.attention, words::attention_name(attention), words::attention(lang, attention))
    });
    std::iter::once(all).chain(named).collect()
}

fn assignees(lang: Lang, filter: &Filter, inspectors: &[InspectorView]) -> Vec<Choice> {
    let all = choice(&filter.assignee, "", lang.t("全部", "All"));
    let named = inspectors.iter().map(|inspector| {
        choice(&filter.assignee, &inspector.account, format!("{} · {}", inspector.name, inspector.department))
    });
    std::iter::once(all).chain(named).collect()
}

fn checklist_choices(lang: Lang, filter: &Filter, checklists: &[ChecklistView]) -> Vec<Choice> {
    let all = choice(&filter.checklist, "", lang.t("全部", "All"));
    let mut sorted: Vec<&ChecklistView> = checklists.iter().collect();
    sorted.sort_by(|a, b| a.title.cmp(&b.title).then(b.version.cmp(&a.version)));
    let named = sorted.into_iter().map(|checklist| {
        choice(&filter.checklist, &checklist.hash, format!("{} v{}", checklist.title, checklist.version))
    });
    std::iter::once(all).chain(named).collect()
}

fn orders(lang: Lang, filter: &Filter) -> Vec<Choice> {
    let shown = if filter.order.is_empty() { "newest" } else { &filter.order };
    vec![
        choice(shown, "newest", lang.t("最新下达在前", "Newest first")),
        choice(shown, "due", lang.t("最早到期在前", "Due first")),
        choice(shown, "oldest", lang.t("最早下达在前", "Oldest first")),
    ]
}

impl Row {
    pub fn of(lang: Lang, task: TaskView) -> Self {
        let held = task.assignments.iter().filter(|assignment| assignment.left_leaf.is_none());
        let mut names: Vec<&str> = held.map(|assignment| assignment.person.name.as_str()).collect();
        if names.is_empty() {
            names = task.assignments.iter().map(|assignment| assignment.person.name.as_str()).collect();
        }
        Self {
            people: names.join(lang.t("、", ", ")),
            state: words::task_state(lang, task.task.state),
            flags: flags(lang, &task),
            task,
        }
    }
}

/// What is to be looked at, the most pressing first.
pub fn flags(lang: Lang, view: &TaskView) -> Vec<Flag> {
    let flag = |tone, text: String| Flag { tone, text };
    let mut flags = Vec::new();
    let progress = &view.progress;
    if progress.damaged {
        flags.push(flag("bad", lang.t("数据损坏", "Damaged").to_owned()));
    }
    if progress.open_conflicts > 0 {
        flags.push(flag("warn", format!("{} {}", progress.open_conflicts, lang.t("处分歧", "conflicts"))));
    }
    if is_overdue(view) {
        flags.push(flag("bad", lang.t("已逾期", "Overdue").to_owned()));
    }
    match view.task.review.as_ref().map(|review| review.outcome) {
        Some(ReviewOutcome::Returned) => flags.push(flag("warn", lang.t("已退回", "Returned").to_owned())),
        Some(ReviewOutcome::Accepted) => {
            flags.push(flag("good", lang.t("审核通过", "Accepted").to_owned()));
        }
        None => {}
    }
    let missing = progress.evidence_announced - progress.evidence_held;
    if missing > 0 {
        flags.push(flag("info", format!("{missing} {}", lang.t("份证据未到", "files to come"))));
    }
    flags
}

fn is_overdue(view: &TaskView) -> bool {
    let ended = matches!(view.task.state, TaskState::Done | TaskState::Recalled);
    let today = calendar::day(clock::now_ms());
    !ended && view.task.due_on.map(|day| day.to_string()).zip(today).is_some_and(|(due, today)| due < today)
}
