//! Everything that is wrong with a checklist that a person handed in, item by item: who corrects three
//! hundred items wants to see all mistakes at once.

use super::{Checklist, Item, unmarked};
use crate::{Refusal, codes};
use serde::de::DeserializeOwned;
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
    let mut found = match serde_json::from_slice::<Value>(unmarked(json)) {
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
        Ok(head) => {
            let refused = head.check().and_then(|()| head.check_typed()).err();
            found.extend(refused.map(|refusal| whole(refusal.code, refusal.detail)));
        }
        Err(error) => {
            let example = serde_json::json!({ "code": "1", "version": 1, "title": "1", "items": [sample()] });
            let detail = misread::<Checklist>(fields, &example).unwrap_or_else(|| error.to_string());
            found.push(whole("checklist.malformed", detail));
        }
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
    let item: Item = match serde_json::from_value(item.clone()) {
        Ok(item) => item,
        Err(error) => {
            let members = item.as_object();
            let misread = members.and_then(|members| misread::<Item>(members, &sample()));
            return Some(Refusal::new("checklist.malformed", misread.unwrap_or_else(|| error.to_string())));
        }
    };
    if let Err(refusal) = item.check().and_then(|()| item.check_typed()) {
        return Some(refusal);
    }
    let code = item.code.clone();
    (!codes.insert(item.code)).then(|| Refusal::new("checklist.duplicate_code", code))
}

/// The first member that cannot be read, tried in an example that is otherwise right; `None` where one is
/// missing.
fn misread<T: DeserializeOwned>(members: &Map<String, Value>, example: &Value) -> Option<String> {
    members.iter().find_map(|(name, value)| {
        let mut tried = example.clone();
        tried[name.as_str()] = value.clone();
        let error = serde_json::from_value::<T>(tried).err()?.to_string();
        // That one names the member itself.
        Some(if error.starts_with("unknown field") { error } else { format!("{name}: {error}") })
    })
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
    fn a_member_that_cannot_be_read_is_named() {
        let json = br#"{ "code": "F", "version": "1", "title": "T", "items": [
            { "code": "1", "text": 5, "response": { "type": "bool" } },
            { "code": "2", "text": "x", "response": { "type": "choice", "options": ["a", 1] } },
            { "code": "3", "text": "x", "colour": 1, "response": { "type": "bool" } },
            { "code": "4", "text": "x" } ] }"#;
        let found: Vec<_> = problems(json).into_iter().map(|known| known.detail).collect();
        let begins =
            ["version: invalid", "text: invalid", "response: invalid", "unknown field `colour`", "missing"];
        assert_eq!(found.len(), begins.len(), "{found:?}");
        for (detail, begin) in found.iter().zip(begins) {
            assert!(detail.starts_with(begin), "{detail}");
        }
    }

    fn of_one(item: Value) -> Vec<&'static str> {
        let whole = serde_json::json!({ "code": "F", "version": 1, "title": "T", "items": [item] });
        let json = serde_json::to_vec(&whole).expect("JSON");
        let found: Vec<_> = problems(&json).into_iter().map(|known| known.code).collect();
        assert_eq!(found.is_empty(), Checklist::from_json(&json).is_ok());
        found
    }

    /// They would be lost: the derived reader passes over what a type without members is given.
    #[test]
    fn options_of_what_is_no_choice_are_refused() {
        for response in [
            serde_json::json!({ "type": "int", "options": ["1"] }),
            serde_json::json!({ "type": "bool", "unit": "C" }),
            serde_json::json!({ "type": "choice" }),
        ] {
            let item = serde_json::json!({ "code": "1", "text": "x", "response": response });
            assert_eq!(of_one(item), ["checklist.malformed"], "{response}");
        }
    }

    /// Some databases end a text at a NUL, and a line on a phone is one line.
    #[test]
    fn control_characters_and_codes_of_dots_are_refused_and_what_is_registered_stays_readable() {
        let item = |code: &str, text: &str, phrase: &str| {
            serde_json::json!({ "code": code, "text": text, "response": { "type": "bool" },
                "usual_phrases": [phrase] })
        };
        assert_eq!(of_one(item("1", "a\n\tb", "x")), [""; 0]);
        assert_eq!(of_one(item("1", "a\0b", "x")), ["checklist.control_character"]);
        assert_eq!(of_one(item("1", "a", "x\ny")), ["checklist.control_character"]);
        assert_eq!(of_one(item("..", "a", "x")), ["checklist.bad_code"]);
        let item: Item = serde_json::from_value(item("..", "a\0b", "x")).expect("an item");
        let older = Checklist { code: "F".into(), version: 1, title: "T".into(), items: vec![item] };
        assert_eq!(Checklist::from_bytes(&older.to_bytes()), Ok(older));
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let good = br#"{ "code": "F", "version": 1, "title": "T",
            "items": [{ "code": "1", "text": "fine", "response": { "type": "bool" } }] }"#;
        let marked = [b"\xEF\xBB\xBF", &good[..]].concat();
        assert!(problems(&marked).is_empty() && Checklist::from_json(&marked).is_ok());
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
