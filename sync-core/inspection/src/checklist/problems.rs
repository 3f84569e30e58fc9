//! Everything that is wrong with a checklist that a person handed in, item by item: who corrects three
//! hundred items wants to see all mistakes at once.

use super::{Checklist, Item};
use crate::{Refusal, codes};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Behind so many, the file is another one than was meant.
const PROBLEMS_MAX: usize = 200;

/// One mistake and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Place among the items, from 0; `None` for what is about the whole.
    pub item: Option<usize>,
    /// The item's code, as far as it has one.
    pub item_code: Option<String>,
    pub code: &'static str,
    pub detail: String,
}

/// What [`Checklist::from_json`] would refuse, all of it. Empty exactly when it refuses nothing.
pub fn problems(json: &[u8]) -> Vec<Problem> {
    let mut found = match serde_json::from_slice::<Value>(json) {
        Ok(Value::Object(mut fields)) => of_fields(&mut fields),
        Ok(_) => vec![whole("checklist.malformed", "not a JSON object".to_owned())],
        Err(error) => vec![whole("checklist.malformed", error.to_string())],
    };
    // What only shows on the whole, its size among others.
    if found.is_empty()
        && let Err(refusal) = Checklist::from_json(json)
    {
        found.push(whole(refusal.code, refusal.detail));
    }
    found.truncate(PROBLEMS_MAX);
    found
}

fn of_fields(fields: &mut Map<String, Value>) -> Vec<Problem> {
    let mut found = Vec::new();
    let items = match fields.insert("items".to_owned(), Value::Array(vec![sample()])) {
        Some(Value::Array(items)) => items,
        _ => {
            found.push(whole("checklist.malformed", "items: a list is missing".to_owned()));
            Vec::new()
        }
    };
    match serde_json::from_value::<Checklist>(Value::Object(fields.clone())) {
        Ok(head) => found.extend(head.check().err().map(|refusal| whole(refusal.code, refusal.detail))),
        Err(error) => found.push(whole("checklist.malformed", error.to_string())),
    }
    let mut codes = BTreeSet::new();
    for (at, item) in items.into_iter().enumerate().take(crate::limits::CHECKLIST_ITEMS_MAX) {
        let item_code = item.get("code").and_then(Value::as_str).map(str::to_owned);
        if let Some(refusal) = of_item(item, &mut codes) {
            found.push(Problem { item: Some(at), item_code, code: refusal.code, detail: refusal.detail });
        }
    }
    found
}

fn of_item(item: Value, codes: &mut BTreeSet<String>) -> Option<Refusal> {
    let item: Item = match serde_json::from_value(item) {
        Ok(item) => item,
        Err(error) => return Some(Refusal::new("checklist.malformed", error.to_string())),
    };
    if let Err(refusal) = item.check() {
        return Some(refusal);
    }
    let code = item.code.clone();
    (!codes.insert(item.code)).then(|| Refusal::new("checklist.duplicate_code", code))
}

/// Stands in for the items while the rest is looked at.
fn sample() -> Value {
    serde_json::json!({ "code": "1", "text": "1", "response": { "type": "bool" } })
}

fn whole(code: &'static str, detail: String) -> Problem {
    debug_assert!(codes::titles(code).is_some());
    Problem { item: None, item_code: None, code, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_at_its_item() {
        let json = br#"{ "code": "F", "version": 0, "title": "T", "items": [
            { "code": "1", "text": "fine", "response": { "type": "bool" } },
            { "code": "1", "text": "again", "response": { "type": "bool" } },
            { "code": "3", "text": " ", "response": { "type": "bool" } },
            { "code": "4", "text": "x", "response": { "type": "colour" } },
            { "code": "5", "text": "x", "response": { "type": "choice", "options": [] } } ] }"#;
        let found: Vec<_> = problems(json).into_iter().map(|known| (known.item, known.code)).collect();
        let expected = [
            (None, "checklist.bad_version"),
            (Some(1), "checklist.duplicate_code"),
            (Some(2), "checklist.empty_text"),
            (Some(3), "checklist.malformed"),
            (Some(4), "checklist.no_options"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_wrong_exactly_where_nothing_is_refused() {
        let good = br#"{ "code": "F", "version": 1, "title": "T",
            "items": [{ "code": "1", "text": "fine", "response": { "type": "bool" } }] }"#;
        assert!(problems(good).is_empty() && Checklist::from_json(good).is_ok());
        for bad in [&b"["[..], b"[]", b"{}", br#"{ "code": "F", "version": 1, "title": "T", "items": [] }"#] {
            assert!(!problems(bad).is_empty() && Checklist::from_json(bad).is_err());
        }
    }
}
