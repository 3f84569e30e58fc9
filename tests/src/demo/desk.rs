//! The office: accounts with their second factors, registers, dispatch, decisions and reviews, all over
//! the API.

use super::county::{CHECKLISTS, County, Person, PlannedVisit, Review, SUBJECT_TABLES};
use crate::{
    harness::{
        authenticator::Authenticator,
        server::Founder,
        supervisor::{Api, text},
    },
    replay::office::Issued,
};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Everybody's, in a county that does not exist.
pub const PASSWORD: &str = "qinghe-demo-2026";
/// Roles that cannot work without a second factor.
const GUARDED_ROLES: [&str; 3] = ["department_administrator", "supervisor", "auditor"];

/// What somebody needs to sign in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub login: String,
    pub name: String,
    pub department: String,
    pub roles: Vec<String>,
    /// Of the second factor, in base32.
    pub secret: Option<String>,
}

/// The county's people, signed in where they work at a desk.
pub struct Desk {
    base: String,
    seats: BTreeMap<String, Api>,
    ids: BTreeMap<String, String>,
    departments: BTreeMap<String, String>,
    checklists: BTreeMap<String, String>,
    subjects: BTreeMap<String, String>,
    authenticators: BTreeMap<String, Authenticator>,
    pub accounts: Vec<Account>,
}

/// What the import said of the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    pub rows: u64,
    pub warnings: u64,
}

/// The administrator is made by whoever has the server's folder.
pub fn founder(county: &County) -> Result<Founder<'_>> {
    let person = county.people.accounts.first().context("nobody administers the county")?;
    let department = &county.people.departments.first().context("no department")?.name;
    Ok(Founder { login: &person.login, password: PASSWORD, name: &person.name, department })
}

/// The one at the top was founded with the administrator; those below it are made. By key.
fn departments(admin: &Api, county: &County) -> Result<BTreeMap<String, String>> {
    let (top, below) = county.people.departments.split_first().context("no department")?;
    let current = admin.list("/api/v1/departments")?;
    let known = current.first().context("no department was founded")?;
    let mut ids = BTreeMap::from([(top.key.clone(), text(known, "id")?.to_owned())]);
    for department in below {
        let answer = admin.post("/api/v1/departments", &json!({ "name": department.name }))?;
        ids.insert(department.key.clone(), text(&answer, "id")?.to_owned());
    }
    Ok(ids)
}

impl Desk {
    /// Makes departments and accounts, and gives everybody who needs one a second factor.
    pub fn open(base: &str, county: &County) -> Result<Self> {
        let mut desk = Self {
            base: base.to_owned(),
            seats: BTreeMap::new(),
            ids: BTreeMap::new(),
            departments: BTreeMap::new(),
            checklists: BTreeMap::new(),
            subjects: BTreeMap::new(),
            authenticators: BTreeMap::new(),
            accounts: Vec::new(),
        };
        let (first, others) = county.people.accounts.split_first().context("nobody is there")?;
        desk.seat(first)?;
        desk.departments = departments(desk.api(&first.login)?, county)?;
        for person in others {
            desk.create(&first.login, person)?;
        }
        Ok(desk)
    }

    fn create(&mut self, admin: &str, person: &Person) -> Result<()> {
        let new = json!({
            "login": person.login, "password": PASSWORD, "name": person.name, "roles": person.roles,
            "certificate_no": person.certificate_no, "department": self.departments[&person.department],
        });
        let answer = self.api(admin)?.post("/api/v1/accounts", &new)?;
        self.ids.insert(person.login.clone(), text(&answer, "id")?.to_owned());
        self.seat(person)
    }

    /// Signs in whoever works at a desk, for the first time: with the password alone, which is good
    /// for nothing but setting up the second factor.
    fn seat(&mut self, person: &Person) -> Result<()> {
        let mut secret = None;
        if person.roles.iter().any(|role| GUARDED_ROLES.contains(&role.as_str())) {
            let api = Api::signed_in(&self.base, &person.login, PASSWORD)?;
            let refused = api.send("GET", "/api/v1/departments", &[], &[])?;
            ensure!(
                refused.code() == "session.second_factor_missing",
                "{} works without a second factor: {refused}",
                person.login
            );
            let factor = api.post("/api/v1/second-factor", &json!({}))?;
            let authenticator = Authenticator::new(text(&factor, "secret")?)?;
            let code = json!({ "code": authenticator.late_code()? });
            api.post("/api/v1/second-factor/confirmation", &code)?;
            let without = json!({ "login": person.login, "password": PASSWORD });
            let refused = Api::new(&self.base).try_post("/api/v1/sessions", &without)?;
            ensure!(
                refused.code() == "session.code_required",
                "{} signs in without a code: {refused}",
                person.login
            );
            secret = Some(authenticator.secret().to_owned());
            self.seats.insert(person.login.clone(), api);
            self.authenticators.insert(person.login.clone(), authenticator);
        }
        self.accounts.push(Account {
            login: person.login.clone(),
            name: person.name.clone(),
            department: person.department.clone(),
            roles: person.roles.clone(),
            secret,
        });
        Ok(())
    }

    /// For somebody who signs in elsewhere.
    pub fn fresh_code(&self, login: &str) -> Result<String> {
        let authenticator = self.authenticators.get(login);
        authenticator.with_context(|| format!("{login} has no second factor"))?.fresh_code()
    }

    pub fn api(&self, login: &str) -> Result<&Api> {
        self.seats.get(login).with_context(|| format!("{login} does not work at a desk"))
    }

    /// Fills the registers: inspected parties from their tables, and the checklists.
    pub fn register(&mut self, by: &str) -> Result<Imported> {
        let mut imported = Imported::default();
        for (department, table) in SUBJECT_TABLES {
            let department = &self.departments[department];
            let path = format!("/api/v1/imports/subjects?department={department}");
            let tried = self.hand_in(by, &format!("{path}&dry_run=true"), table)?;
            ensure!(tried["outcome"] == "dry_run", "the table of {department}: {tried}");
            let report = self.hand_in(by, &path, table)?;
            ensure!(report["outcome"] == "imported", "the table of {department}: {report}");
            let count = |key: &str| report["counts"][key].as_u64().unwrap_or(0);
            imported.rows += count("new");
            imported.warnings += count("warnings");
        }
        for subject in self.api(by)?.list("/api/v1/subjects")? {
            let (name, id) = (text(&subject, "name")?.to_owned(), text(&subject, "id")?.to_owned());
            self.subjects.insert(name, id);
        }
        let mut registered = BTreeMap::new();
        for checklist in CHECKLISTS {
            let checklist: Json = serde_json::from_str(checklist)?;
            let answer = self.api(by)?.post("/api/v1/checklists", &checklist)?;
            registered.insert(text(&checklist, "code")?.to_owned(), text(&answer, "hash")?.to_owned());
        }
        self.checklists = registered;
        Ok(imported)
    }

    fn hand_in(&self, by: &str, path: &str, table: &str) -> Result<Json> {
        let headers = [("content-type", "text/csv")];
        Ok(self.api(by)?.send("POST", path, &headers, table.as_bytes())?.json())
    }

    /// Issues tasks in one act.
    pub fn issue(&self, by: &str, visits: &[(&PlannedVisit, String)]) -> Result<Vec<Issued>> {
        let task = |(visit, due_on): &(&PlannedVisit, String)| {
            let people = std::iter::once(&visit.lead).chain(&visit.partner);
            let assignees: Vec<&String> = people.map(|login| &self.ids[login]).collect();
            json!({
                "subject": self.subjects[&visit.subject], "checklist": self.checklists[&visit.checklist],
                "assignees": assignees, "instructions": visit.instructions, "due_on": due_on,
            })
        };
        let tasks: Vec<Json> = visits.iter().map(task).collect();
        let answer = self.api(by)?.post("/api/v1/tasks", &Json::Array(tasks))?;
        let issued = answer["items"].as_array().context("no tasks came back")?.iter().map(|task| {
            let [task, visit] = [text(task, "id")?, text(task, "visit")?].map(str::to_owned);
            Ok(Issued { task, visit })
        });
        issued.collect()
    }

    pub fn recall(&self, by: &str, issued: &Issued, reason: &str) -> Result<()> {
        let path = format!("/api/v1/tasks/{}/recall", issued.task);
        self.api(by)?.post(&path, &json!({ "reason": reason }))?;
        Ok(())
    }

    /// The task goes from the one who led to another; the partner stays.
    pub fn reassign(&self, by: &str, issued: &Issued, visit: &PlannedVisit, reason: &str) -> Result<()> {
        let path = format!("/api/v1/tasks/{}/assignment", issued.task);
        let people = std::iter::once(visit.held_by()).chain(&visit.partner);
        let assignees: Vec<&String> = people.map(|login| &self.ids[login]).collect();
        let body = json!({ "assignees": assignees, "reason": reason });
        self.api(by)?.post(&path, &body)?;
        Ok(())
    }

    pub fn review(&self, issued: &Issued, review: &Review) -> Result<()> {
        let path = format!("/api/v1/visits/{}/reviews", issued.visit);
        let body = json!({ "outcome": review.outcome, "opinion": review.opinion });
        self.api(&review.by)?.post(&path, &body)?;
        Ok(())
    }

    pub fn conflicts(&self, by: &str) -> Result<Vec<Json>> {
        self.api(by)?.list("/api/v1/conflicts")
    }

    /// Decides a disagreement, having seen all values that stand beside each other.
    pub fn resolve(&self, by: &str, issued: &Issued, path: &str, value: &Json) -> Result<Json> {
        let open = self.conflicts(by)?;
        let conflict = open.iter().find(|row| row["visit"] == *issued.visit && row["path"] == *path);
        let values =
            conflict.and_then(|row| row["values"].as_array()).context("no such conflict is listed")?;
        let seen: Vec<&Json> = values.iter().map(|claim| &claim["change"]).collect();
        let body = json!({ "path": path, "value": value, "seen": seen });
        self.api(by)?.post(&format!("/api/v1/visits/{}/resolutions", issued.visit), &body)
    }

    pub fn task(&self, by: &str, issued: &Issued) -> Result<Json> {
        self.api(by)?.get(&format!("/api/v1/tasks/{}", issued.task))
    }

    pub fn visit(&self, by: &str, issued: &Issued) -> Result<Json> {
        self.api(by)?.get(&format!("/api/v1/visits/{}", issued.visit))
    }
}
