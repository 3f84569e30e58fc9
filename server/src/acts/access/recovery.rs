//! What helps when nobody can sign in any more: done by whoever holds the data folder, at its command
//! line. No account authorises it, and the ledger says so.

use super::accounts::{self, DATA_FOLDER};
use crate::{
    ApiError, AppState,
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, accounts::AccountRow},
};
use futures::FutureExt;
use serde_json::json;

/// Gives a login a new password, or takes its second factor away, or both. Its sign-ins end.
pub async fn reset(
    state: &AppState,
    login: &str,
    password: Option<String>,
    second_factor: bool,
) -> Result<AccountRow, ApiError> {
    let login = accounts::check_login(login.trim())?;
    let password_hash = match password {
        Some(password) => Some(state.passwords.hash(password).await?),
        None => None,
    };
    let reset = state.ledger.commit(move |tx| apply_reset(tx, login, password_hash, second_factor).boxed());
    Ok(reset.await?.output)
}

/// Forgets the failed sign-ins under a login, which then need not wait.
pub async fn unlock(state: &AppState, login: &str) -> Result<AccountRow, ApiError> {
    let login = accounts::check_login(login.trim())?;
    let unlocked = state.ledger.commit(move |tx| apply_unlock(tx, login).boxed());
    Ok(unlocked.await?.output)
}

async fn apply_reset(
    tx: &mut Tx,
    login: String,
    password_hash: Option<String>,
    second_factor: bool,
) -> Result<AccountRow, ApiError> {
    let account = AccountRow { changed_at_ms: tx.now_ms(), ..find(tx, &login).await? };
    store::accounts::save(tx.conn(), &account).await?;
    let mut rows = vec![account.commitment()];
    let mut detail = json!({ "id": account.id, "login": account.login, "by": DATA_FOLDER });
    if let Some(password_hash) = password_hash {
        rows.push(accounts::save_password(tx, &account, password_hash).await?);
        detail["password_changed"] = true.into();
    }
    if second_factor && let Some(row) = store::second_factors::by_account(tx.conn(), &account.id).await? {
        store::second_factors::remove(tx.conn(), &account.id).await?;
        rows.push(row.removal());
        detail["second_factor_removed"] = true.into();
    }
    store::sessions::end_all(tx.conn(), &account.id, account.changed_at_ms, "account_reset").await?;
    store::credentials::forget_failures(tx.conn(), &account.login).await?;
    tx.act(NewAct { kind: "account.reset", actor: None, detail, rows, blobs: Vec::new() }).await?;
    Ok(account)
}

async fn apply_unlock(tx: &mut Tx, login: String) -> Result<AccountRow, ApiError> {
    let account = find(tx, &login).await?;
    store::credentials::forget_failures(tx.conn(), &account.login).await?;
    let detail = json!({ "id": account.id, "login": account.login, "by": DATA_FOLDER });
    let act = NewAct { kind: "account.unlocked", actor: None, detail, rows: Vec::new(), blobs: Vec::new() };
    tx.act(act).await?;
    Ok(account)
}

async fn find(tx: &mut Tx, login: &str) -> Result<AccountRow, ApiError> {
    let account = store::accounts::by_login(tx.conn(), login).await?;
    account.ok_or_else(|| ApiError::not_found("account.unknown", format!("no account with login {login}")))
}
