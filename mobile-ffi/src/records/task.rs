//! Tasks and checklists as the app shows them.

use liuhen_device::TaskSummary;
use liuhen_inspection::{
    checklist,
    task::{self, ReviewOutcome, TaskState},
};

#[uniffi::remote(Enum)]
pub enum TaskState {
    Issued,
    Delivered,
    Opened,
    Claimed,
    Done,
    Recalled,
}

#[uniffi::remote(Enum)]
pub enum ReviewOutcome {
    Accepted,
    Returned,
}

/// A task on this phone.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Task {
    pub id: String,
    /// What the calls on a visit take.
    pub visit: String,
    pub subject: Subject,
    pub checklist_hash: String,
    pub checklist_title: String,
    pub checklist_version: u32,
    pub instructions: String,
    pub due_on: Option<String>,
    /// As the server last said; this phone's own steps are in `opened` and `claimed`.
    pub state: TaskState,
    pub assignees: Vec<Assignee>,
    pub issued_at_ms: i64,
    pub review: Option<Review>,
    /// This phone has recorded that the person looked at it.
    pub opened: bool,
    /// This phone has recorded that the person took it on.
    pub claimed: bool,
    /// The checklist is here: the visit can be filled in.
    pub ready: bool,
    /// The task is with others now: it shows until everything written here is handed in.
    pub left: bool,
}

/// The inspected party.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Subject {
    pub id: String,
    pub name: String,
    pub address: String,
    pub code: Option<String>,
    pub legal_representative: Option<String>,
    pub phone: Option<String>,
    pub category: Option<String>,
    /// WGS-84, degrees × 10⁷.
    pub latitude_e7: Option<i32>,
    /// WGS-84, degrees × 10⁷.
    pub longitude_e7: Option<i32>,
}

/// Somebody who is assigned.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Assignee {
    pub account: String,
    pub name: String,
    pub certificate_no: String,
    pub department: String,
}

/// A supervisor's word on the sealed record.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Review {
    pub outcome: ReviewOutcome,
    pub comment: String,
    pub reviewer: String,
    pub at_ms: i64,
}

/// The checklist of a visit.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Checklist {
    pub hash: String,
    pub code: String,
    pub version: u32,
    pub title: String,
    pub items: Vec<ChecklistItem>,
}

/// One item of a checklist.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ChecklistItem {
    pub code: String,
    pub text: String,
    pub how_to_check: Option<String>,
    pub legal_basis: Option<String>,
    pub penalty_basis: Option<String>,
    pub response: ResponseType,
    /// Sentences to pick from instead of typing.
    pub usual_phrases: Vec<String>,
}

/// What an item is answered with.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ResponseType {
    /// One of the options, as text.
    Choice {
        options: Vec<String>,
    },
    Int,
    Text,
    Bool,
    /// Text such as `2026-11-21`.
    Date,
}

impl From<TaskSummary> for Task {
    fn from(summary: TaskSummary) -> Self {
        let TaskSummary { visit, task, opened, claimed, ready, left } = summary;
        Self {
            id: task.id.0,
            visit: visit.to_string(),
            subject: task.subject.into(),
            checklist_hash: task.checklist.hash.to_string(),
            checklist_title: task.checklist.title,
            checklist_version: task.checklist.version,
            instructions: task.instructions,
            due_on: task.due_on.map(|day| day.to_string()),
            state: task.state,
            assignees: task.assignees.into_iter().map(Assignee::from).collect(),
            issued_at_ms: task.issued_at_ms,
            review: task.review.map(Review::from),
            opened,
            claimed,
            ready,
            left,
        }
    }
}

impl From<task::Subject> for Subject {
    fn from(subject: task::Subject) -> Self {
        Self {
            id: subject.id.0,
            name: subject.name,
            address: subject.address,
            code: subject.code,
            legal_representative: subject.legal_representative,
            phone: subject.phone,
            category: subject.category,
            latitude_e7: subject.latitude_e7,
            longitude_e7: subject.longitude_e7,
        }
    }
}

impl From<task::Assignee> for Assignee {
    fn from(assignee: task::Assignee) -> Self {
        let task::Assignee { account, name, certificate_no, department } = assignee;
        Self { account: account.0, name, certificate_no, department }
    }
}

impl From<task::Review> for Review {
    fn from(review: task::Review) -> Self {
        let task::Review { outcome, comment, reviewer, at_ms } = review;
        Self { outcome, comment, reviewer, at_ms }
    }
}

impl From<checklist::Checklist> for Checklist {
    fn from(checklist: checklist::Checklist) -> Self {
        let hash = checklist.hash().to_string();
        let checklist::Checklist { code, version, title, items } = checklist;
        Self { hash, code, version, title, items: items.into_iter().map(ChecklistItem::from).collect() }
    }
}

impl From<checklist::Item> for ChecklistItem {
    fn from(item: checklist::Item) -> Self {
        Self {
            code: item.code,
            text: item.text,
            how_to_check: item.how_to_check,
            legal_basis: item.legal_basis,
            penalty_basis: item.penalty_basis,
            response: item.response.into(),
            usual_phrases: item.usual_phrases,
        }
    }
}

impl From<checklist::ResponseType> for ResponseType {
    fn from(response: checklist::ResponseType) -> Self {
        match response {
            checklist::ResponseType::Choice { options } => ResponseType::Choice { options },
            checklist::ResponseType::Int => ResponseType::Int,
            checklist::ResponseType::Text => ResponseType::Text,
            checklist::ResponseType::Bool => ResponseType::Bool,
            checklist::ResponseType::Date => ResponseType::Date,
        }
    }
}
