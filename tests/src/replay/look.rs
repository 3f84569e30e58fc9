//! Looking at a visit after the phone came back: is what was under way there or not?

use super::{
    compare::{self, EVIDENCE_KEYS, FINDING_KEYS, NOTE_KEYS},
    plan::{Finding, Save, Value},
    typed::Typed,
};
use anyhow::Result;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What there is in a visit, as far as a person compares it.
#[derive(Debug, Clone, Default)]
pub struct Look {
    responses: BTreeMap<String, Value>,
    remarks: BTreeMap<String, Value>,
    fields: BTreeMap<String, Value>,
    findings: Vec<Finding>,
    notes: Vec<Finding>,
    evidence: Vec<Finding>,
    /// Items on which people still disagree.
    open: Vec<String>,
    seals: usize,
    refusals: usize,
}

impl Look {
    /// As the phone shows it.
    pub fn at_view(view: &Json) -> Self {
        let count = |key: &str| view[key].as_array().map_or(0, Vec::len);
        let responses = view["responses"].as_array().into_iter().flatten();
        let open = responses.filter(|response| response["open_conflict"] == true);
        Self {
            responses: compare::values(&view["responses"], "item"),
            remarks: compare::values(&view["remarks"], "item"),
            fields: compare::values(&view["fields"], "field"),
            findings: compare::items(&view["findings"], FINDING_KEYS),
            notes: compare::items(&view["notes"], NOTE_KEYS),
            evidence: compare::items(&view["evidence"], EVIDENCE_KEYS),
            open: open.filter_map(|response| response["item"].as_str().map(str::to_owned)).collect(),
            seals: count("further_seals") + usize::from(!view["seal"].is_null()),
            refusals: count("refusals"),
        }
    }

    /// As it was typed on this phone and acknowledged.
    pub fn at_typed(typed: &Typed) -> Self {
        Self {
            responses: typed.responses(),
            remarks: typed.remarks.iter().map(|(item, text)| (item.clone(), Value::text(text))).collect(),
            fields: typed.fields.clone(),
            findings: typed.findings.clone(),
            notes: typed.notes.clone(),
            evidence: typed.evidence.clone(),
            open: Vec::new(),
            seals: usize::from(typed.seal.is_some()),
            refusals: usize::from(typed.refusal.is_some()),
        }
    }

    /// Whether two values stand beside each other on this item.
    pub fn is_open(&self, item: &str) -> bool {
        self.open.iter().any(|open| open == item)
    }

    /// How often what this save says is there.
    pub fn times(&self, save: &Save) -> Result<usize> {
        let is =
            |of: &BTreeMap<String, Value>, key: &str, value: &Value| usize::from(of.get(key) == Some(value));
        Ok(match save {
            // A step is recorded once, however often it is taken.
            Save::Claim => 0,
            Save::Answer { item, value } => is(&self.responses, item, value),
            Save::Remark { item, text } => is(&self.remarks, item, &Value::text(text)),
            Save::Field { field, value } => is(&self.fields, field, value),
            Save::Finding(finding) => alike(&self.findings, finding, !finding.contains_key("corrected")),
            Save::Correct { finding, corrected } => {
                let mut completed = finding.clone();
                completed.insert("corrected".to_owned(), Value::text(corrected));
                alike(&self.findings, &completed, false)
            }
            Save::Note { item, text } => {
                let texts = [("item", item), ("text", text)];
                let note = texts.map(|(key, text)| (key.to_owned(), Value::text(text))).into();
                alike(&self.notes, &note, false)
            }
            Save::Attach(exhibit) => {
                let hash = Value::Text(exhibit.photo.fingerprint()?.1.to_string());
                self.evidence.iter().filter(|evidence| evidence.get("blob") == Some(&hash)).count()
            }
            Save::Resolve { path, value } => {
                let item = path.trim_start_matches("responses/");
                if self.is_open(item) { 0 } else { is(&self.responses, item, value) }
            }
            Save::Seal { .. } => self.seals,
            Save::Refuse { .. } => self.refusals,
        })
    }
}

/// Findings with these fields and no others; whether they were corrected may be left open, because
/// it is said later.
fn alike(findings: &[Finding], wanted: &Finding, corrected_left_open: bool) -> usize {
    let same = |finding: &&Finding| {
        let mut finding = (*finding).clone();
        if corrected_left_open {
            finding.remove("corrected");
        }
        finding == *wanted
    };
    findings.iter().filter(same).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn finding() -> Finding {
        [("code".to_owned(), Value::text("7")), ("text".to_owned(), Value::text("soiled"))].into()
    }

    #[test]
    fn a_second_equal_finding_is_seen_although_the_first_was_completed() {
        let view = json!({"findings": [
            {"code": "7", "text": "soiled", "corrected": "Not required"},
            {"code": "7", "text": "soiled", "corrected": null},
        ]});
        let (add, correct) = (
            Save::Finding(finding()),
            Save::Correct { finding: finding(), corrected: "Not required".into() },
        );
        let mut typed = Typed::default();
        typed.record(0, &add).unwrap();
        typed.record(0, &correct).unwrap();
        let (shown, typed) = (Look::at_view(&view), Look::at_typed(&typed));
        assert_eq!((shown.times(&add).unwrap(), typed.times(&add).unwrap()), (2, 1));
        assert_eq!((shown.times(&correct).unwrap(), typed.times(&correct).unwrap()), (1, 1));
    }

    #[test]
    fn a_resolution_is_there_when_nothing_is_open() {
        let view = |open: bool| json!({"responses": [{"item": "7", "value": 2, "open_conflict": open}]});
        let resolve = Save::Resolve { path: "responses/7".into(), value: Value::Int(2) };
        assert_eq!(Look::at_view(&view(true)).times(&resolve).unwrap(), 0);
        assert_eq!(Look::at_view(&view(false)).times(&resolve).unwrap(), 1);
    }
}
