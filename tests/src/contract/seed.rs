//! What is there when the API is tried: everything it gives out exists at least once.

use crate::{
    demo::pictures,
    harness::{app, server::Server, supervisor::Api},
    replay::{
        generate::{self, ITEM, Size},
        office::{Issued, Office},
        photo::Photos,
        plan::{Choices, Plan},
    },
};
use anyhow::{Context, Result, ensure};
use liuhen_inspection::{record::SignerRole, visit::EvidenceSource};
use liuhen_mobile::{
    Client,
    records::{Assignee, EvidenceContent, NewEvidence, NewFinding, NewNote, Signer, Value},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, fs, path::Path};

pub const ROLES: [&str; 4] = ["inspector", "supervisor", "department_administrator", "auditor"];
pub const PASSWORD: &str = "a password for a trial";

/// Ids by kind of thing.
pub struct Seeded {
    pub ids: BTreeMap<&'static str, Vec<String>>,
}

/// Registers people and things, has two phones work on a visit, and one seal another.
pub fn seed(server: &Server, folder: &Path) -> Result<Seeded> {
    let admin = server.admin()?;
    for role in ROLES {
        let account = json!({
            "login": login(role), "password": PASSWORD, "name": role, "certificate_no": "1", "roles": [role],
        });
        admin.post("/api/v1/accounts", &account)?;
    }
    admin.post("/api/v1/departments", &json!({ "name": "城关所" }))?;
    let plan = plan(&folder.join("set"))?;
    let office = Office::open(&server.url(), &admin, &plan)?;
    let issued = office.issue(&plan.days[0].visits)?;
    work(server, folder, &office, &issued)?;
    collect(&Office::sign_in(&server.url())?, &admin)
}

/// The account that has this role and no other.
pub fn login(role: &str) -> String {
    format!("trial.{role}")
}

fn plan(folder: &Path) -> Result<Plan> {
    let size = Size { establishments: 4, inspections: 4, inspectors: 2, days: 1 };
    let choices = Choices { phones: 2, pair_percent: 100, photos: Photos::None, seed: 1 };
    generate::planned(folder, size, &choices)
}

/// Two phones disagree about one visit, and another is sealed.
fn work(server: &Server, folder: &Path, office: &Office, issued: &[Issued]) -> Result<()> {
    let mut phones = Vec::new();
    for (number, inspector) in office.inspectors.iter().enumerate().take(2) {
        let folder = folder.join(format!("phone{number}"));
        phones.push(app::enrolled(&folder, &server.url(), &inspector.login, &inspector.password)?);
    }
    let [disputed, sealed] = [&issued[0].visit, &issued[1].visit].map(Clone::clone);
    for (phone, value) in phones.iter().zip([1, 2]) {
        phone.answer(disputed.clone(), ITEM.to_owned(), Value::Int { value }, None)?;
    }
    let phone = &phones[0];
    let note = NewNote { text: "后门常开".to_owned(), item: None };
    phone.add_note(disputed.clone(), note, None)?;
    phone.add_finding(disputed.clone(), finding(), None)?;
    let photo = folder.join("kitchen.jpg");
    fs::write(&photo, pictures::draw("kitchen-1")?)?;
    phone.attach(disputed.clone(), evidence(&photo), None)?;
    phone.answer(sealed.clone(), ITEM.to_owned(), Value::Int { value: 3 }, None)?;
    phone.seal(sealed.clone(), signers(phone, &sealed)?, None)?;
    phones.iter().try_for_each(|phone| app::hand_in(phone))
}

fn finding() -> NewFinding {
    NewFinding {
        text: "过道堆放杂物".to_owned(),
        item: Some(ITEM.to_owned()),
        code: None,
        place: Some("后厨".to_owned()),
        days_to_correct: Some(5),
        due_on: None,
        corrected: None,
        corrected_on: None,
        correction: None,
    }
}

fn evidence(photo: &Path) -> NewEvidence {
    NewEvidence {
        content: EvidenceContent::File { path: photo.to_string_lossy().into_owned() },
        media_type: "image/jpeg".to_owned(),
        source: EvidenceSource::Camera,
        item: Some(ITEM.to_owned()),
        finding: None,
        caption: Some("现场".to_owned()),
        captured_at_ms: None,
        place: None,
    }
}

fn signers(phone: &Client, visit: &str) -> Result<Vec<Signer>> {
    let assignees = phone.visit(visit.to_owned())?.task.assignees;
    let signer = |assignee: Assignee| Signer {
        role: SignerRole::Inspector,
        name: assignee.name,
        account: Some(assignee.account),
        certificate_no: Some(assignee.certificate_no),
        signature: None,
    };
    Ok(assignees.into_iter().map(signer).collect())
}

fn collect(supervisor: &Api, admin: &Api) -> Result<Seeded> {
    let ids = |api: &Api, list: &str, key: &str| -> Result<Vec<String>> {
        let rows = api.list(&format!("/api/v1/{list}"))?;
        let ids: Vec<String> = rows.iter().filter_map(|row| row[key].as_str().map(str::to_owned)).collect();
        ensure!(!ids.is_empty(), "{list}: nothing was registered");
        Ok(ids)
    };
    let visits = ids(supervisor, "tasks", "visit")?;
    let mut evidence = Vec::new();
    for visit in &visits {
        let view: Json = supervisor.get(&format!("/api/v1/visits/{visit}"))?;
        let shown = view["evidence"].as_array().context("evidence")?;
        evidence.extend(shown.iter().filter_map(|one| one["blob"].as_str().map(str::to_owned)));
    }
    ensure!(!evidence.is_empty(), "no evidence was handed in");
    Ok(Seeded {
        ids: BTreeMap::from([
            ("accounts", ids(admin, "accounts", "id")?),
            ("checklists", ids(supervisor, "checklists", "hash")?),
            ("devices", ids(admin, "devices", "id")?),
            ("evidence", evidence),
            ("subjects", ids(supervisor, "subjects", "id")?),
            ("tasks", ids(supervisor, "tasks", "id")?),
            ("visits", visits),
        ]),
    })
}
