//! What the supervisor does over the API: registers, dispatches, and reads everything back.

use super::{
    plan::{Answer, IN, OUT, Plan, VisitPlan},
    set::Establishment,
};
use crate::harness::supervisor::{Api, Reply, text};
use anyhow::{Context, Result, ensure};
use liuhen_trace::BlobHash;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const SUPERVISOR: &str = "supervisor";
/// A password as long as the server asks for; the replay's own.
const PASSWORD: &str = "one password for a replay";
/// The server takes 5,000 in one act.
const SUBJECTS_PER_REQUEST: usize = 2_000;

/// An inspector as the phones sign in.
#[derive(Debug, Clone)]
pub struct Inspector {
    pub account: String,
    pub login: String,
    pub password: String,
}

pub struct Office {
    api: Api,
    pub inspectors: Vec<Inspector>,
    /// From establishment to subject.
    subjects: BTreeMap<String, String>,
    checklist: String,
}

/// A task that was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    pub task: String,
    pub visit: String,
}

impl Office {
    /// Makes the accounts and registers everything the plan speaks of.
    pub fn open(server: &str, admin: &Api, plan: &Plan) -> Result<Self> {
        let supervisor = json!({
            "login": SUPERVISOR, "password": PASSWORD, "name": "Supervisor 督察员",
            "roles": ["supervisor", "department_administrator"],
        });
        admin.post("/api/v1/accounts", &supervisor).context("the supervisor's account")?;
        let api = Self::sign_in(server)?;
        let mut inspectors = Vec::new();
        for (number, name) in plan.accounts.iter().enumerate() {
            inspectors.push(inspector(&api, number, name)?);
        }
        let mut subjects = BTreeMap::new();
        for batch in plan.subjects.chunks(SUBJECTS_PER_REQUEST) {
            let new: Vec<Json> = batch.iter().map(subject).collect();
            let answer = api.post("/api/v1/subjects", &Json::Array(new))?;
            for (establishment, subject) in batch.iter().zip(items(&answer)?) {
                subjects.insert(establishment.id.clone(), text(subject, "id")?.to_owned());
            }
        }
        let answer = api.post("/api/v1/checklists", &checklist(plan))?;
        let checklist = text(&answer, "hash")?.to_owned();
        Ok(Self { api, inspectors, subjects, checklist })
    }

    /// The supervisor, at a server that may have been started again since.
    pub fn sign_in(server: &str) -> Result<Api> {
        Api::signed_in(server, SUPERVISOR, PASSWORD)
    }

    /// After a restore, which ends all sign-ins.
    pub fn sign_in_again(&mut self, server: &str) -> Result<()> {
        self.api = Self::sign_in(server)?;
        Ok(())
    }

    /// Issues the tasks of a day in one act.
    pub fn issue(&self, visits: &[VisitPlan]) -> Result<Vec<Issued>> {
        let new: Vec<Json> = visits.iter().map(|visit| self.task(visit)).collect();
        let answer = self.api.post("/api/v1/tasks", &Json::Array(new))?;
        let issued = items(&answer)?.iter().map(|task| {
            let [task, visit] = [text(task, "id")?, text(task, "visit")?].map(str::to_owned);
            Ok(Issued { task, visit })
        });
        let issued = issued.collect::<Result<Vec<_>>>()?;
        ensure!(issued.len() == visits.len(), "{} tasks asked for, {} issued", visits.len(), issued.len());
        Ok(issued)
    }

    fn task(&self, visit: &VisitPlan) -> Json {
        let phones = std::iter::once(visit.lead).chain(visit.pair.as_ref().map(|pair| pair.partner));
        let assignees: Vec<&str> = phones.map(|phone| self.inspectors[phone].account.as_str()).collect();
        json!({
            "subject": self.subjects[&visit.establishment],
            "checklist": self.checklist,
            "assignees": assignees,
            "instructions": visit.instructions,
            "due_on": super::dates::iso(visit.due_on),
        })
    }

    pub fn visit(&self, visit: &str) -> Result<Reply> {
        self.api.get_bytes(&format!("/api/v1/visits/{visit}"))
    }

    pub fn evidence(&self, blob: BlobHash) -> Result<Reply> {
        self.api.get_bytes(&format!("/api/v1/evidence/{blob}"))
    }

    pub fn tasks(&self) -> Result<Vec<Json>> {
        self.api.list("/api/v1/tasks")
    }

    pub fn subjects(&self) -> Result<Vec<Json>> {
        self.api.list("/api/v1/subjects")
    }

    pub fn conflicts(&self) -> Result<Vec<Json>> {
        self.api.list("/api/v1/conflicts")
    }
}

fn inspector(api: &Api, number: usize, name: &str) -> Result<Inspector> {
    let login = format!("inspector-{number}");
    let new = json!({
        "login": login, "password": PASSWORD, "name": format!("Inspector {name}"),
        "certificate_no": format!("C-{:05}", number + 1), "roles": ["inspector"],
    });
    let answer = api.post("/api/v1/accounts", &new).with_context(|| format!("account {login}"))?;
    Ok(Inspector { account: text(&answer, "id")?.to_owned(), login, password: PASSWORD.to_owned() })
}

/// A register's row, as the comparison looks at it again in the end.
pub fn subject(establishment: &Establishment) -> Json {
    let degrees = |e7: i64| e7 as f64 / 1e7;
    let (latitude, longitude) = establishment.place_e7.unzip();
    json!({
        "code": establishment.id,
        "name": establishment.name,
        "address": establishment.address,
        "category": establishment.category,
        "latitude": latitude.map(degrees),
        "longitude": longitude.map(degrees),
    })
}

fn checklist(plan: &Plan) -> Json {
    let item = |item: &super::plan::ItemPlan| {
        let response = match item.answer {
            Answer::InOut => json!({ "type": "choice", "options": [IN, OUT] }),
            Answer::Int => json!({ "type": "int" }),
            Answer::Bool => json!({ "type": "bool" }),
        };
        let mut shown = json!({ "code": item.code, "text": item.text, "response": response });
        if let Some(basis) = &item.legal_basis {
            shown["legal_basis"] = json!(basis);
        }
        shown
    };
    let items: Vec<Json> = plan.items.iter().map(item).collect();
    json!({ "code": "food-service", "version": 1, "title": "餐饮服务检查 Food service", "items": items })
}

fn items(answer: &Json) -> Result<&Vec<Json>> {
    answer["items"].as_array().with_context(|| format!("the answer has no items: {answer}"))
}
