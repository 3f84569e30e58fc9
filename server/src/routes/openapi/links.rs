//! What an answer leads to: whoever follows the description by program (a generated test, a browsable page)
//! learns from it that a list of tasks gives the ids that `/tasks/{task}` takes.

use super::members;
use serde_json::{Value, json};

/// An operation and its status, where in its body a name stands, what the name is called in paths, and the
/// operations that take it.
type Link = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const OF_ACCOUNT: &[&str] = &["show_account", "change_account", "remove_second_factor"];
const OF_CHECKLIST: &[&str] = &["show_checklist", "download_checklist"];
const OF_EVIDENCE: &[&str] = &["download_evidence", "show_thumbnail", "show_preview"];
const OF_SUBJECT: &[&str] = &["show_subject", "show_dossier", "change_subject"];
const OF_TASK: &[&str] = &["show_task", "list_task_steps", "reassign_task", "recall_task"];
const OF_VISIT: &[&str] = &[
    "show_visit",
    "trace_visit",
    "list_reviews",
    "review_visit",
    "list_evidence_of_visit",
    "resolve_conflict",
];

pub const LINKS: &[Link] = &[
    ("list_accounts", "200", "/items/0/id", "account", OF_ACCOUNT),
    ("create_account", "201", "/id", "account", OF_ACCOUNT),
    ("list_devices", "200", "/items/0/id", "device", &["revoke_device"]),
    ("enrol_device", "201", "/device", "device", &["revoke_device"]),
    ("list_checklists", "200", "/items/0/hash", "checklist", OF_CHECKLIST),
    ("register_checklist", "201", "/hash", "checklist", OF_CHECKLIST),
    ("list_subjects", "200", "/items/0/id", "subject", OF_SUBJECT),
    ("register_subjects", "201", "/items/0/id", "subject", OF_SUBJECT),
    ("list_tasks", "200", "/items/0/id", "task", OF_TASK),
    ("issue_tasks", "201", "/items/0/id", "task", OF_TASK),
    ("list_tasks", "200", "/items/0/visit", "visit", OF_VISIT),
    ("issue_tasks", "201", "/items/0/visit", "visit", OF_VISIT),
    ("list_conflicts", "200", "/items/0/visit", "visit", OF_VISIT),
    ("list_evidence_of_visit", "200", "/items/0/hash", "evidence", OF_EVIDENCE),
];

pub fn describe(document: &mut Value) {
    for (_, operations) in members(&mut document["paths"]) {
        for (_, operation) in members(operations) {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            for (_, status, place, name, targets) in LINKS.iter().filter(|(from, ..)| *from == id) {
                for target in *targets {
                    operation["responses"][*status]["links"][format!("{target}_by_{name}")] = json!({
                        "operationId": target,
                        "parameters": { *name: format!("$response.body#{place}") },
                    });
                }
            }
        }
    }
}
