//! What will be done, before anything is done: subjects, one checklist, and for every day who types
//! what on which phone. Drawn from a seed, without any knowledge of the product.

use super::{
    photo::{Exhibit, Photo, Photos},
    set::{COUNTS, CitySet, Establishment, Inspection, Violation},
};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};
use time::Date;

/// A value as a person types it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Text(String),
}

impl Value {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A finding, by the names of its fields; absent fields are not typed.
pub type Finding = BTreeMap<String, Value>;

/// One thing an inspector does on a phone that is "saved" afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Save {
    Claim,
    Answer {
        item: String,
        value: Value,
    },
    Remark {
        item: String,
        text: String,
    },
    Field {
        field: String,
        value: Value,
    },
    Finding(Finding),
    /// Says of a finding that is there whether it was corrected, in words instead of yes or no.
    Correct {
        finding: Finding,
        corrected: String,
    },
    Note {
        item: String,
        text: String,
    },
    Attach(Exhibit),
    Resolve {
        path: String,
        value: Value,
    },
    /// The assigned inspectors sign, and the inspected party if it is named.
    Seal {
        party: Option<String>,
        /// Pictures of signatures by the signer's name, attached before.
        #[serde(default)]
        signatures: BTreeMap<String, PathBuf>,
    },
    /// The inspected party does not sign.
    Refuse {
        party: String,
        reason: String,
    },
}

/// What of a phone's saves shows on another one whatever becomes of the disagreement on this item.
pub fn undisputed(saves: &[Save], disputed: &str) -> Vec<Save> {
    let shows = |save: &&Save| match save {
        Save::Claim => false,
        Save::Answer { item, .. } => item != disputed,
        _ => true,
    };
    saves.iter().filter(shows).cloned().collect()
}

/// One visit with everything typed in it.
#[derive(Debug, Clone)]
pub struct VisitPlan {
    pub inspection: String,
    pub establishment: String,
    pub instructions: String,
    pub due_on: Date,
    /// The phone that claims and seals.
    pub lead: usize,
    pub lead_saves: Vec<Save>,
    pub pair: Option<Pair>,
    /// In this order, when everything else is typed.
    pub seal: Vec<Save>,
}

/// The second phone on a visit, and what the two do not agree on.
#[derive(Debug, Clone)]
pub struct Pair {
    pub partner: usize,
    pub partner_saves: Vec<Save>,
    pub item: String,
    pub lead_value: Value,
    pub partner_value: Value,
    /// Whether the lead's phone resolves, or the partner's.
    pub lead_resolves: bool,
    pub resolved: Value,
}

#[derive(Debug, Clone)]
pub struct DayPlan {
    pub date: Date,
    pub visits: Vec<VisitPlan>,
}

/// An item of the one checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPlan {
    pub code: String,
    pub text: String,
    pub legal_basis: Option<String>,
    pub answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// In order, or out of it.
    InOut,
    Int,
    Bool,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub subjects: Vec<Establishment>,
    pub items: Vec<ItemPlan>,
    /// One account for each phone: the inspectors whose work falls to it.
    pub accounts: Vec<String>,
    pub days: Vec<DayPlan>,
}

/// What the draw depends on.
#[derive(Debug, Clone)]
pub struct Choices {
    pub phones: usize,
    pub pair_percent: u64,
    pub photos: Photos,
    pub seed: u64,
}

/// The overall result of a visit.
pub const IN_COMPLIANCE: &str = "in_compliance";
/// The answer for a violated code.
pub const OUT: &str = "out";
/// The answer for a code that is kept.
pub const IN: &str = "in";
/// The record is refused about as often as this.
const REFUSALS_PERCENT: u64 = 5;

impl Plan {
    pub fn draw(set: &CitySet, choices: &Choices) -> Self {
        let mut random = Rng::with_seed(choices.seed);
        let inspectors: BTreeSet<&str> = set.inspections.iter().map(|row| row.inspector.as_str()).collect();
        let phone_of: BTreeMap<&str, usize> =
            inspectors.iter().enumerate().map(|(number, id)| (*id, number % choices.phones)).collect();
        let mut days: BTreeMap<Date, Vec<VisitPlan>> = BTreeMap::new();
        for (number, inspection) in set.inspections.iter().enumerate() {
            let violations = set.violations.get(&inspection.id).map_or(&[][..], Vec::as_slice);
            let lead = phone_of[inspection.inspector.as_str()];
            let photos = choices.photos.for_visit(number, choices.seed);
            let mut visit = visit(inspection, violations, lead, photos, &mut random);
            if choices.phones > 1 && random.u64(0..100) < choices.pair_percent {
                share(&mut visit, inspection, choices.phones, &mut random);
            }
            days.entry(inspection.date).or_default().push(visit);
        }
        let visited: BTreeSet<&str> = set.inspections.iter().map(|row| row.establishment.as_str()).collect();
        let subjects = set.establishments.iter().filter(|row| visited.contains(row.id.as_str()));
        Self {
            subjects: subjects.cloned().collect(),
            items: items(set),
            accounts: accounts(&phone_of, choices.phones),
            days: days.into_iter().map(|(date, visits)| DayPlan { date, visits }).collect(),
        }
    }

    pub fn visits(&self) -> impl Iterator<Item = &VisitPlan> {
        self.days.iter().flat_map(|day| &day.visits)
    }
}

/// An item code for a violation's code. Characters that no item code may have, and the underscore
/// that marks them, are written as `_` and two hex digits a byte, so that no two codes meet.
pub fn item_code(violation_code: &str) -> String {
    if violation_code.is_empty() {
        return "_".to_owned();
    }
    let escape = |byte: u8| match byte {
        b'.' | b'-' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("_{byte:02x}"),
    };
    violation_code.bytes().map(escape).collect()
}

fn accounts(phone_of: &BTreeMap<&str, usize>, phones: usize) -> Vec<String> {
    (0..phones)
        .map(|phone| {
            let ids: Vec<_> = phone_of.iter().filter(|(_, on)| **on == phone).map(|(id, _)| *id).collect();
            if ids.is_empty() { format!("reserve {phone}") } else { ids.join(", ") }
        })
        .collect()
}

/// All codes with their legal text, those that only violations use, and what is filled in overall.
fn items(set: &CitySet) -> Vec<ItemPlan> {
    let mut items = BTreeMap::new();
    for code in &set.codes {
        let title =
            if code.kind.is_empty() { code.code.clone() } else { format!("{} ({})", code.code, code.kind) };
        let legal_basis = Some(code.legal_text.clone()).filter(|text| !text.is_empty());
        let code = item_code(&code.code);
        items.insert(code.clone(), ItemPlan { code, text: title, legal_basis, answer: Answer::InOut });
    }
    for violation in set.violations.values().flatten() {
        let code = item_code(&violation.code);
        let text = if violation.code.is_empty() { "no code" } else { &violation.code };
        items.entry(code.clone()).or_insert_with(|| ItemPlan {
            code,
            text: text.to_owned(),
            legal_basis: None,
            answer: Answer::InOut,
        });
    }
    let overall = |code: &str, answer| ItemPlan {
        code: code.to_owned(),
        text: code.replace('_', " "),
        legal_basis: None,
        answer,
    };
    let counts = COUNTS.iter().map(|count| overall(count, Answer::Int));
    std::iter::once(overall(IN_COMPLIANCE, Answer::Bool)).chain(counts).chain(items.into_values()).collect()
}

fn visit(
    inspection: &Inspection,
    violations: &[Violation],
    lead: usize,
    photos: Vec<Photo>,
    random: &mut Rng,
) -> VisitPlan {
    let field = |field: &str, value| Save::Field { field: field.to_owned(), value };
    let answer = |item: &str, value| Save::Answer { item: item.to_owned(), value };
    let seal = |party| Save::Seal { party, signatures: BTreeMap::new() };
    let mut saves = vec![
        Save::Claim,
        field("started_at", Value::Text(format!("{}T09:00:00+08:00", super::dates::iso(inspection.date)))),
        field("identification_shown", Value::Bool(true)),
        field("recusal_asked", Value::Bool(true)),
    ];
    let violated: BTreeSet<String> = violations.iter().map(|violation| item_code(&violation.code)).collect();
    saves.extend(violated.iter().map(|item| answer(item, Value::text(OUT))));
    saves.extend(violations.iter().flat_map(findings));
    saves.extend(photos.into_iter().map(|photo| Save::Attach(photo.into())));
    saves.extend(COUNTS.iter().zip(inspection.counts).map(|(item, count)| answer(item, Value::Int(count))));
    saves.push(answer(IN_COMPLIANCE, Value::Bool(inspection.in_compliance)));
    if !inspection.in_compliance {
        let text = format!("{}: re-inspection needed", inspection.kind);
        saves.push(Save::Note { item: IN_COMPLIANCE.to_owned(), text });
        saves.push(Save::Remark { item: IN_COMPLIANCE.to_owned(), text: "不符合要求".to_owned() });
    }
    let refuses = random.u64(0..100) < REFUSALS_PERCENT;
    let party = format!("Person in charge of {}", inspection.establishment);
    VisitPlan {
        inspection: inspection.id.clone(),
        establishment: inspection.establishment.clone(),
        instructions: inspection.kind.clone(),
        due_on: inspection.date,
        lead,
        lead_saves: saves,
        pair: None,
        seal: match refuses {
            true => vec![seal(None), Save::Refuse { party, reason: "不认可检查结果".to_owned() }],
            false => vec![seal(Some(party))],
        },
    }
}

/// A finding, and what a form with yes and no has no room for. `place` is location and
/// sub-location; the item is the code as the checklist has it.
fn findings(violation: &Violation) -> Vec<Save> {
    let place = [violation.location.as_str(), violation.sub_location.as_str()];
    let place = place.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" / ");
    let mut fields = Finding::from([
        ("item".to_owned(), Value::Text(item_code(&violation.code))),
        ("text".to_owned(), Value::text(&violation.text)),
    ]);
    let texts = [("code", &violation.code), ("place", &place), ("correction", &violation.correction)];
    for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        fields.insert(key.to_owned(), Value::text(text));
    }
    if let Some(days) = violation.days_to_correct {
        fields.insert("days_to_correct".to_owned(), Value::Int(days));
    }
    if let Some(day) = violation.corrected_on {
        fields.insert("corrected_on".to_owned(), Value::Text(super::dates::iso(day)));
    }
    match violation.corrected.as_str() {
        "" => vec![Save::Finding(fields)],
        answer @ ("Yes" | "No") => {
            fields.insert("corrected".to_owned(), Value::Bool(answer == "Yes"));
            vec![Save::Finding(fields)]
        }
        words => {
            let correct = Save::Correct { finding: fields.clone(), corrected: words.to_owned() };
            vec![Save::Finding(fields), correct]
        }
    }
}

/// Gives about half of the work to a second phone, and one answer to both, with different values.
fn share(visit: &mut VisitPlan, inspection: &Inspection, phones: usize, random: &mut Rng) {
    let partner = (visit.lead + random.usize(1..phones)) % phones;
    let (item, lead_value, partner_value) = disagreement(inspection, random);
    let is_disputed = |save: &Save| matches!(save, Save::Answer { item: typed, .. } if *typed == item);
    let mut partner_saves = Vec::new();
    let mut kept = Vec::new();
    let mut is_shared = false;
    for save in std::mem::take(&mut visit.lead_saves) {
        is_shared = match save {
            // Whoever wrote the finding says what became of it.
            Save::Correct { .. } => is_shared,
            Save::Answer { .. } | Save::Finding(_) | Save::Attach(_) | Save::Note { .. } => {
                !is_disputed(&save) && random.bool()
            }
            _ => false,
        };
        if is_shared { &mut partner_saves } else { &mut kept }.push(save);
    }
    visit.lead_saves = kept;
    let disputed = Save::Answer { item: item.clone(), value: partner_value.clone() };
    // First or last, and never between a finding and what became of it.
    let at = if random.bool() { 0 } else { partner_saves.len() };
    partner_saves.insert(at, disputed);
    let lead_resolves = random.bool();
    let resolved = if random.bool() { lead_value.clone() } else { partner_value.clone() };
    let pair = Pair { partner, partner_saves, item, lead_value, partner_value, lead_resolves, resolved };
    visit.pair = Some(pair);
}

fn disagreement(inspection: &Inspection, random: &mut Rng) -> (String, Value, Value) {
    let at = random.usize(0..=COUNTS.len());
    match COUNTS.get(at) {
        Some(count) => {
            let counted = inspection.counts[at];
            ((*count).to_owned(), Value::Int(counted), Value::Int(counted + 1))
        }
        None => {
            let right = inspection.in_compliance;
            (IN_COMPLIANCE.to_owned(), Value::Bool(right), Value::Bool(!right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::generate::{self, Size};

    fn plan(phones: usize, pair_percent: u64, seed: u64) -> Plan {
        let folder = tempfile::tempdir().unwrap();
        generate::write(folder.path(), Size::default(), 7).unwrap();
        let set = CitySet::read(folder.path()).unwrap();
        Plan::draw(&set, &Choices { phones, pair_percent, photos: Photos::generated(1), seed })
    }

    fn typed(visit: &VisitPlan) -> impl Iterator<Item = &Save> {
        visit.lead_saves.iter().chain(visit.pair.iter().flat_map(|pair| &pair.partner_saves))
    }

    #[test]
    fn no_two_codes_meet_and_every_item_code_is_allowed() {
        let codes = ["3-501.16", "4-501.11(B)", "4-501.11_B", "a b", "a_20b", "", "冷"];
        let items: BTreeSet<_> = codes.iter().map(|code| item_code(code)).collect();
        assert_eq!(items.len(), codes.len());
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(items.iter().all(|item| !item.is_empty() && item.chars().all(allowed)), "{items:?}");
    }

    #[test]
    fn every_violation_is_typed_exactly_once_however_the_work_is_shared() {
        for pair_percent in [0, 100] {
            let plan = plan(3, pair_percent, 1);
            let findings = plan.visits().flat_map(typed).filter(|save| matches!(save, Save::Finding(_)));
            let folder = tempfile::tempdir().unwrap();
            generate::write(folder.path(), Size::default(), 7).unwrap();
            let set = CitySet::read(folder.path()).unwrap();
            assert_eq!(findings.count(), set.violations.values().map(Vec::len).sum::<usize>());
        }
    }

    #[test]
    fn a_pair_disagrees_on_one_item_and_only_there() {
        let plan = plan(3, 100, 1);
        for visit in plan.visits() {
            let pair = visit.pair.as_ref().expect("100 percent of the visits are shared");
            assert_ne!(pair.partner, visit.lead);
            assert_ne!(pair.lead_value, pair.partner_value);
            let mut items: Vec<_> = typed(visit)
                .filter_map(|save| if let Save::Answer { item, .. } = save { Some(item) } else { None })
                .collect();
            items.sort();
            let twice: Vec<_> = items.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
            assert_eq!(twice, [&pair.item]);
        }
    }

    #[test]
    fn one_seed_draws_one_plan_and_one_phone_never_pairs() {
        let shown = |plan: &Plan| format!("{:?}", plan.days);
        assert_eq!(shown(&plan(3, 50, 1)), shown(&plan(3, 50, 1)));
        assert_ne!(shown(&plan(3, 50, 1)), shown(&plan(3, 50, 2)));
        assert!(plan(1, 100, 1).visits().all(|visit| visit.pair.is_none()));
    }

    #[test]
    fn codes_that_nobody_lists_are_items_all_the_same() {
        let plan = plan(2, 0, 1);
        assert!(plan.items.iter().any(|item| item.code == "9-999.99" && item.legal_basis.is_none()));
        assert!(plan.items.iter().any(|item| item.code == "4-501.11_28B_29" && item.legal_basis.is_some()));
        assert!(plan.items.iter().any(|item| item.code == IN_COMPLIANCE && item.answer == Answer::Bool));
    }
}
