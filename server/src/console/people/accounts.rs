//! Accounts of one's departments: list, create, change, deactivate, new password, new second factor.

use super::Departments;
use crate::{
    ApiError, AppState,
    acts::access::{
        Action, Role, Roles,
        accounts::{self, AccountChange, AccountState, NewAccount},
        authorise, second_factor,
    },
    console::{
        Fields, Listing, Page, SignedIn, form,
        form::Faults,
        page::{after, new_once, render},
        words::{self, Badge},
    },
    routes::extract::{Path, Query},
    views::{self, accounts::AccountView},
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// Codes of refusals with the field of the form they are about.
const PLACES: &[(&str, &str)] = &[
    ("account.login_taken", "login"),
    ("account.bad_login", "login"),
    ("account.certificate_missing", "certificate_no"),
    ("account.no_role", "roles"),
    ("department.unknown", "department"),
    ("password.too_short", "password"),
    ("password.too_long", "password"),
    ("text.empty", "name"),
];
const ROLES: [Role; 4] = [Role::Inspector, Role::Supervisor, Role::DepartmentAdministrator, Role::Auditor];

#[derive(Template)]
#[template(path = "people/accounts.html")]
struct AccountsPage {
    p: Page,
    rows: Vec<Row>,
    departments: Departments,
    first: &'static str,
    next: Option<String>,
    may_manage: bool,
}

#[derive(Template)]
#[template(path = "people/account_new.html")]
struct NewPage {
    p: Page,
    fields: Fields,
    faults: Faults,
    roles: Vec<RoleChoice>,
    departments: Departments,
    once: String,
}

#[derive(Template)]
#[template(path = "people/account.html")]
struct AccountPage {
    p: Page,
    row: Row,
    fields: Fields,
    faults: Faults,
    roles: Vec<RoleChoice>,
    departments: Departments,
    once: String,
    may_manage: bool,
    own: bool,
}

/// An account in words.
struct Row {
    view: AccountView,
    roles: Vec<&'static str>,
    state: Badge,
    active: bool,
}

/// A role that can be given, by its stable name.
struct RoleChoice {
    name: String,
    word: &'static str,
    means: &'static str,
    checked: bool,
}

pub async fn list(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Query(listing): Query<Listing>,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let list = views::accounts::list(&mut conn, signed_in.actor(), &listing.paging()).await?;
    let departments = Departments::load(&mut conn, signed_in.actor()).await?;
    let p = signed_in.page;
    render(&AccountsPage {
        rows: list.items.into_iter().map(|view| row(&p, view)).collect(),
        departments,
        first: if listing.cursor.is_some() { "/console/accounts" } else { "" },
        next: list.next.map(|cursor| format!("/console/accounts?cursor={cursor}")),
        may_manage: p.may(Action::ManageAccounts),
        p,
    })
}

pub async fn new(State(state): State<AppState>, signed_in: SignedIn) -> Result<Response, ApiError> {
    authorise(signed_in.actor(), Action::ManageAccounts, &signed_in.actor().account.department)?;
    let fields = Fields::from([("department", signed_in.actor().account.department.clone())]);
    new_page(&state, signed_in, fields, Faults::none()).await
}

pub async fn create(
    State(state): State<AppState>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, ApiError> {
    let new = NewAccount {
        login: fields.get("login").to_owned(),
        password: fields.get("password").to_owned(),
        name: fields.get("name").to_owned(),
        certificate_no: fields.get("certificate_no").to_owned(),
        department: fields.given("department"),
        roles: roles_of(&fields),
    };
    let actor = fields.once_actor(signed_in.actor(), "POST /console/accounts")?;
    match accounts::create(&state, &actor, new).await {
        Ok(row) => Ok(after(&format!("/console/accounts/{}", row.id), "account_created").into_response()),
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(signed_in.page.lang, &error, PLACES);
            new_page(&state, signed_in.shown_at("/console/accounts/new"), fields, faults).await
        }
        Err(error) => Err(error),
    }
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
) -> Result<Response, ApiError> {
    account_page(&state, signed_in, &id, None, Faults::none()).await
}

/// Name, certificate, department and roles; only what differs from what stands there is asked for.
pub async fn change(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let before = views::accounts::show(&mut conn, signed_in.actor(), &id).await?;
    drop(conn);
    let differs = |name: &str, known: &str| {
        let typed = fields.get(name).trim();
        (typed != known).then(|| typed.to_owned())
    };
    let roles = roles_of(&fields);
    let change = AccountChange {
        name: differs("name", &before.name),
        certificate_no: differs("certificate_no", &before.certificate_no),
        department: fields.given("department").filter(|department| *department != before.department),
        roles: (fields.has("with_roles", "yes") && roles != before.roles).then_some(roles),
        ..AccountChange::default()
    };
    apply(&state, signed_in, &id, fields, change, "saved").await
}

pub async fn change_state(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let (to, done) = match fields.get("to") {
        "active" => (AccountState::Active, "activated"),
        "inactive" => (AccountState::Inactive, "deactivated"),
        other => return Err(ApiError::bad_request("request.wrong_form", format!("no state {other:?}"))),
    };
    let change = AccountChange { state: Some(to), ..AccountChange::default() };
    apply(&state, signed_in, &id, fields, change, done).await
}

pub async fn reset_password(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let change =
        AccountChange { password: Some(fields.get("password").to_owned()), ..AccountChange::default() };
    apply(&state, signed_in, &id, fields, change, "password_reset").await
}

pub async fn reset_second_factor(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path,
    fields: Fields,
) -> Result<Response, ApiError> {
    let actor =
        fields.once_actor(signed_in.actor(), &format!("POST /console/accounts/{id}/second-factor"))?;
    match second_factor::remove(&state, &actor, &id).await {
        Ok(_) => Ok(after(&format!("/console/accounts/{id}"), "factor_reset").into_response()),
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(signed_in.page.lang, &error, PLACES);
            let signed_in = signed_in.shown_at(format!("/console/accounts/{id}"));
            account_page(&state, signed_in, &id, None, faults).await
        }
        Err(error) => Err(error),
    }
}

async fn apply(
    state: &AppState,
    signed_in: SignedIn,
    id: &str,
    fields: Fields,
    change: AccountChange,
    done: &str,
) -> Result<Response, ApiError> {
    let actor = fields.once_actor(signed_in.actor(), &format!("POST /console/accounts/{id}"))?;
    match accounts::change(state, &actor, id, change).await {
        Ok(_) => Ok(after(&format!("/console/accounts/{id}"), done).into_response()),
        Err(error) if form::belongs_to_form(&error) => {
            let faults = Faults::of(signed_in.page.lang, &error, PLACES);
            let kept = fields.has("with_roles", "yes").then_some(fields);
            let signed_in = signed_in.shown_at(format!("/console/accounts/{id}"));
            account_page(state, signed_in, id, kept, faults).await
        }
        Err(error) => Err(error),
    }
}

async fn new_page(
    state: &AppState,
    signed_in: SignedIn,
    fields: Fields,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let departments = Departments::load(&mut conn, signed_in.actor()).await?;
    let (p, status) = (signed_in.page, status_of(&faults));
    let roles = choices(&p, &roles_of(&fields));
    Ok((status, render(&NewPage { p, fields, faults, roles, departments, once: new_once() })?)
        .into_response())
}

/// `kept` is what a refused form said; what stands in the register otherwise.
async fn account_page(
    state: &AppState,
    signed_in: SignedIn,
    id: &str,
    kept: Option<Fields>,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let view = views::accounts::show(&mut conn, signed_in.actor(), id).await?;
    let departments = Departments::load(&mut conn, signed_in.actor()).await?;
    let roles = kept.as_ref().map_or_else(|| view.roles.clone(), roles_of);
    let fields = kept.unwrap_or_else(|| {
        Fields::from([
            ("name", view.name.clone()),
            ("certificate_no", view.certificate_no.clone()),
            ("department", view.department.clone()),
        ])
    });
    let status = status_of(&faults);
    let page = AccountPage {
        may_manage: authorise(signed_in.actor(), Action::ManageAccounts, &view.department).is_ok(),
        own: view.id == signed_in.actor().id(),
        roles: choices(&signed_in.page, &roles),
        row: row(&signed_in.page, view),
        p: signed_in.page,
        fields,
        faults,
        departments,
        once: new_once(),
    };
    Ok((status, render(&page)?).into_response())
}

fn status_of(faults: &Faults) -> StatusCode {
    if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

fn roles_of(fields: &Fields) -> Roles {
    fields.all("roles").iter().filter_map(|role| role.parse::<Role>().ok()).collect()
}

fn row(p: &Page, view: AccountView) -> Row {
    let active = view.state == accounts::ACTIVE;
    let (tone, text) = match active {
        true => ("good", p.t("在用", "Active")),
        false => ("plain", p.t("已停用", "Inactive")),
    };
    let roles = ROLES.into_iter().filter(|role| view.roles.contains(*role));
    Row {
        roles: roles.map(|role| words::role(p.lang, role)).collect(),
        state: Badge { tone, text },
        active,
        view,
    }
}

fn choices(p: &Page, given: &Roles) -> Vec<RoleChoice> {
    let choice = |role| RoleChoice {
        name: Role::to_string(&role),
        word: words::role(p.lang, role),
        means: means(p, role),
        checked: given.contains(role),
    };
    ROLES.map(choice).into()
}

fn means(p: &Page, role: Role) -> &'static str {
    match role {
        Role::Inspector => p.t("用手机开展现场检查", "Makes visits, with a phone"),
        Role::Supervisor => p.t("下达任务、处理分歧、审核", "Dispatches, decides disagreements, reviews"),
        Role::DepartmentAdministrator => p.t("管理账号、设备和名录", "Keeps accounts, devices and registers"),
        Role::Auditor => p.t("可查看全部，不能更改", "Reads everything, changes nothing"),
    }
}
