//! What is there when the API is tried: everything it gives out exists at least once.

use crate::{
    demo::pictures,
    harness::{server::Server, supervisor::Api},
    replay::{
        generate::{self, Size},
        office::{Issued, Office},
        photo::Photos,
        plan::{Choices, Plan},
        set::CitySet,
    },
};
use anyhow::{Context, Result, ensure};
use liuhen_inspection::{record::SignerRole, visit::EvidenceSource};
use liuhen_mobile::{
    Client,
    records::{Assignee, EvidenceContent, NewEnrolment, NewEvidence, NewFinding, NewNote, Signer, Value},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

pub const ROLES: [&str; 4] = ["inspector", "supervisor", "department_administrator", "auditor"];
pub const PASSWORD: &str = "a password for a trial";

/// An item every generated checklist has, answered with a number.
const ITEM: &str = "pcount";
/// More than any exchange here takes.
const SYNCHRONISATIONS_MAX: usize = 50;
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
    generate::write(folder, Size { establishments: 4, inspections: 4, inspectors: 2, days: 1 }, 1)?;
    let choices = Choices { phones: 2, pair_percent: 100, photos: Photos::None, seed: 1 };
    Ok(Plan::draw(&CitySet::read(folder)?, &choices))
}

/// Two phones disagree about one visit, and another is sealed.
fn work(server: &Server, folder: &Path, office: &Office, issued: &[Issued]) -> Result<()> {
    let mut phones = Vec::new();
    for (number, inspector) in office.inspectors.iter().enumerate().take(2) {
        let phone = Client::open(folder.join(format!("phone{number}")).to_string_lossy().into_owned())?;
        phone.enrol(NewEnrolment {
            server: server.url(),
            login: inspector.login.clone(),
            password: inspector.password.clone(),
            device_name: format!("phone {number}"),
        })?;
        hand_in(&phone)?;
        phones.push(phone);
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
    phones.iter().try_for_each(hand_in)
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

fn hand_in(phone: &Arc<Client>) -> Result<()> {
    for _ in 0..SYNCHRONISATIONS_MAX {
        let report = phone.synchronise(None)?;
        let status = phone.status()?;
        let left = status.unsent_entries + status.unsent_blobs;
        if !report.more && left == 0 && status.cursor == status.ledger_size {
            return Ok(());
        }
    }
    anyhow::bail!("something is left on the phone: {:?}", phone.status())
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
