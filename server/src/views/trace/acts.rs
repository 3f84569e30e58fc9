//! What an act says, with people by name.

use super::Who;
use crate::{
    ApiError,
    store::{self, Connection},
};
use liuhen_trace::act::ActBody;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Lines of one act: a task that is given to as many people as it may have.
const LINES_MAX: usize = 128;
/// An account's id: a UUID in hex.
const ID_CHARS: usize = 32;

/// An act of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActView {
    /// What the act says of this visit or its task.
    pub lines: Vec<ActLine>,
    /// Rows of registers that it wrote.
    pub rows: usize,
}

/// One thing an act says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActLine {
    /// `reason`, `assignees`, `entries.seq` …
    pub name: String,
    pub text: String,
    /// The person, where the text is an account's id.
    pub person: Option<String>,
}

/// Accounts as the register has them now, each read once.
#[derive(Default)]
pub struct Names(BTreeMap<String, Option<Who>>);

impl Names {
    pub async fn who(&mut self, conn: &mut Connection, account: &str) -> Result<Option<Who>, ApiError> {
        if let Some(known) = self.0.get(account) {
            return Ok(known.clone());
        }
        let row = store::accounts::by_id(conn, account).await?;
        let who = row.map(|row| Who {
            account: row.id,
            name: row.name,
            certificate_no: row.certificate_no,
            device: None,
            desk: false,
        });
        self.0.insert(account.to_owned(), who.clone());
        Ok(who)
    }

    /// What an act says of a task; of acts about several tasks, this one's part.
    pub async fn act(
        &mut self,
        conn: &mut Connection,
        task: &str,
        body: &ActBody,
    ) -> Result<ActView, ApiError> {
        let mut lines = lines(&body.detail, task);
        for line in &mut lines {
            if line.text.len() == ID_CHARS {
                line.person = self.who(conn, &line.text).await?.map(|who| who.name);
            }
        }
        Ok(ActView { lines, rows: body.rows.len() })
    }
}

fn lines(detail: &str, task: &str) -> Vec<ActLine> {
    let mut lines = Vec::new();
    match serde_json::from_str::<Value>(detail) {
        Ok(Value::Object(fields)) => {
            for (name, value) in &fields {
                match (name.as_str(), value) {
                    ("tasks", Value::Array(tasks)) => {
                        let own = tasks.iter().filter(|other| other["task"] == task);
                        own.for_each(|own| flatten("", own, &mut lines));
                    }
                    _ => flatten(name, value, &mut lines),
                }
            }
        }
        Ok(other) => flatten("", &other, &mut lines),
        Err(_) => {}
    }
    lines.truncate(LINES_MAX);
    lines
}

fn flatten(name: &str, value: &Value, lines: &mut Vec<ActLine>) {
    let mut line = |text: String| lines.push(ActLine { name: name.to_owned(), text, person: None });
    match value {
        Value::Null => {}
        Value::String(text) => line(text.clone()),
        Value::Bool(_) | Value::Number(_) => line(value.to_string()),
        Value::Array(values) => values.iter().for_each(|value| flatten(name, value, lines)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&name, value, lines);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_act_about_many_tasks_only_this_one_is_told() {
        let detail = r#"{"tasks":[{"task":"a","assignees":["x","y"]},{"task":"b","assignees":["z"]}]}"#;
        let told: Vec<(String, String)> =
            lines(detail, "a").into_iter().map(|line| (line.name, line.text)).collect();
        let expected = [("assignees", "x"), ("assignees", "y"), ("task", "a")];
        assert_eq!(told, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        assert_eq!(lines("not JSON", "a"), []);
    }
}
