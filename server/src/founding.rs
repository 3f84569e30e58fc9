//! The first administrator: nobody is there yet who could authorise the act, so whoever holds the
//! data folder does.

use crate::{
    ApiError, AppState,
    acts::{
        access::{accounts, accounts::NewAccount, departments},
        text,
    },
    config::Config,
    store,
};
use anyhow::bail;
use futures::FutureExt;

/// Creates the account, and the department at the top unless it is there. Returns the account's id.
pub async fn found(config: Config, department: String, new: NewAccount) -> anyhow::Result<String> {
    let (state, background) = AppState::open(config).await?;
    let outcome = create(&state, department, new).await;
    state.close(background).await?;
    match outcome {
        Ok(id) => Ok(id),
        Err(error) => bail!("{error}"),
    }
}

/// The same, in a folder that is open.
pub async fn create(state: &AppState, department: String, new: NewAccount) -> Result<String, ApiError> {
    let department = text::line("department", &department)?;
    let plan = accounts::plan_new(new, String::new())?;
    let password_hash = state.passwords.hash(plan.password).await?;
    let account = plan.account;
    let committed = state.ledger.commit(move |tx| {
        async move {
            let known = store::departments::by_name(tx.conn(), &department).await?;
            let found = match (known, store::departments::top(tx.conn()).await?) {
                (Some(found), _) => found,
                (None, None) => departments::found(tx, None, None, department).await?,
                // Whoever administers the top is trusted with everything below it, which is everything.
                (None, Some(top)) => {
                    let detail =
                        format!("there is no department {department}, and {} is at the top", top.name);
                    return Err(ApiError::conflict("department.top_taken", detail));
                }
            };
            let account = store::accounts::AccountRow { department: found.id, ..account };
            accounts::admit(tx, None, account, password_hash).await
        }
        .boxed()
    });
    Ok(committed.await?.output.id)
}
