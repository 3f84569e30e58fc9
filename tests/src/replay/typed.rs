//! What the driver typed and saw acknowledged: the only source of what must be there in the end.

use super::{
    photo::Exhibit,
    plan::{Finding, Save, Value},
};
use std::collections::BTreeMap;

/// Everything typed in one visit, whoever typed it.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// By item; each phone's last answer.
    answers: BTreeMap<String, BTreeMap<usize, Value>>,
    decided: BTreeMap<String, Value>,
    pub remarks: BTreeMap<String, String>,
    pub fields: BTreeMap<String, Value>,
    pub findings: Vec<Finding>,
    pub notes: Vec<Finding>,
    pub evidence: Vec<Finding>,
    pub seal: Option<Seal>,
    /// Why the party did not sign.
    pub refusal: Option<String>,
}

/// The visit was sealed; the party is among the signers when it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub party: Option<String>,
}

/// Two phones typed different values on one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// `responses/7`.
    pub path: String,
    pub values: Vec<Value>,
}

impl Typed {
    pub fn record(&mut self, phone: usize, save: &Save) -> anyhow::Result<()> {
        match save {
            Save::Claim => {}
            Save::Answer { item, value } => {
                self.answers.entry(item.clone()).or_default().insert(phone, value.clone());
            }
            Save::Remark { item, text } => {
                self.remarks.insert(item.clone(), text.clone());
            }
            Save::Field { field, value } => {
                self.fields.insert(field.clone(), value.clone());
            }
            Save::Finding(finding) => self.findings.push(finding.clone()),
            Save::Correct { finding, corrected } => {
                let known = self.findings.iter_mut().find(|known| *known == finding);
                let known = known.ok_or_else(|| anyhow::anyhow!("no such finding was typed: {finding:?}"))?;
                known.insert("corrected".to_owned(), Value::text(corrected));
            }
            Save::Note { item, text } => self.notes.push(BTreeMap::from([
                ("item".to_owned(), Value::text(item)),
                ("text".to_owned(), Value::text(text)),
            ])),
            Save::Attach(Exhibit { photo, .. }) => {
                let (size_bytes, hash) = photo.fingerprint()?;
                self.evidence.push(BTreeMap::from([
                    ("blob".to_owned(), Value::Text(hash.to_string())),
                    ("size_bytes".to_owned(), Value::Int(i64::try_from(size_bytes)?)),
                    ("media_type".to_owned(), Value::text(photo.media_type())),
                ]));
            }
            Save::Resolve { path, value } => {
                self.decided.insert(path.clone(), value.clone());
            }
            Save::Seal { party, .. } => self.seal = Some(Seal { party: party.clone() }),
            Save::Refuse { reason, .. } => self.refusal = Some(reason.clone()),
        }
        Ok(())
    }

    /// The value that must show for each item.
    pub fn responses(&self) -> BTreeMap<String, Value> {
        let shown = self.answers.iter().filter_map(|(item, by_phone)| {
            let decided = self.decided.get(&response_path(item));
            let value = decided.or_else(|| by_phone.values().next())?;
            Some((item.clone(), value.clone()))
        });
        shown.collect()
    }

    pub fn disagreements(&self) -> Vec<Disagreement> {
        let found = self.answers.iter().filter_map(|(item, by_phone)| {
            let mut values: Vec<_> = by_phone.values().cloned().collect();
            values.sort();
            values.dedup();
            (values.len() > 1).then(|| Disagreement { path: response_path(item), values })
        });
        found.collect()
    }
}

pub fn response_path(item: &str) -> String {
    format!("responses/{item}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disagreement_is_two_values_by_two_phones_and_the_decision_shows() {
        let mut typed = Typed::default();
        let answer = |value| Save::Answer { item: "7".into(), value: Value::Int(value) };
        for (phone, value) in [(0, 1), (0, 2), (1, 2)] {
            typed.record(phone, &answer(value)).unwrap();
        }
        assert!(typed.disagreements().is_empty(), "one phone changed its mind and the other agrees");
        typed.record(1, &answer(3)).unwrap();
        let values = vec![Value::Int(2), Value::Int(3)];
        assert_eq!(typed.disagreements(), [Disagreement { path: "responses/7".into(), values }]);
        typed.record(0, &Save::Resolve { path: "responses/7".into(), value: Value::Int(3) }).unwrap();
        assert_eq!(typed.responses()["7"], Value::Int(3));
    }
}
