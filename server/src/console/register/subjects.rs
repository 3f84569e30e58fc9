//! Inspected parties: the list, one's dossier, registering and changing one, and the register as a file.

use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, authorise},
        registry::subjects::{self, NewSubject, PlaceChange, SubjectChange},
    },
    console::{
        Fields, Lang, Listing, Page, SignedIn, casework,
        form::{self, Faults},
        page::{after, encode, new_once, render},
        people::Departments,
        words::{self, Badge},
    },
    routes::extract::{Path, Query},
    views::{
        self,
        exports::ExportQuery,
        subjects::{DossierFinding, DossierTask, SubjectQuery, SubjectVersion, SubjectView},
    },
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

const PLACES: &[(&str, &str)] =
    &[("text.empty", "name"), ("subject.bad_place", "latitude"), ("department.unknown", "department")];
/// Rows on a page.
const ROWS: i64 = 50;

#[derive(Template)]
#[template(path = "register/subjects.html")]
struct SubjectsPage {
    p: Page,
    q: String,
    rows: Vec<SubjectView>,
    departments: Departments,
    first: String,
    next: Option<String>,
    exports: String,
    may_register: bool,
}

#[derive(Template)]
#[template(path = "register/subject.html")]
struct SubjectPage {
    p: Page,
    subject: SubjectView,
    department: String,
    place: Option<String>,
    visits: Vec<VisitRow>,
    has_more_visits: bool,
    findings: Vec<FindingRow>,
    has_more_findings: bool,
    open_corrections: i64,
    versions: Vec<Version>,
    may_change: bool,
    may_dispatch: bool,
}

/// A task with its visit and what came of it.
struct VisitRow {
    task: String,
    visit: String,
    checklist: String,
    state: Badge,
    assignees: String,
    issued_at_ms: i64,
    due_on: String,
    answered: i64,
    items: i64,
    /// What is counted is not known.
    damaged: bool,
    findings: usize,
    open_corrections: i64,
    review: Option<Badge>,
}

struct FindingRow {
    visit: String,
    text: String,
    code: String,
    place: String,
    due_on: String,
    /// What is said of the correction, or when it was.
    corrected: String,
    recorded: bool,
    open: bool,
}

/// What the register said before it was changed.
struct Version {
    until_ms: i64,
    by: String,
    was: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "register/subject_form.html")]
struct FormPage {
    p: Page,
    /// The one that is changed; a new one otherwise.
    subject: Option<String>,
    fields: Fields,
    faults: Faults,
    departments: Departments,
    once: String,
}

pub async fn list(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Query(listing): Query<Listing>,
) -> Result<Response, ApiError> {
    let q = listing.q.unwrap_or_default();
    let query = SubjectQuery { q: Some(q.clone()), cursor: listing.cursor.clone(), limit: Some(ROWS) };
    let mut conn = state.store.read().await?;
    let list = views::subjects::list(&mut conn, signed_in.actor(), query).await?;
    let departments = Departments::load(&mut conn, signed_in.actor()).await?;
    let (p, here) = (signed_in.page, format!("/console/subjects?q={}", encode(&q)));
    render(&SubjectsPage {
        rows: list.items,
        departments,
        first: if listing.cursor.is_some() { here.clone() } else { String::new() },
        next: list.next.map(|cursor| format!("{here}&cursor={cursor}")),
        exports: format!("/console/subjects/export?q={}&format=", encode(&q)),
        may_register: p.may(Action::ManageRegister),
        q,
        p,
    })
}

pub async fn export(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    Ok(views::exports::subjects(&state, signed_in.actor(), query).await?.into_response())
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let dossier = views::subjects::dossier(&mut conn, signed_in.actor(), &id).await?;
    let departments = Departments::load(&mut conn, signed_in.actor()).await?;
    drop(conn);
    let department = departments.name(&dossier.subject.department).to_owned();
    let may = |action| authorise(signed_in.actor(), action, &dossier.subject.department).is_ok();
    let place = dossier.subject.latitude.zip(dossier.subject.longitude);
    let lang = signed_in.page.lang;
    render(&SubjectPage {
        may_change: may(Action::ManageRegister),
        may_dispatch: may(Action::DispatchTasks),
        p: signed_in.page,
        department,
        place: place.map(|(latitude, longitude)| format!("{latitude:.5}, {longitude:.5}")),
        visits: dossier.tasks.into_iter().map(|task| visit_row(lang, task, &dossier.findings)).collect(),
        has_more_visits: dossier.has_more_tasks,
        findings: dossier.findings.iter().map(|known| finding_row(lang, known)).collect(),
        has_more_findings: dossier.has_more_findings,
        open_corrections: dossier.open_corrections,
        versions: versions(lang, &dossier.versions),
        subject: dossier.subject,
    })
}

pub async fn new(State(state): State<AppState>, signed_in: SignedIn) -> Result<Response, ApiError> {
    let own = signed_in.actor().account.department.clone();
    authorise(signed_in.actor(), Action::ManageRegister, &own)?;
    form_page(&state, signed_in, None, Fields::from([("department", own)]), Faults::none()).await
}

pub async fn register(
    State(state): State<AppState>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let place = match place_of(lang, &fields) {
        Ok(place) => place,
        Err(faults) => return form_page(&state, signed_in, None, fields, faults).await,
    };
    let text = |name: &str| fields.get(name).to_owned();
    let new = NewSubject {
        department: fields.given("department"),
        name: text("name"),
        address: text("address"),
        code: text("code"),
        category: text("category"),
        legal_representative: text("legal_representative"),
        phone: text("phone"),
        latitude: place.map(|(latitude, _)| latitude),
        longitude: place.map(|(_, longitude)| longitude),
        source_datum: None,
    };
    let actor = fields.once_actor(signed_in.actor(), "POST /console/subjects/new")?;
    match subjects::register(&state, &actor, vec![new]).await {
        Ok(rows) => {
            let id = rows.first().map(|row| row.id.clone()).unwrap_or_default();
            Ok(after(&format!("/console/subjects/{id}"), "saved").into_response())
        }
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(lang, &error, PLACES);
            form_page(&state, signed_in, None, fields, faults).await
        }
        Err(error) => Err(error),
    }
}

pub async fn edit(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let known = views::subjects::show(&mut conn, signed_in.actor(), &id).await?;
    drop(conn);
    authorise(signed_in.actor(), Action::ManageRegister, &known.department)?;
    let degrees = |degrees: Option<f64>| degrees.map(|degrees| degrees.to_string()).unwrap_or_default();
    let fields = Fields::from([
        ("name", known.name),
        ("code", known.code),
        ("address", known.address),
        ("category", known.category),
        ("legal_representative", known.legal_representative),
        ("phone", known.phone),
        ("latitude", degrees(known.latitude)),
        ("longitude", degrees(known.longitude)),
    ]);
    form_page(&state, signed_in, Some(id), fields, Faults::none()).await
}

pub async fn change(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let lang = signed_in.page.lang;
    let place = match place_of(lang, &fields) {
        Ok(Some((latitude, longitude))) => PlaceChange::Moved { latitude, longitude },
        Ok(None) => PlaceChange::Removed,
        Err(faults) => return form_page(&state, signed_in, Some(id), fields, faults).await,
    };
    let mut conn = state.store.read().await?;
    let known = views::subjects::show(&mut conn, signed_in.actor(), &id).await?;
    drop(conn);
    let stays = match place {
        PlaceChange::Removed => known.latitude.is_none(),
        PlaceChange::Moved { latitude, longitude } => {
            known.latitude == Some(latitude) && known.longitude == Some(longitude)
        }
    };
    let text = |name: &str| Some(fields.get(name).to_owned());
    let change = SubjectChange {
        name: text("name"),
        address: text("address"),
        code: text("code"),
        category: text("category"),
        legal_representative: text("legal_representative"),
        phone: text("phone"),
        // A place that stays keeps what it was given in.
        place: (!stays).then_some(place),
    };
    let actor = fields.once_actor(signed_in.actor(), &format!("POST /console/subjects/{id}/edit"))?;
    match subjects::change(&state, &actor, &id, change).await {
        Ok(_) => Ok(after(&format!("/console/subjects/{id}"), "saved").into_response()),
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(lang, &error, PLACES);
            form_page(&state, signed_in, Some(id), fields, faults).await
        }
        Err(error) => Err(error),
    }
}

async fn form_page(
    state: &AppState,
    signed_in: SignedIn,
    subject: Option<String>,
    fields: Fields,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let departments = Departments::load(&mut conn, signed_in.actor()).await?;
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = FormPage { p: signed_in.page, subject, fields, faults, departments, once: new_once() };
    Ok((status, render(&page)?).into_response())
}

/// Both degrees, or none.
fn place_of(lang: Lang, fields: &Fields) -> Result<Option<(f64, f64)>, Faults> {
    let mut faults = Faults::none();
    let mut degrees = |name: &'static str| {
        let typed = fields.given(name)?;
        let read = typed.parse::<f64>().ok();
        if read.is_none() {
            faults.at(name, lang.t("请填写十进制度数，如 31.2304", "Decimal degrees, such as 31.2304"));
        }
        read
    };
    let (latitude, longitude) = (degrees("latitude"), degrees("longitude"));
    if faults.is_empty() && latitude.is_some() != longitude.is_some() {
        faults.at("latitude", lang.t("经度和纬度须同时填写", "Latitude and longitude come together"));
    }
    if faults.is_empty() { Ok(latitude.zip(longitude)) } else { Err(faults) }
}

fn visit_row(lang: Lang, known: DossierTask, findings: &[DossierFinding]) -> VisitRow {
    let task = &known.task.task;
    let visit = task.visit.to_string();
    let names: Vec<&str> = task.assignees.iter().map(|assignee| assignee.name.as_str()).collect();
    VisitRow {
        task: task.id.to_string(),
        checklist: task.checklist.title.clone(),
        state: words::task_state(lang, task.state),
        assignees: names.join("、"),
        issued_at_ms: task.issued_at_ms,
        due_on: task.due_on.map(|due| due.to_string()).unwrap_or_default(),
        answered: known.task.progress.answered,
        items: known.task.progress.items,
        damaged: known.task.progress.damaged,
        findings: findings.iter().filter(|finding| finding.visit == visit).count(),
        open_corrections: known.open_corrections,
        review: known.reviews.last().map(|review| Badge {
            tone: if review.outcome == "accepted" { "good" } else { "warn" },
            text: casework::words::outcome(lang, &review.outcome),
        }),
        visit,
    }
}

fn finding_row(lang: Lang, known: &DossierFinding) -> FindingRow {
    let text = |value| casework::words::value_or_blank(lang, value);
    FindingRow {
        visit: known.visit.clone(),
        text: text(&known.finding.text),
        code: text(&known.finding.code),
        place: text(&known.finding.place),
        due_on: text(&known.finding.due_on),
        corrected: match known.finding.corrected.as_text() {
            Some(said) => said.to_owned(),
            None => text(&known.finding.corrected_on),
        },
        recorded: !known.finding.corrected.is_null() || !known.finding.corrected_on.is_null(),
        open: known.open,
    }
}

/// Earlier versions, each with what was different from the one after it.
fn versions(lang: Lang, known: &[SubjectVersion]) -> Vec<Version> {
    let earlier = known.windows(2).map(|pair| {
        let (next, was) = (&pair[0].subject, &pair[1].subject);
        let parts = [
            (lang.t("名称", "Name"), &was.name, &next.name),
            (lang.t("代码", "Code"), &was.code, &next.code),
            (lang.t("地址", "Address"), &was.address, &next.address),
            (lang.t("类别", "Category"), &was.category, &next.category),
            (
                lang.t("法定代表人", "Legal representative"),
                &was.legal_representative,
                &next.legal_representative,
            ),
            (lang.t("电话", "Phone"), &was.phone, &next.phone),
        ];
        let differs = parts.into_iter().filter(|(_, was, next)| was != next);
        Version {
            until_ms: pair[1].until_ms.unwrap_or_default(),
            by: pair[1].replaced_by.clone().unwrap_or_default(),
            was: differs.map(|(name, was, _)| (name, was.clone())).collect(),
        }
    });
    earlier.collect()
}
