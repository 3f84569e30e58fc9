//! The second factor: set up by the person, asked for at each sign-in, reset by an administrator.
//!
//! A secret is shown to one sign-in and counts once that sign-in has sent a code made with it. The
//! ledger says when and for whom; the secret is in a committed row, of which it holds the digest.

use super::{Action, Actor, Roles, accounts, authorise, commit_as, one_time};
use crate::{
    ApiError, AppState,
    config::SecondFactorRule,
    ledger::{NewAct, Tx},
    store::{
        self, CommittedRow as _, Connection,
        accounts::AccountRow,
        second_factors::{PendingRow, SecondFactorRow},
    },
};
use futures::FutureExt;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Time to find the phone and install an authenticator.
const PENDING_MS_MAX: i64 = 15 * 60 * 1000;

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactorState {
    /// Set up; every sign-in needs a code.
    Confirmed,
    /// Required and not set up; nothing else can be done before.
    Missing,
    /// Not set up, and nobody requires it.
    NotRequired,
}

/// A secret for the person's authenticator, shown while it is being set up.
pub struct NewFactor {
    /// Base32.
    pub secret: String,
    /// `otpauth://…`, for a QR code.
    pub uri: String,
}

/// Where somebody with these roles stands.
pub async fn state_of(
    conn: &mut Connection,
    rule: SecondFactorRule,
    account: &str,
    roles: &Roles,
) -> Result<FactorState, ApiError> {
    let confirmed = store::second_factors::by_account(conn, account).await?.is_some();
    let required = rule == SecondFactorRule::Required && roles.need_second_factor();
    Ok(match (confirmed, required) {
        (true, _) => FactorState::Confirmed,
        (false, true) => FactorState::Missing,
        (false, false) => FactorState::NotRequired,
    })
}

/// Gives a secret to set up. The same sign-in gets the same one for a while, so that a page may be
/// loaded again.
pub async fn begin(state: &AppState, actor: &Actor, family: &str) -> Result<NewFactor, ApiError> {
    let (account, family) = (actor.id().to_owned(), family.to_owned());
    let begun = state.ledger.commit(move |tx| give_secret(tx, account, family).boxed());
    let secret = begun.await?.output;
    Ok(NewFactor { secret: one_time::shown(&secret), uri: one_time::uri(&secret, &actor.account.login)? })
}

/// Puts the secret in force that this sign-in was given. Other sign-ins, which a password alone had
/// opened, end.
pub async fn confirm(state: &AppState, actor: &Actor, family: &str, code: &str) -> Result<(), ApiError> {
    let (account, family, code) = (actor.id().to_owned(), family.to_owned(), code.to_owned());
    let confirmed = commit_as(state, actor, move |tx| apply_confirmation(tx, account, family, code).boxed());
    confirmed.await?;
    Ok(())
}

/// Resets the factor of an account the actor administers, other than their own, and ends its sign-ins.
pub async fn remove(state: &AppState, actor: &Actor, id: &str) -> Result<AccountRow, ApiError> {
    let mut conn = state.store.read().await?;
    let account = store::accounts::by_id(&mut conn, id).await?.ok_or_else(|| accounts::unknown(id))?;
    drop(conn);
    authorise(actor, Action::ManageAccounts, &account.department)?;
    let roles = Roles::parse(&account.roles);
    accounts::authorise_auditor(actor, &roles, &roles, &account.department)?;
    if account.id == actor.id() {
        let detail = "nobody removes their own second factor; another administrator does";
        return Err(ApiError::forbidden("account.own_change", detail));
    }
    let by = actor.id().to_owned();
    let removed = commit_as(state, actor, move |tx| apply_removal(tx, by, account).boxed());
    Ok(removed.await?.output)
}

async fn give_secret(tx: &mut Tx, account: String, family: String) -> Result<Vec<u8>, ApiError> {
    if store::second_factors::by_account(tx.conn(), &account).await?.is_some() {
        return Err(already_confirmed());
    }
    let now_ms = tx.now_ms();
    if let Some(pending) = pending(tx, &account, &family).await? {
        return Ok(pending.secret);
    }
    let pending = PendingRow {
        account,
        family,
        secret: one_time::new_secret(),
        expires_at_ms: now_ms + PENDING_MS_MAX,
    };
    store::second_factors::save_pending(tx.conn(), &pending).await?;
    Ok(pending.secret)
}

/// What this sign-in was shown and may still confirm.
async fn pending(tx: &mut Tx, account: &str, family: &str) -> Result<Option<PendingRow>, ApiError> {
    let now_ms = tx.now_ms();
    let pending = store::second_factors::pending(tx.conn(), account).await?;
    Ok(pending.filter(|pending| pending.family == family && pending.expires_at_ms > now_ms))
}

async fn apply_confirmation(
    tx: &mut Tx,
    account: String,
    family: String,
    code: String,
) -> Result<(), ApiError> {
    if store::second_factors::by_account(tx.conn(), &account).await?.is_some() {
        return Err(already_confirmed());
    }
    let Some(pending) = pending(tx, &account, &family).await? else {
        let detail = "no second factor is being set up in this sign-in; begin again";
        return Err(ApiError::conflict("second_factor.not_begun", detail));
    };
    let now_ms = tx.now_ms();
    let Some(step) = one_time::step_of(&pending.secret, &code, now_ms) else {
        let detail = "the code does not belong to this secret and time; is the clock right?";
        return Err(ApiError::conflict("second_factor.wrong_code", detail));
    };
    let row = SecondFactorRow { account, secret: pending.secret, confirmed_at_ms: now_ms };
    store::second_factors::insert(tx.conn(), &row).await?;
    // Nobody signs in with the code that has just been typed.
    store::second_factors::take_step(tx.conn(), &row.account, step).await?;
    store::sessions::end_others(tx.conn(), &row.account, &family, now_ms, "second_factor_confirmed").await?;
    tx.act(NewAct {
        kind: "second_factor.confirmed",
        actor: Some(row.account.clone()),
        detail: json!({ "account": row.account }),
        rows: vec![row.commitment()],
        blobs: Vec::new(),
    })
    .await?;
    Ok(())
}

async fn apply_removal(tx: &mut Tx, by: String, planned_on: AccountRow) -> Result<AccountRow, ApiError> {
    let account = accounts::unchanged(tx, &planned_on).await?;
    let Some(row) = store::second_factors::by_account(tx.conn(), &account.id).await? else {
        let detail = format!("{} has no second factor", account.login);
        return Err(ApiError::conflict("second_factor.unknown", detail));
    };
    let now_ms = tx.now_ms();
    store::second_factors::remove(tx.conn(), &account.id).await?;
    store::sessions::end_all(tx.conn(), &account.id, now_ms, "second_factor_removed").await?;
    tx.act(NewAct {
        kind: "second_factor.removed",
        actor: Some(by),
        detail: json!({ "account": account.id, "login": account.login }),
        rows: vec![row.removal()],
        blobs: Vec::new(),
    })
    .await?;
    Ok(account)
}

fn already_confirmed() -> ApiError {
    let detail = "there is a second factor; an administrator can reset it";
    ApiError::conflict("second_factor.already_confirmed", detail)
}
