//! The made-up county: its people, registers, and what is planned for the day, from `tests/demo`.

use super::pictures;
use crate::replay::{
    photo::{Exhibit, Photo},
    pipe::Spot,
    plan::{Save, Value},
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use time::{Date, Duration};

const PEOPLE: &str = include_str!("../../demo/people.json");
const DAY: &str = include_str!("../../demo/day.json");

/// A checklist as it is registered.
pub const CHECKLISTS: [&str; 3] = [
    include_str!("../../demo/checklist-food.json"),
    include_str!("../../demo/checklist-lift.json"),
    include_str!("../../demo/checklist-fire.json"),
];

/// Tables of inspected parties, each with the key of the department that keeps it.
pub const SUBJECT_TABLES: [(&str, &str); 3] = [
    ("food", include_str!("../../demo/subjects-food.csv")),
    ("lift", include_str!("../../demo/subjects-lift.csv")),
    ("fire", include_str!("../../demo/subjects-fire.csv")),
];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// The one at the top comes first.
    pub departments: Vec<Department>,
    /// The administrator comes first.
    pub accounts: Vec<Person>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Department {
    pub key: String,
    pub name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub login: String,
    pub name: String,
    pub department: String,
    pub roles: Vec<String>,
    #[serde(default)]
    pub certificate_no: String,
    /// Works with a phone in the demo.
    #[serde(default)]
    pub phone: bool,
}

/// One task and everything that is done about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedVisit {
    pub key: String,
    /// Name of the inspected party.
    pub subject: String,
    /// Code of the checklist.
    pub checklist: String,
    pub instructions: String,
    pub due_in_days: i64,
    pub lead: String,
    pub partner: Option<String>,
    #[serde(default)]
    pub lead_saves: Vec<Save>,
    #[serde(default)]
    pub partner_saves: Vec<Save>,
    /// During these the lead's phone is killed.
    #[serde(default)]
    pub dying_saves: Vec<Save>,
    /// After it was opened again.
    #[serde(default)]
    pub rest_saves: Vec<Save>,
    pub disagreement: Option<Disagreement>,
    #[serde(default)]
    pub closing: Vec<Save>,
    pub seal: Option<PlannedSeal>,
    pub refusal: Option<Refusal>,
    pub review: Option<Review>,
    /// Typed after the seal.
    #[serde(default)]
    pub supplement: Vec<Save>,
    pub reassigned: Option<Reassignment>,
    /// Why the task is taken back.
    pub recalled: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disagreement {
    pub item: String,
    /// What the desk decides; absent where it is left to whoever opens the console.
    pub decision: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedSeal {
    pub party: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub party: String,
    pub reason: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reassignment {
    pub to: String,
    pub reason: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    pub by: String,
    pub outcome: String,
    pub opinion: String,
}

/// An inspected party's row, as far as the demo speaks of it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Party {
    pub code: String,
    pub spot: Spot,
}

#[derive(Debug, Clone)]
pub struct County {
    pub people: People,
    pub visits: Vec<PlannedVisit>,
    /// By name.
    pub parties: BTreeMap<String, Party>,
}

impl County {
    /// The plan for this day; files a visit names lie below `pictures`.
    pub fn read(today: Date, pictures: &Path) -> Result<Self> {
        let people: People = serde_json::from_str(PEOPLE).context("people.json")?;
        let day = with_dates(DAY, today)?;
        let mut visits: Vec<PlannedVisit> = serde_json::from_str(&day).context("day.json")?;
        for visit in &mut visits {
            visit.locate(pictures);
        }
        Ok(Self { people, visits, parties: parties()? })
    }

    pub fn person(&self, login: &str) -> Result<&Person> {
        let found = self.people.accounts.iter().find(|person| person.login == login);
        found.with_context(|| format!("nobody signs in as {login}"))
    }

    pub fn spot(&self, visit: &PlannedVisit) -> Result<Spot> {
        let party = self.parties.get(&visit.subject);
        Ok(party.with_context(|| format!("{} is in no table", visit.subject))?.spot)
    }

    /// Names of all files the visits speak of, signatures among them.
    pub fn pictures(&self) -> Result<Vec<String>> {
        let mut names = BTreeSet::new();
        for visit in &self.visits {
            let seal = self.seal(visit, Path::new(""))?;
            for save in visit.all_saves().chain(&seal) {
                if let Save::Attach(Exhibit { photo: Photo::File(path), .. }) = save {
                    names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The signatures of everybody who signs, then the seal; nothing where the visit stays open.
    pub fn seal(&self, visit: &PlannedVisit, pictures: &Path) -> Result<Vec<Save>> {
        let Some(PlannedSeal { party }) = &visit.seal else { return Ok(Vec::new()) };
        let mut signers = vec![self.person(&visit.lead)?.name.clone()];
        if let Some(partner) = &visit.partner {
            signers.push(self.person(partner)?.name.clone());
        }
        signers.extend(party.clone());
        let path = |signer: &String| pictures.join(pictures::signature_name(signer));
        let mut saves: Vec<Save> = signers
            .iter()
            .map(|signer| {
                let caption = Some(format!("签名：{signer}"));
                Save::Attach(Exhibit { caption, ..Photo::File(path(signer)).into() })
            })
            .collect();
        let signatures = signers.iter().map(|signer| (signer.clone(), path(signer))).collect();
        saves.push(Save::Seal { party: party.clone(), signatures });
        if let Some(Refusal { party, reason }) = &visit.refusal {
            saves.push(Save::Refuse { party: party.clone(), reason: reason.clone() });
        }
        Ok(saves)
    }
}

impl PlannedVisit {
    fn all_saves(&self) -> impl Iterator<Item = &Save> {
        let parts = [
            &self.lead_saves,
            &self.partner_saves,
            &self.dying_saves,
            &self.rest_saves,
            &self.closing,
            &self.supplement,
        ];
        parts.into_iter().flatten()
    }

    fn locate(&mut self, pictures: &Path) {
        let parts = [
            &mut self.lead_saves,
            &mut self.partner_saves,
            &mut self.dying_saves,
            &mut self.rest_saves,
            &mut self.closing,
            &mut self.supplement,
        ];
        for save in parts.into_iter().flatten() {
            if let Save::Attach(Exhibit { photo: Photo::File(path), .. }) = save {
                *path = pictures.join(&path);
            }
        }
    }

    /// Who leads in the end.
    pub fn held_by(&self) -> &String {
        self.reassigned.as_ref().map_or(&self.lead, |change| &change.to)
    }

    pub fn decision(&self) -> Option<(String, Value)> {
        let disagreement = self.disagreement.as_ref()?;
        Some((disagreement.item.clone(), Value::text(disagreement.decision.as_ref()?)))
    }
}

/// `{today}` and `{in 3 days}`, `{-200 days}` become dates.
fn with_dates(text: &str, today: Date) -> Result<String> {
    let mut dated = text.replace("{today}", &crate::replay::dates::iso(today));
    for (open, close) in [("{in ", " days}"), ("{-", " days}")] {
        while let Some(start) = dated.find(open) {
            let rest = &dated[start + open.len()..];
            let length = rest.find(close).with_context(|| format!("{open} without {close}"))?;
            let days: i64 = rest[..length].parse().with_context(|| rest[..length].to_owned())?;
            let days = if open == "{-" { -days } else { days };
            let end = start + open.len() + length + close.len();
            dated.replace_range(start..end, &crate::replay::dates::iso(today + Duration::days(days)));
        }
    }
    Ok(dated)
}

fn parties() -> Result<BTreeMap<String, Party>> {
    let mut parties = BTreeMap::new();
    for (_, table) in SUBJECT_TABLES {
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let headers = reader.headers()?.clone();
        let column = |name: &str| {
            let at = headers.iter().position(|header| header == name);
            at.with_context(|| format!("a table without {name}"))
        };
        let columns = [column("名称")?, column("统一社会信用代码")?, column("纬度")?, column("经度")?];
        for row in reader.records() {
            let row = row?;
            let [name, code, latitude, longitude] = columns.map(|at| row.get(at).unwrap_or(""));
            let spot = Spot { latitude: latitude.parse()?, longitude: longitude.parse()? };
            parties.insert(name.to_owned(), Party { code: code.to_owned(), spot });
        }
    }
    Ok(parties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_inspection::{checklist::Checklist, visit::VisitField};

    fn county() -> County {
        let today = time::macros::date!(2026 - 11 - 22);
        County::read(today, Path::new("pictures")).unwrap()
    }

    #[test]
    fn everything_the_day_speaks_of_is_in_the_registers() {
        let county = county();
        let checklists: Vec<Checklist> =
            CHECKLISTS.iter().map(|json| Checklist::from_json(json.as_bytes()).unwrap()).collect();
        for visit in &county.visits {
            assert!(county.parties.contains_key(&visit.subject), "{}", visit.subject);
            let checklist = checklists.iter().find(|checklist| checklist.code == visit.checklist).unwrap();
            for save in visit.all_saves() {
                match save {
                    Save::Answer { item, value } => {
                        let item = checklist.item(item).unwrap_or_else(|| panic!("{item}"));
                        let scalar = match value.clone() {
                            Value::Bool(value) => liuhen_engine::field::Scalar::Bool(value),
                            Value::Int(value) => liuhen_engine::field::Scalar::Int(value),
                            Value::Text(value) => liuhen_engine::field::Scalar::Text(value),
                        };
                        assert_eq!(item.response.flag(&scalar), None, "{}: {value:?}", item.code);
                    }
                    Save::Field { field, .. } => drop(field.parse::<VisitField>().unwrap()),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn dates_are_written_out() {
        let today = time::macros::date!(2026 - 11 - 22);
        let dated = with_dates("{today} {in 3 days} {-22 days}", today).unwrap();
        assert_eq!(dated, "2026-11-22 2026-11-25 2026-10-31");
        assert!(!county().pictures().unwrap().is_empty());
    }

    #[test]
    fn all_codes_but_two_have_the_check_digit_of_gb_32100() {
        const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
        const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
        let place = |c: char| ALPHABET.find(c).unwrap_or_else(|| panic!("{c} is in no code"));
        let county = county();
        assert_eq!(county.parties.len(), 62);
        let fits = |party: &&Party| {
            let places: Vec<usize> = party.code.chars().map(place).collect();
            let sum: usize = places.iter().zip(WEIGHTS).map(|(place, weight)| place * weight).sum();
            places.len() == 18 && (31 - sum % 31) % 31 == places[17]
        };
        assert_eq!(county.parties.values().filter(fits).count(), 60);
    }
}
