//! Creating and changing accounts.

use super::{Action, Actor, Role, Roles, authorise, commit_as};
use crate::{
    ApiError, AppState,
    acts::{new_id, text},
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, accounts::AccountRow, credentials::CredentialRow},
};
use futures::FutureExt;
use liuhen_trace::act::RowCommitment;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// The stable names of an account's states, as its row has them.
pub const ACTIVE: &str = "active";
pub const INACTIVE: &str = "inactive";

/// Who did what no account did: whoever holds the data folder may do everything in it.
pub const DATA_FOLDER: &str = "the holder of the data folder";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    Active,
    Inactive,
}

impl AccountState {
    fn name(self) -> &'static str {
        match self {
            AccountState::Active => ACTIVE,
            AccountState::Inactive => INACTIVE,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Letters are kept in lower case.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9._@\u3400-\u9fff-]+$")]
    pub login: String,
    #[schema(min_length = 10, max_length = 256)]
    pub password: String,
    /// Real name.
    #[schema(value_type = text::Line)]
    pub name: String,
    /// Required of inspectors.
    #[serde(default)]
    #[schema(value_type = text::OptionalLine)]
    pub certificate_no: String,
    /// The actor's own when absent.
    #[serde(default)]
    pub department: Option<String>,
    pub roles: Roles,
}

/// What is to be different; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    #[schema(value_type = Option<text::Line>)]
    pub name: Option<String>,
    #[schema(value_type = Option<text::OptionalLine>)]
    pub certificate_no: Option<String>,
    pub department: Option<String>,
    pub roles: Option<Roles>,
    pub state: Option<AccountState>,
    #[schema(min_length = 10, max_length = 256)]
    pub password: Option<String>,
}

/// Creates an account in a department the actor administers.
pub async fn create(state: &AppState, actor: &Actor, new: NewAccount) -> Result<AccountRow, ApiError> {
    let department = new.department.clone().unwrap_or_else(|| actor.account.department.clone());
    authorise(actor, Action::ManageAccounts, &department)?;
    authorise_auditor(actor, &Roles::default(), &new.roles, &department)?;
    let plan = plan_new(new, department)?;
    let password_hash = state.passwords.hash(plan.password).await?;
    let by = actor.id().to_owned();
    let account = plan.account;
    let committed = commit_as(state, actor, move |tx| admit(tx, Some(by), account, password_hash).boxed());
    Ok(committed.await?.output)
}

/// Writes rows and act of an account whose login is free.
pub async fn admit(
    tx: &mut Tx,
    actor: Option<String>,
    account: AccountRow,
    password_hash: String,
) -> Result<AccountRow, ApiError> {
    if store::accounts::by_login(tx.conn(), &account.login).await?.is_some() {
        return Err(ApiError::conflict(
            "account.login_taken",
            format!("there is an account {}", account.login),
        ));
    }
    let now_ms = tx.now_ms();
    let account = AccountRow { created_at_ms: now_ms, changed_at_ms: now_ms, ..account };
    store::accounts::save(tx.conn(), &account).await?;
    let credential = save_password(tx, &account, password_hash).await?;
    let mut detail = describe(&account);
    if actor.is_none() {
        detail["by"] = DATA_FOLDER.into();
    }
    tx.act(NewAct {
        kind: "account.created",
        actor,
        detail,
        rows: vec![account.commitment(), credential],
        blobs: Vec::new(),
    })
    .await?;
    Ok(account)
}

/// A checked account that is not written yet, and its password.
pub struct Plan {
    pub account: AccountRow,
    pub password: String,
}

/// Checks what was typed.
pub fn plan_new(new: NewAccount, department: String) -> Result<Plan, ApiError> {
    let account = AccountRow {
        id: new_id(),
        login: check_login(&new.login)?,
        name: text::line("name", &new.name)?,
        certificate_no: text::optional_line("certificate_no", &new.certificate_no)?,
        department,
        roles: new.roles.to_string(),
        state: ACTIVE.to_owned(),
        created_at_ms: 0,
        changed_at_ms: 0,
    };
    check_roles(&new.roles, &account.certificate_no)?;
    Ok(Plan { account, password: new.password })
}

/// Changes an account in a department the actor administers. A new password, other roles or the
/// end of the account end its sign-ins.
pub async fn change(
    state: &AppState,
    actor: &Actor,
    id: &str,
    change: AccountChange,
) -> Result<AccountRow, ApiError> {
    let mut conn = state.store.read().await?;
    let before = store::accounts::by_id(&mut conn, id).await?.ok_or_else(|| unknown(id))?;
    drop(conn);
    authorise_change(actor, &before, &change)?;
    let password_hash = match change.password.clone() {
        Some(password) => Some(state.passwords.hash(password).await?),
        None => None,
    };
    let by = actor.id().to_owned();
    let committed =
        commit_as(state, actor, move |tx| apply_change(tx, by, before, change, password_hash).boxed());
    Ok(committed.await?.output)
}

/// The error for an account that is not there.
pub fn unknown(id: &str) -> ApiError {
    ApiError::not_found("account.unknown", format!("no account {id}"))
}

fn authorise_change(actor: &Actor, before: &AccountRow, change: &AccountChange) -> Result<(), ApiError> {
    authorise(actor, Action::ManageAccounts, &before.department)?;
    if let Some(department) = &change.department {
        authorise(actor, Action::ManageAccounts, department)?;
    }
    let roles = Roles::parse(&before.roles);
    authorise_auditor(actor, &roles, change.roles.as_ref().unwrap_or(&roles), &before.department)?;
    let own = before.id == actor.id();
    if own && (change.roles.is_some() || change.state.is_some() || change.department.is_some()) {
        let detail = "nobody changes their own roles, state or department";
        return Err(ApiError::forbidden("account.own_change", detail));
    }
    // A sign-in left open must not be enough to take the account over.
    if own && change.password.is_some() {
        let detail = "one's own password is changed by giving the present one";
        return Err(ApiError::forbidden("account.own_change", detail));
    }
    Ok(())
}

/// Auditors read every department, so only an administrator of all of them appoints one, or changes
/// anything of one: whoever sets an auditor's password can sign in as the auditor.
pub(super) fn authorise_auditor(
    actor: &Actor,
    before: &Roles,
    after: &Roles,
    department: &str,
) -> Result<(), ApiError> {
    match before.contains(Role::Auditor) || after.contains(Role::Auditor) {
        true => authorise(actor, Action::AppointAuditors, department),
        false => Ok(()),
    }
}

/// The account as it was when something was planned on it.
pub(super) async fn unchanged(tx: &mut Tx, planned_on: &AccountRow) -> Result<AccountRow, ApiError> {
    let present = store::accounts::by_id(tx.conn(), &planned_on.id).await?;
    present.filter(|present| present == planned_on).ok_or_else(|| {
        ApiError::conflict("account.changed_meanwhile", "somebody changed this account; look again")
    })
}

/// Writes the password of an account as of its last change, for the act to list.
pub(super) async fn save_password(
    tx: &mut Tx,
    account: &AccountRow,
    password_hash: String,
) -> Result<RowCommitment, ApiError> {
    let changed_at_ms = account.changed_at_ms;
    let credential = CredentialRow { account: account.id.clone(), password_hash, changed_at_ms };
    store::credentials::save(tx.conn(), &credential).await?;
    Ok(credential.commitment())
}

async fn apply_change(
    tx: &mut Tx,
    actor: String,
    planned_on: AccountRow,
    change: AccountChange,
    password_hash: Option<String>,
) -> Result<AccountRow, ApiError> {
    let planned_on = unchanged(tx, &planned_on).await?;
    let ends_sessions = change.roles.is_some() || change.state.is_some() || password_hash.is_some();
    let account = AccountRow { changed_at_ms: tx.now_ms(), ..plan_change(planned_on, change)? };
    if store::departments::by_id(tx.conn(), &account.department).await?.is_none() {
        return Err(ApiError::not_found("department.unknown", account.department));
    }
    store::accounts::save(tx.conn(), &account).await?;
    let mut rows = vec![account.commitment()];
    let mut detail = describe(&account);
    if let Some(password_hash) = password_hash {
        rows.push(save_password(tx, &account, password_hash).await?);
        detail["password_changed"] = true.into();
    }
    if ends_sessions {
        store::sessions::end_all(tx.conn(), &account.id, account.changed_at_ms, "account_changed").await?;
    }
    tx.act(NewAct { kind: "account.changed", actor: Some(actor), detail, rows, blobs: Vec::new() }).await?;
    Ok(account)
}

fn plan_change(before: AccountRow, change: AccountChange) -> Result<AccountRow, ApiError> {
    let mut account = before;
    if let Some(name) = change.name {
        account.name = text::line("name", &name)?;
    }
    if let Some(certificate_no) = change.certificate_no {
        account.certificate_no = text::optional_line("certificate_no", &certificate_no)?;
    }
    if let Some(department) = change.department {
        account.department = department;
    }
    if let Some(roles) = change.roles {
        account.roles = roles.to_string();
    }
    if let Some(state) = change.state {
        account.state = state.name().to_owned();
    }
    // Here it is the account as it is that does not allow the change.
    check_roles(&Roles::parse(&account.roles), &account.certificate_no)
        .map_err(|error| ApiError::conflict(error.code(), error.detail()))?;
    Ok(account)
}

fn check_roles(roles: &Roles, certificate_no: &str) -> Result<(), ApiError> {
    if roles.is_empty() {
        return Err(ApiError::unprocessable("account.no_role", "an account has at least one role"));
    }
    // 行政执法证件: who inspects shows a certificate, and the record names its number.
    if roles.contains(Role::Inspector) && certificate_no.is_empty() {
        return Err(ApiError::unprocessable(
            "account.certificate_missing",
            "an inspector has a certificate number",
        ));
    }
    Ok(())
}

/// One spelling of a login: in lower case.
pub fn check_login(login: &str) -> Result<String, ApiError> {
    /// Typed on a phone's keyboard; a mobile number or a name with an initial fits.
    const LOGIN_CHARS_MAX: usize = 64;
    // Before it is copied: strangers send what they like.
    let login = if login.len() > 4 * LOGIN_CHARS_MAX { String::new() } else { login.to_lowercase() };
    let fits =
        |c: char| c.is_ascii_alphanumeric() || ('\u{3400}'..='\u{9fff}').contains(&c) || "._-@".contains(c);
    if login.is_empty() || login.chars().count() > LOGIN_CHARS_MAX || !login.chars().all(fits) {
        let detail = "a login is 1 to 64 letters, digits, dots, hyphens, underscores and @";
        return Err(ApiError::unprocessable("account.bad_login", detail));
    }
    Ok(login)
}

/// For people; without anything secret.
fn describe(account: &AccountRow) -> serde_json::Value {
    json!({
        "id": account.id, "login": account.login, "name": account.name, "certificate_no": account.certificate_no,
        "department": account.department, "roles": account.roles, "state": account.state,
    })
}
