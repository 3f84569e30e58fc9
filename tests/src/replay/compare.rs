//! What was typed against what the supervisor's API shows, field by field.

use super::{
    plan::{Finding, Value},
    typed::Typed,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a comparison found. The lines are for people; each counts once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub missing: u64,
    pub duplicated: u64,
    pub differing: u64,
    pub lines: Vec<String>,
}

impl Tally {
    pub fn missing(&mut self, what: impl AsRef<str>) {
        self.missing += 1;
        self.lines.push(format!("missing: {}", what.as_ref()));
    }

    pub fn duplicated(&mut self, what: impl AsRef<str>) {
        self.duplicated += 1;
        self.lines.push(format!("duplicated: {}", what.as_ref()));
    }

    pub fn differing(&mut self, what: impl AsRef<str>) {
        self.differing += 1;
        self.lines.push(format!("differing: {}", what.as_ref()));
    }

    pub fn add(&mut self, other: Tally) {
        self.missing += other.missing;
        self.duplicated += other.duplicated;
        self.differing += other.differing;
        self.lines.extend(other.lines);
    }

    pub fn is_clean(&self) -> bool {
        self.missing + self.duplicated + self.differing == 0
    }

    /// Scalars by key: what was typed must show, and nothing else may.
    fn keyed(&mut self, what: &str, typed: &BTreeMap<String, Value>, shown: &BTreeMap<String, Value>) {
        for (key, value) in typed {
            match shown.get(key) {
                None => self.missing(format!("{what}/{key}: {value:?}")),
                Some(other) if other != value => {
                    self.differing(format!("{what}/{key}: typed {value:?}, shown {other:?}"));
                }
                Some(_) => {}
            }
        }
        for (key, value) in shown.iter().filter(|(key, _)| !typed.contains_key(*key)) {
            self.differing(format!("{what}/{key}: nobody typed {value:?}"));
        }
    }

    /// Items without an order. Equal ones pair up first, then the most alike; what is left is
    /// missing or there too often.
    fn unordered(&mut self, what: &str, typed: &[Finding], shown: Vec<Finding>) {
        let mut left_shown = shown;
        let mut left_typed = Vec::new();
        for item in typed {
            match left_shown.iter().position(|other| other == item) {
                Some(at) => drop(left_shown.swap_remove(at)),
                None => left_typed.push(item),
            }
        }
        for item in left_typed {
            let alike =
                |other: &Finding| item.iter().filter(|(key, value)| other.get(*key) == Some(value)).count();
            let nearest = (0..left_shown.len()).max_by_key(|at| alike(&left_shown[*at]));
            match nearest {
                Some(at) => {
                    let other = left_shown.swap_remove(at);
                    self.differing(format!("{what}: typed {item:?}, shown {other:?}"));
                }
                None => self.missing(format!("{what}: {item:?}")),
            }
        }
        for item in left_shown {
            self.duplicated(format!("{what}: {item:?}"));
        }
    }
}

/// One visit as the API returns it.
pub fn visit(name: &str, typed: &Typed, view: &Json) -> Tally {
    let mut tally = Tally::default();
    let of = |part: &str| format!("visit {name} {part}");
    tally.keyed(&of("responses"), &typed.responses(), &values(&view["responses"], "item"));
    let remarks = typed.remarks.iter().map(|(item, text)| (item.clone(), Value::text(text))).collect();
    tally.keyed(&of("remarks"), &remarks, &values(&view["remarks"], "item"));
    tally.keyed(&of("fields"), &typed.fields, &values(&view["fields"], "field"));
    tally.unordered(&of("findings"), &typed.findings, items(&view["findings"], FINDING_KEYS));
    tally.unordered(&of("notes"), &typed.notes, items(&view["notes"], NOTE_KEYS));
    tally.unordered(&of("evidence"), &typed.evidence, items(&view["evidence"], EVIDENCE_KEYS));
    seal(&of("seal"), typed, view, &mut tally);
    tally
}

pub const FINDING_KEYS: &[&str] = &[
    "item",
    "code",
    "place",
    "text",
    "days_to_correct",
    "due_on",
    "corrected",
    "corrected_on",
    "correction",
];
pub const NOTE_KEYS: &[&str] = &["item", "text"];
/// Only what the person gave; when and how the file came to be is the phone's word.
pub const EVIDENCE_KEYS: &[&str] = &["blob", "size_bytes", "media_type"];

fn seal(what: &str, typed: &Typed, view: &Json, tally: &mut Tally) {
    let shown = &view["seal"];
    let further = view["further_seals"].as_array().map_or(0, Vec::len);
    (0..further).for_each(|_| tally.duplicated(what));
    match &typed.seal {
        None if !shown.is_null() => tally.differing(format!("{what}: nobody sealed")),
        None => {}
        Some(_) if shown.is_null() => tally.missing(what),
        Some(_) if shown["valid"] != true => {
            tally.differing(format!("{what}: not valid: {}", shown["problem"]))
        }
        Some(seal) => {
            if let Some(party) = seal.party.as_ref().filter(|party| !contains_text(shown, party)) {
                tally.differing(format!("{what}: {party:?} is not among the signers"));
            }
        }
    }
    let reasons: Vec<Finding> = typed.refusal.iter().map(|reason| reason_of(Value::text(reason))).collect();
    tally.unordered(&format!("{what} refusal"), &reasons, items(&view["refusals"], &["reason"]));
}

fn reason_of(reason: Value) -> Finding {
    BTreeMap::from([("reason".to_owned(), reason)])
}

/// Whether the text stands anywhere in the value.
fn contains_text(json: &Json, text: &str) -> bool {
    match json {
        Json::String(string) => string == text,
        Json::Array(items) => items.iter().any(|item| contains_text(item, text)),
        Json::Object(fields) => fields.values().any(|item| contains_text(item, text)),
        _ => false,
    }
}

/// A list of `{<key>: name, "value": scalar}`.
pub fn values(list: &Json, key: &str) -> BTreeMap<String, Value> {
    let listed = list.as_array().into_iter().flatten();
    listed.filter_map(|item| Some((item[key].as_str()?.to_owned(), scalar(&item["value"])?))).collect()
}

/// A list of objects, narrowed to these keys; `null` is absent.
pub fn items(list: &Json, keys: &[&str]) -> Vec<Finding> {
    let narrowed = |item: &Json| {
        keys.iter().filter_map(|key| Some(((*key).to_owned(), scalar(&item[*key])?))).collect::<Finding>()
    };
    list.as_array().into_iter().flatten().map(narrowed).collect()
}

/// Nothing for `null`; what is no scalar is kept as its text, so that it differs.
pub fn scalar(json: &Json) -> Option<Value> {
    match json {
        Json::Null => None,
        Json::Bool(yes) => Some(Value::Bool(*yes)),
        Json::String(text) => Some(Value::text(text)),
        Json::Number(number) => {
            Some(number.as_i64().map_or_else(|| Value::Text(number.to_string()), Value::Int))
        }
        other => Some(Value::Text(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::plan::Save;
    use serde_json::json;

    fn typed() -> Typed {
        let mut typed = Typed::default();
        let finding = |place: &str| {
            let fields = [("code", Value::text("7")), ("place", Value::text(place))];
            Save::Finding(fields.map(|(key, value)| (key.to_owned(), value)).into())
        };
        let saves = [
            Save::Answer { item: "a".into(), value: Value::Int(1) },
            Save::Answer { item: "b".into(), value: Value::Bool(true) },
            finding("bar"),
            finding("bar"),
            finding("kitchen"),
            Save::Seal { party: Some("Li".into()), signatures: BTreeMap::new() },
        ];
        saves.iter().for_each(|save| typed.record(0, save).unwrap());
        typed
    }

    fn view() -> Json {
        let finding = |place: &str| json!({"id": "x", "code": "7", "place": place, "text": null});
        json!({
            "responses": [{"item": "a", "value": 1}, {"item": "b", "value": true}],
            "remarks": [], "fields": [], "notes": [], "evidence": [], "refusals": [],
            "findings": [finding("kitchen"), finding("bar"), finding("bar")],
            "seal": {"valid": true, "signers": [{"name": "Li"}]},
        })
    }

    #[track_caller]
    fn counts(view: &Json, missing: u64, duplicated: u64, differing: u64) {
        let tally = visit("1", &typed(), view);
        let lines = tally.lines.join("\n");
        assert_eq!(
            (tally.missing, tally.duplicated, tally.differing),
            (missing, duplicated, differing),
            "{lines}"
        );
    }

    #[test]
    fn what_was_typed_in_any_order_is_clean() {
        counts(&view(), 0, 0, 0);
    }

    #[test]
    fn one_altered_value_is_one_difference() {
        for (pointer, value) in [("/responses/0/value", json!(2)), ("/findings/0/place", json!("roof"))] {
            let mut view = view();
            *view.pointer_mut(pointer).unwrap() = value;
            counts(&view, 0, 0, 1);
        }
    }

    #[test]
    fn what_is_gone_is_missing_and_what_is_there_twice_is_duplicated() {
        let mut gone = view();
        gone["findings"].as_array_mut().unwrap().pop();
        gone["responses"].as_array_mut().unwrap().pop();
        counts(&gone, 2, 0, 0);
        let mut twice = view();
        let finding = twice["findings"][0].clone();
        twice["findings"].as_array_mut().unwrap().push(finding);
        counts(&twice, 0, 1, 0);
    }

    #[test]
    fn a_seal_without_the_party_is_told() {
        let mut view = view();
        view["seal"]["signers"][0]["name"] = json!("Wang");
        counts(&view, 0, 0, 1);
        view["further_seals"] = json!([{}]);
        counts(&view, 0, 1, 1);
        view["seal"] = Json::Null;
        view["further_seals"] = json!([]);
        counts(&view, 1, 0, 0);
    }
}
