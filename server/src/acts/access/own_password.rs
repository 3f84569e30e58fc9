//! Changing one's own password.

use super::{Actor, accounts, commit_as, guard, once};
use crate::{
    ApiError, AppState,
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, accounts::AccountRow},
};
use futures::FutureExt;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub current: String,
    #[schema(min_length = 10, max_length = 256)]
    pub new: String,
}

/// Changes it for whoever knows the present one. Guessing that is counted like guessing at sign-in,
/// since a sign-in left open must not be a way around. The other sign-ins end.
pub async fn change(
    state: &AppState,
    actor: &Actor,
    family: &str,
    change: PasswordChange,
) -> Result<(), ApiError> {
    let login = &actor.account.login;
    guard::admit(state, login).await?;
    let mut conn = state.store.read().await?;
    let credential = store::credentials::by_account(&mut conn, actor.id()).await?;
    drop(conn);
    let present = credential.map(|credential| credential.password_hash);
    if !state.passwords.verify(change.current, present).await? {
        // A repeat of the request that changed it names the password of before.
        if once::was_carried_out(state, actor).await? {
            return Ok(());
        }
        let refusal = ApiError::forbidden("password.wrong", "the present password is another one");
        return Err(guard::refuse(state, login, refusal).await);
    }
    let password_hash = state.passwords.hash(change.new).await?;
    let (account, family) = (actor.account.clone(), family.to_owned());
    commit_as(state, actor, move |tx| apply(tx, account, family, password_hash).boxed()).await?;
    Ok(())
}

async fn apply(
    tx: &mut Tx,
    account: AccountRow,
    family: String,
    password_hash: String,
) -> Result<(), ApiError> {
    guard::admit_in(tx, &account.login).await?;
    // The account changes too: that is how a sign-in with the old password learns of it.
    let account = AccountRow { changed_at_ms: tx.now_ms(), ..account };
    store::accounts::save(tx.conn(), &account).await?;
    let credential = accounts::save_password(tx, &account, password_hash).await?;
    store::sessions::end_others(tx.conn(), &account.id, &family, account.changed_at_ms, "password_changed")
        .await?;
    tx.act(NewAct {
        kind: "account.password_changed",
        actor: Some(account.id.clone()),
        detail: json!({ "id": account.id, "login": account.login }),
        rows: vec![account.commitment(), credential],
        blobs: Vec::new(),
    })
    .await?;
    Ok(())
}
